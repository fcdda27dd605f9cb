# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An nft table as data; render.py writes it as one text, which replaces an older one in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ansible_collections.ftfw.pair.plugins.module_utils.nft.contents import Flowtable

INDENT = "    "
_WIDTH = 100
"""Characters of a line of elements."""
_LONG = 200
"""Characters of an anonymous set that is still written on one line."""

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
    where: str = ""
    """Of what a site has written itself: where it stands there. It ends with a mark."""
    offloads: bool = False
    """Whether its rules add flows to the flowtable, and do nothing else."""


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
class Verdicts:
    """A chain that others jump to; what it does not decide goes back to them."""

    name: str
    blocks: tuple[Block, ...]

    @property
    def needed(self) -> bool:
        return bool(self.blocks)


@dataclass(frozen=True)
class Ranges:
    """A named set of addresses, which has what it is loaded with: prefixes, ranges and single ones."""

    name: str
    comment: str
    type: str
    elements: Iterable[str]
    """Read once, when it is written: there may be a million."""
    kind = "set"
    run_time = False


@dataclass(frozen=True)
class Counter:
    """A named counter: whoever replaces the table can keep what it has counted."""

    name: str
    comment: str


@dataclass(frozen=True)
class Set:
    """A named set, or a map where `type` has a colon. Its elements come and go at run time."""

    name: str
    comment: str
    type: str
    elements: tuple[str, ...] = ()
    """What is in it when it is loaded."""
    keyword: str = "type"
    """`typeof` where the type is that of an expression."""
    size: int | None = None
    """How many elements fit, where rules add them; such a one has none in the text."""
    run_time = True

    @property
    def kind(self) -> str:
        return "map" if ":" in self.type else "set"


@dataclass(frozen=True)
class Table:
    """Table inet NAME; `helpers` maps a connection tracking helper to its type, protocol and families."""

    name: str
    comment: str
    helpers: Mapping[str, tuple[str, str, tuple[int, ...]]]
    chains: tuple[Chain | Verdicts, ...]
    sets: tuple[Set | Ranges, ...] = ()
    counters: tuple[Counter, ...] = ()
    flowtables: tuple[Flowtable, ...] = ()
    own: tuple[Block, ...] = ()
    """What a site has written itself: sets, objects and chains."""


def blocks(*commented: tuple[str, list[str]]) -> tuple[Block, ...]:
    """Blocks from comments and rules; one without rules is left out."""
    return tuple(Block(comment, tuple(rules)) for comment, rules in commented if rules)


def quoted(names: Iterable[str]) -> str:
    return one_of(f'"{name}"' for name in names)


def one_of(items: Iterable[object]) -> str:
    """Write one value bare and several as an anonymous set, a large one on lines of its own."""
    texts = [str(item) for item in items]
    return texts[0] if len(texts) == 1 else braced(texts)


def braced(texts: Iterable[str]) -> str:
    lines = list(_filled(texts))
    if sum(map(len, lines)) <= _LONG:
        return f"{{ {' '.join(lines)} }}"
    return "\n".join(["{", *(f"{INDENT}{line}" for line in lines), "}"])


def _filled(texts: Iterable[str]) -> Iterator[str]:
    """Join texts by commas, as many on a line as it takes."""
    line: list[str] = []
    length = 0
    for text in texts:
        if line and length + len(text) > _WIDTH:
            yield ", ".join(line) + ","
            line, length = [], 0
        line.append(text)
        length += len(text) + 2
    if line:
        yield ", ".join(line)


def ports(ranges: Iterable[tuple[int, int]]) -> str:
    """Write ports sorted; ranges that touch become one, since nft refuses a set with overlaps."""
    return one_of(str(first) if first == last else f"{first}-{last}" for first, last in merged(ranges))


def merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sort ranges, and make one of those that overlap."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found
