# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a table as nft's text, and beside it what is in that text, and where."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from ansible_collections.ftfw.pair.plugins.module_utils.nft.contents import (
    Contents,
    ElementsAt,
    Flowtable,
    FragmentLines,
    Helper,
    NamedSet,
    Span,
    TextPlace,
    digest_of,
)
from ansible_collections.ftfw.pair.plugins.module_utils.nft.text import Source, read
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.nft import (
    INDENT,
    IP,
    Block,
    Chain,
    Counter,
    Ranges,
    Set,
    Table,
    Verdicts,
    braced,
)

Placed = TypeVar("Placed", ElementsAt, Span)


@dataclass(frozen=True)
class Rendered:
    """A table's text, and what is in it."""

    text: str
    contents: Contents


def render_ruleset(table: Table) -> Rendered:
    """Write the table; nft_ruleset puts it in the place of an older one."""
    written = _Writer([f"# {table.comment}", f"table inet {table.name} {{"])
    for counter in table.counters:
        written.section(_counter(counter))
    for name, of in sorted(table.helpers.items()):
        written.section(_helper(name, *of))
    for one in table.sets:
        first = written.section(_ranges(one) if isinstance(one, Ranges) else _set(one))
        if isinstance(one, Ranges) or one.elements:
            # behind the comment, the name, the type and the flags; before the closing brace
            last = len(written.lines) - 1
            end = (last, len(written.lines[last - 1]))
            written.elements.append(ElementsAt(one.name, (first + 4, 2 * len(INDENT)), end))
    for flowtable in table.flowtables:
        first = written.section(_flowtable(flowtable))
        written.offload(first, len(written.lines))
    for block in table.own:
        first = written.section(_block(block))
        written.note(block, first, len(written.lines), _in_table)
    for chain in (chain for chain in table.chains if chain.needed):
        written.chain(chain)
    written.lines += ["}", ""]
    return written.rendered(table)


@dataclass
class _Writer:
    """Lines, counted from 1, and what stands in which."""

    lines: list[str]
    elements: list[ElementsAt] = field(default_factory=list)
    fragments: list[FragmentLines] = field(default_factory=list)
    own: list[tuple[FragmentLines, Contents]] = field(default_factory=list)
    """What is in what a site has written itself, with a line before it that is not in the text."""
    offloading: list[Span] = field(default_factory=list)
    begun: bool = False

    def section(self, lines: list[str]) -> int:
        """Add a part of the table; returns the number of its first line."""
        if self.begun:
            self.lines.append("")
        self.begun = True
        first = len(self.lines) + 1
        self.lines += [f"{INDENT}{line}" if line else "" for line in lines]
        return first

    def chain(self, chain: Chain | Verdicts) -> None:
        lines = [f"chain {chain.name} {{"]
        if isinstance(chain, Chain):
            lines.append(
                f"{INDENT}type {chain.type} hook {chain.hook} priority {chain.priority}; "
                f"policy {chain.policy};"
            )
        noted: list[tuple[Block, int, int]] = []
        for block in chain.blocks:
            lines += [""] if len(lines) > 1 else []
            first = len(lines)
            lines += [f"{INDENT}{line}" if line else "" for line in _block(block)]
            if block.where or block.offloads:
                noted.append((block, first, len(lines) - 1))
        begin = self.section([*lines, "}"])
        for block, first, last in noted:
            self.note(block, begin + first, begin + last, _in_chain)

    def offload(self, first: int, last: int) -> None:
        """These lines have to go where there are no flowtables."""
        self.offloading.append(Span((first, 0), (last, len(self.lines[last - 1]))))

    def note(self, block: Block, first: int, last: int, around: Callable[[str], str]) -> None:
        """Remember lines of a block, its comment being the first."""
        if block.offloads:
            begin = first + 1
            for rule in block.rules:
                count = len(rule.splitlines())
                self.offload(begin, begin + count - 1)
                begin += count
        if block.where:
            fragment = FragmentLines(block.where, first + 1, last - 1)
            self.fragments.append(fragment)
            source = read(around("\n".join(self.lines[first : last - 1])), "inet", "any")
            self.own.append((fragment, source.contents))
            self.offloading += _moved(fragment, source.contents.offload)

    def rendered(self, table: Table) -> Rendered:
        text = "\n".join(self.lines)
        own = [contents for _fragment, contents in self.own]
        contents = Contents(
            f"inet {table.name}",
            len(self.lines) - 1,
            digest_of(text),
            None,
            (
                *(Helper(name, of[0], of[1]) for name, of in sorted(table.helpers.items())),
                *(helper for each in own for helper in each.helpers),
            ),
            (
                *(NamedSet(one.name, one.kind, one.run_time) for one in table.sets),
                *(one for each in own for one in each.sets),
            ),
            (*self.elements, *(one for where, each in self.own for one in _moved(where, each.elements))),
            (*(one.name for one in table.counters), *(name for each in own for name in each.counters)),
            (*table.flowtables, *(one for each in own for one in each.flowtables)),
            tuple(dict.fromkeys(name for each in own for name in each.devices)),
            tuple(self.fragments),
            tuple(self.offloading),
        )
        if self.offloading:
            plain = Source(text, contents).plain
            contents = replace(contents, digest_without_flowtables=digest_of(plain))
        return Rendered(text, contents)


def _in_table(text: str) -> str:
    return f"table inet any {{\n{text}\n}}"


def _in_chain(text: str) -> str:
    return f"table inet any {{ chain any {{\n{text}\n}} }}"


def _moved(fragment: FragmentLines, placed: Sequence[Placed]) -> list[Placed]:
    """Places of a fragment's own text, by the lines of the ruleset."""

    def moved(place: TextPlace) -> TextPlace:
        return place[0] + fragment.first - 2, place[1]

    return [replace(one, begin=moved(one.begin), end=moved(one.end)) for one in placed]


def _counter(one: Counter) -> list[str]:
    return [f"# {one.comment}", f"counter {one.name} {{}}"]


def _flowtable(one: Flowtable) -> list[str]:
    return [
        f"flowtable {one.name} {{",
        f"{INDENT}hook ingress priority filter",
        f"{INDENT}devices = {{ {', '.join(one.devices)} }}",
        "}",
    ]


def _helper(name: str, type_: str, protocol: str, families: tuple[int, ...]) -> list[str]:
    return [
        f"ct helper {name} {{",
        f'{INDENT}type "{type_}" protocol {protocol}',
        f"{INDENT}l3proto {IP[families[0]] if len(families) == 1 else 'inet'}",
        "}",
    ]


def _set(one: Set) -> list[str]:
    """Write a set; its flag tells whoever compares rulesets that its elements are no part of one."""
    return [
        f"# {one.comment}",
        f"{one.kind} {one.name} {{",
        f"{INDENT}{one.keyword} {one.type}",
        f"{INDENT}flags timeout",
        *([f"{INDENT}size {one.size}"] if one.size else []),
        *([f"{INDENT}elements = {{ {', '.join(one.elements)} }}"] if one.elements else []),
        "}",
    ]


def _ranges(one: Ranges) -> list[str]:
    elements = braced(one.elements).splitlines()
    return [
        f"# {one.comment}",
        f"set {one.name} {{",
        f"{INDENT}type {one.type}",
        f"{INDENT}flags interval",
        *(f"{INDENT}{line}" for line in (f"elements = {elements[0]}", *elements[1:])),
        "}",
    ]


def _block(block: Block) -> list[str]:
    return [f"# {block.comment}", *(line for rule in block.rules for line in rule.splitlines())]
