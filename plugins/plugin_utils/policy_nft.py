# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An nft table as data, and its text: one table, replaced as a whole in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_INDENT = "    "

# words of nft(8) by family
IP = {4: "ip", 6: "ip6"}
ICMP = {4: "icmp", 6: "icmpv6"}
NFPROTO = {4: "ipv4", 6: "ipv6"}
ERRORS = {
    4: "{ destination-unreachable, time-exceeded, parameter-problem }",
    6: "{ destination-unreachable, packet-too-big, time-exceeded, parameter-problem }",
}


@dataclass(frozen=True)
class Block:
    """Rules that belong together, under the comment that says why they are there."""

    comment: str
    rules: tuple[str, ...]


@dataclass(frozen=True)
class Chain:
    """A base chain. Without blocks it is left out, unless its policy is to drop."""

    name: str
    type: str
    hook: str
    priority: str
    policy: str
    blocks: tuple[Block, ...]

    @property
    def needed(self) -> bool:
        return bool(self.blocks) or self.policy == "drop"


@dataclass(frozen=True)
class Set:
    """A named set, or a map where `type` has a colon. Its elements come and go at run time."""

    name: str
    comment: str
    type: str
    elements: tuple[str, ...] = ()
    """What is in it when it is loaded."""

    @property
    def kind(self) -> str:
        return "map" if ":" in self.type else "set"


@dataclass(frozen=True)
class Table:
    """Table inet NAME; `helpers` maps a connection tracking helper to its protocol."""

    name: str
    comment: str
    helpers: Mapping[str, str]
    chains: tuple[Chain, ...]
    sets: tuple[Set, ...] = ()


def blocks(*commented: tuple[str, list[str]]) -> tuple[Block, ...]:
    """Blocks from comments and rules; one without rules is left out."""
    return tuple(Block(comment, tuple(rules)) for comment, rules in commented if rules)


def quoted(names: Iterable[str]) -> str:
    return one_of(f'"{name}"' for name in names)


def one_of(items: Iterable[object]) -> str:
    """Write one value bare and several as an anonymous set."""
    texts = [str(item) for item in items]
    return texts[0] if len(texts) == 1 else "{ " + ", ".join(texts) + " }"


def ports(ranges: Iterable[tuple[int, int]]) -> str:
    """Write ports sorted; ranges that touch become one, since nft refuses a set with overlaps."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return one_of(str(first) if first == last else f"{first}-{last}" for first, last in merged)


def render_ruleset(table: Table) -> str:
    """Write the table. The first two lines remove the old one, also where there is none yet."""
    lines = [
        f"# {table.comment}",
        f"table inet {table.name} {{}}",
        f"delete table inet {table.name}",
        "",
        f"table inet {table.name} {{",
    ]
    sections = [_helper(name, protocol) for name, protocol in sorted(table.helpers.items())]
    sections += [_set(one) for one in table.sets]
    sections += [_chain(chain) for chain in table.chains if chain.needed]
    for index, section in enumerate(sections):
        if index:
            lines.append("")
        lines += [f"{_INDENT}{line}" if line else "" for line in section]
    return "\n".join([*lines, "}", ""])


def _helper(name: str, protocol: str) -> list[str]:
    return [
        f"ct helper {name} {{",
        f'{_INDENT}type "{name}" protocol {protocol}',
        f"{_INDENT}l3proto inet",
        "}",
    ]


def _set(one: Set) -> list[str]:
    """Write a set; its flag tells whoever compares rulesets that its elements are no part of one."""
    return [
        f"# {one.comment}",
        f"{one.kind} {one.name} {{",
        f"{_INDENT}type {one.type}",
        f"{_INDENT}flags timeout",
        *([f"{_INDENT}elements = {{ {', '.join(one.elements)} }}"] if one.elements else []),
        "}",
    ]


def _chain(chain: Chain) -> list[str]:
    lines = [
        f"chain {chain.name} {{",
        f"{_INDENT}type {chain.type} hook {chain.hook} priority {chain.priority}; policy {chain.policy};",
    ]
    for block in chain.blocks:
        lines += ["", f"{_INDENT}# {block.comment}", *(f"{_INDENT}{rule}" for rule in block.rules)]
    return [*lines, "}"]
