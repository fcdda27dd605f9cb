# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to be known of the text of a table before nft reads it: whose it is, and where its elements stand.

nft(8) itself says whether the text is right. Here only comments, strings, braces and the ends of statements
are told apart, so that long lists of elements can be taken out of the text, and nothing but one table is
touched. No I/O.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
    (?P<comment>\#[^\n]*)
    | (?P<string>"[^"\n]*")
    | (?P<open>\{)
    | (?P<close>\})
    | (?P<end>[;\n])
    | (?P<space>(?:[ \t\r]|\\\n)+)
    | (?P<word>[^\s{};"\#\\]+|\\)
    """,
    re.VERBOSE,
)
_IN_LIST = re.compile(r'#[^\n]*|"[^"\n]*"|[{}]')
_COMMENT = re.compile(r"#[^\n]*")
_VARIABLES = ("define", "redefine", "undefine")
_SETS = ("set", "map")


class TextError(Exception):
    """The text is none that a table can be replaced by; names the line, counted from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}" if line else reason)
        self.line = line
        self.reason = reason


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
    """The text of a table, with the places of the elements of its sets and maps."""

    text: str
    elements: tuple[Elements, ...]

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    def without(self, names: set[str]) -> str:
        """The text without the elements of these sets; its lines keep their numbers."""
        parts, position = [], 0
        for one in self.elements:
            if one.name in names:
                parts += [self.text[position : one.start], "\n" * self.text.count("\n", one.start, one.end)]
                position = one.end
        return "".join([*parts, self.text[position:]])

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


def read(text: str, family: str, table: str) -> Source:
    """Find the elements in a text that declares this table and nothing else; TextError if it does more."""
    reader = _Reader(text, ("table", family, table))
    reader.run()
    return Source(text, tuple(reader.elements))


def read_inner(text: str) -> None:
    """Check a text that is to stand inside of a chain: TextError if it ends more than it begins."""
    around = "table inet any { chain any {"
    reader = _Reader(f"{around} {text}", ("table", "inet", "any"), floor=2)
    reader.run()


class _Reader:
    """Goes through a text once, from statement to statement.

    `floor` is how many blocks are open when the text has come to its end, and never fewer from then on.
    """

    def __init__(self, text: str, ours: tuple[str, str, str], floor: int = 0) -> None:
        self.text = text
        self.ours = ours
        self.floor = floor
        self.elements: list[Elements] = []
        self.blocks: list[tuple[str, ...]] = []
        """The words before each brace that is open now."""
        self.words: list[str] = []
        self.start = 0
        """Where the first of the words stands."""
        self.seen = False

    def run(self) -> None:
        position = 0
        while position < len(self.text):
            match = _TOKEN.match(self.text, position)
            if match is None:
                raise self.error(position, "a string does not end on its line; close the quotes")
            position = match.end()
            if match.lastgroup in ("word", "string"):
                self.start = self.start if self.words else match.start()
                self.words.append(match[0])
            elif match.lastgroup == "end":
                self.statement(match.start())
            elif match.lastgroup == "open":
                position = self.open(match.start()) or position
            elif match.lastgroup == "close":
                self.statement(match.start())
                if len(self.blocks) <= self.floor:
                    raise self.error(match.start(), "a } that closes nothing; take it away")
                self.blocks.pop()
        self.statement(len(self.text))
        if len(self.blocks) > self.floor:
            raise self.error(len(self.text), "a { is not closed; add the }")
        if not self.seen:
            raise TextError(0, f"there is no table in the text; write {' '.join(self.ours)} {{ … }}")

    def statement(self, end: int) -> None:
        """A statement without a block has ended."""
        words, self.words = self.words, []
        if words[:1] == ["include"]:
            raise self.error(self.start, "include is not followed; write what is in that file")
        if words and not self.blocks and words[0] not in _VARIABLES:
            raise self.error(
                self.start,
                f"'{' '.join(words)}' stands outside of the table; only define and {' '.join(self.ours)} can",
            )
        if self.in_set() and words[:2] == ["elements", "="]:
            # elements = $variable
            self.elements.append(Elements(self.blocks[-1][-1], self.start, end, None, 0))

    def in_set(self) -> bool:
        return len(self.blocks) == 2 and self.blocks[-1][0] in _SETS

    def open(self, place: int) -> int | None:
        """A brace opens a block. A list of elements is gone through at once; its end is returned."""
        words, self.words = self.words, []
        if self.in_set() and words == ["elements", "="]:
            end = self.end_of_list(place)
            listed = " ".join(self.text[place + 1 : end - 1].split())
            digest = None if "$" in listed else hashlib.sha256(listed.encode()).hexdigest()
            count = listed.rstrip(" ,").count(",") + 1 if listed else 0
            self.elements.append(Elements(self.blocks[-1][-1], self.start, end, digest, count))
            return end
        if not self.blocks and words[:1] not in ([word] for word in _VARIABLES):
            if tuple(words[-3:]) != self.ours or words[:-3] not in ([], ["add"]):
                found, ours = " ".join(words), " ".join(self.ours)
                raise self.error(self.start, f"'{found}' is not ours; only {ours} is replaced")
            self.seen = True
        self.blocks.append(tuple(words) or ("",))
        return None

    def end_of_list(self, place: int) -> int:
        depth, position = 1, place + 1
        while depth:
            match = _IN_LIST.search(self.text, position)
            if match is None:
                raise self.error(place, "this { is not closed; add the }")
            depth += {"{": 1, "}": -1}.get(match[0], 0)
            position = match.end()
        return position

    def error(self, position: int, reason: str) -> TextError:
        return TextError(self.text.count("\n", 0, position) + 1, reason)
