# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of a table, with what has to be known of it before nft reads it.

What is in it comes beside it from the compiler, or is read from it (reader.py), which takes longer. No I/O.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate

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
from ansible_collections.ftfw.pair.plugins.module_utils.nft.reader import Reader, TextError

__all__ = ["Elements", "Source", "TextError", "read", "read_inner"]
_COMMENT = re.compile(r"#[^\n]*")


@dataclass(frozen=True)
class Elements:
    """A list of elements in the text: `start` and `end` include its `elements =`."""

    name: str
    start: int
    end: int
    digest: str | None
    """SHA-256 of what stands there; None where a variable stands for some of it."""
    count: int
    """How many there are, by their commas."""


@dataclass(frozen=True)
class Source:
    """The text of a table, with what is in it."""

    text: str
    contents: Contents
    ahead: int = 0
    """Lines of comments before those that the contents are about."""

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @cached_property
    def elements(self) -> tuple[Elements, ...]:
        return tuple(
            _elements(self.text, one.name, self._offset(one.begin), self._offset(one.end))
            for one in self.contents.elements
        )

    @cached_property
    def _places(self) -> Offsets:
        return Offsets(self.text)

    def _offset(self, place: TextPlace) -> int:
        return self._places.offset((place[0] + self.ahead, place[1]))

    @cached_property
    def plain(self) -> str:
        """The text without flowtables: the same rules, which all packets go through."""
        spans = ((self._offset(one.begin), self._offset(one.end)) for one in self.contents.offload)
        return without_spans(self.text, spans) if self.contents.offload else self.text

    def fragment_lines(self) -> tuple[FragmentLines, ...]:
        """What a site has written itself, by the lines of this text."""
        return tuple(
            replace(one, first=one.first + self.ahead, last=one.last + self.ahead)
            for one in self.contents.fragments
        )

    def without(self, names: set[str]) -> str:
        """The text without the elements of these sets; its lines keep their numbers."""
        return without_spans(self.text, ((one.start, one.end) for one in self.elements if one.name in names))

    def digests(self) -> dict[str, str | None]:
        """The digest of each set's elements, from all places in the text that have some."""
        found: dict[str, str | None] = {}
        for one in self.elements:
            if one.name not in found:
                found[one.name] = one.digest
                continue
            both = (found[one.name], one.digest)
            found[one.name] = None if None in both else hashlib.sha256(repr(both).encode()).hexdigest()
        return found

    def listed(self) -> dict[str, set[str]]:
        """The elements of each set, as they are written."""
        found: dict[str, set[str]] = {}
        for one in self.elements:
            inner = self.text[one.start : one.end].partition("{")[2].rpartition("}")[0]
            words = (" ".join(item.split()) for item in _COMMENT.sub("", inner).split(","))
            found.setdefault(one.name, set()).update(word for word in words if word)
        return found

    def counts(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for one in self.elements:
            found[one.name] = found.get(one.name, 0) + one.count
        return found

    def without_flowtables(self) -> Source:
        """The text without flowtables, with what is in it; its lines keep their numbers."""
        return Source(self.plain, self.contents.without_flowtables(), self.ahead)


def read(text: str, family: str, table: str, contents: Contents | None = None) -> Source:
    """Tell what is in a text that declares this table and nothing else; TextError if it does more.

    What is known of it beside, if anything, counts if its digest is that of this text, or of the same without
    flowtables.
    """
    known = described(text, f"{family} {table}", contents) if contents else None
    if known is not None:
        return known
    reader = Reader(text, ("table", family, table))
    reader.run()
    return _found(text, reader)


def described(text: str, table: str, contents: Contents) -> Source | None:
    """The text with what is known of it; None where that is another's. Comments may stand before it."""
    lines = text.rstrip("\n").split("\n")
    ahead = len(lines) - contents.lines
    if contents.table != table or ahead < 0:
        return None
    if any(line and not line.startswith("#") for line in lines[:ahead]):
        return None
    digest = digest_of("\n".join(lines[ahead:]))
    if digest == contents.digest_without_flowtables:
        contents = contents.without_flowtables()
    return Source(text, contents, ahead) if digest == contents.digest else None


def without_flowtables(text: str) -> str:
    """A text of any tables without their flowtables; one that can't be read stays, for nft to tell why."""
    if "flowtable" not in text and "flow add" not in text:
        return text
    reader = Reader(text, None)
    try:
        reader.run()
    except TextError:
        return text
    return without_spans(text, reader.flows)


def read_inner(text: str) -> None:
    """Check a text that is to stand inside of a chain: TextError if it ends more than it begins."""
    around = "table inet any { chain any {"
    reader = Reader(f"{around} {text}", ("table", "inet", "any"), floor=2)
    reader.run()


def without_spans(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """The text without what stands there; its lines keep their numbers."""
    parts, position = [], 0
    for start, end in sorted(spans):
        parts += [text[position:start], "\n" * text.count("\n", start, end)]
        position = end
    return "".join([*parts, text[position:]])


def _found(text: str, reader: Reader) -> Source:
    """What a reader has found, in the words that the compiler has for it."""
    places = Offsets(text)
    plain = without_spans(text, reader.flows) if reader.flows else text
    contents = Contents(
        " ".join((reader.ours or ())[1:]),
        text.rstrip("\n").count("\n") + 1,
        digest_of(text),
        digest_of(plain) if reader.flows else None,
        tuple(Helper(name, *of) for name, of in reader.helpers.items()),
        tuple(NamedSet(name, *of) for name, of in reader.sets.items()),
        tuple(ElementsAt(one.name, places.of(one.start), places.of(one.end)) for one in reader.lists),
        tuple(reader.counters),
        tuple(Flowtable(name, tuple(of)) for name, of in reader.flowtables.items()),
        tuple(reader.devices),
        tuple(
            FragmentLines(where, places.of(begin)[0] + 1, places.of(end)[0] - 1)
            for where, begin, end in reader.fragments
        ),
        tuple(Span(places.of(begin), places.of(end)) for begin, end in reader.flows),
    )
    return Source(text, contents)


class Offsets:
    """Lines and columns of a text, and how far from its beginning these are."""

    def __init__(self, text: str) -> None:
        self.starts = [0, *accumulate(len(line) + 1 for line in text.split("\n"))]

    def offset(self, place: TextPlace) -> int:
        return self.starts[place[0] - 1] + place[1]

    def of(self, offset: int) -> TextPlace:
        line = bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1]


def _elements(text: str, name: str, start: int, end: int) -> Elements:
    """Elements, with their digest and their number."""
    opened = text.find("{", start, end)
    if opened < 0:
        # elements = $variable
        return Elements(name, start, end, None, 0)
    listed = " ".join(text[opened + 1 : end - 1].split())
    digest = None if "$" in listed else hashlib.sha256(listed.encode()).hexdigest()
    count = listed.rstrip(" ,").count(",") + 1 if listed else 0
    return Elements(name, start, end, digest, count)
