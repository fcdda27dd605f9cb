# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one reader of nft texts that somebody has written: from statement to statement, once.

nft(8) itself says whether the text is right. Here only comments, strings, braces and the ends of statements
are told apart, and the few statements known that have to be: whose table it is, what it declares, where long
lists of elements stand, and what needs a flowtable. No I/O.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.ftfw.pair.plugins.module_utils.nft.fragments import marked

TOKEN = re.compile(
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
_VARIABLES = ("define", "redefine", "undefine")
_SETS = ("set", "map")
_RUN_TIME = {"timeout", "dynamic"}
_DEVICES = (("devices", "="), ("device", "="))


class LineError(Exception):
    """What is wrong with a text, and in which line (0 for none), counted from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}" if line else reason)
        self.line = line
        self.reason = reason


class TextError(LineError):
    """The text is none that a table can be replaced by."""


@dataclass(frozen=True)
class Word:
    """A word or a string, and where it stands."""

    text: str
    start: int
    end: int


def statements(text: str) -> Iterator[list[Word]]:
    """The words of each statement of a text, up to its end or to a brace; where a string is open it ends."""
    words: list[Word] = []
    position = 0
    while (match := TOKEN.match(text, position)) is not None:
        position = match.end()
        if match.lastgroup in ("word", "string"):
            words.append(Word(match[0], match.start(), match.end()))
        elif match.lastgroup in ("end", "open", "close") and words:
            yield words
            words = []
    if words:
        yield words


@dataclass(frozen=True)
class Open:
    """A block that is open: the words before its brace, and where the first of them stands."""

    words: tuple[str, ...]
    start: int


@dataclass(frozen=True)
class Listed:
    """Where the elements of a set stand; `start` and `end` include its `elements =`."""

    name: str
    start: int
    end: int


class Reader:
    """Goes through a text once, from statement to statement.

    `ours` is the table that it has to be; None for any tables and commands. `floor` is how many blocks are
    open when the text has come to its end, and never fewer from then on.
    """

    def __init__(self, text: str, ours: tuple[str, str, str] | None, floor: int = 0) -> None:
        self.text = text
        self.ours = ours
        self.floor = floor
        self.blocks: list[Open] = []
        self.words: list[str] = []
        self.start = 0
        """Where the first of the words stands."""
        self.seen = False
        self.lists: list[Listed] = []
        self.sets: dict[str, tuple[str, bool]] = {}
        """Kind of each set, and whether its elements come and go."""
        self.helpers: dict[str, tuple[str, str]] = {}
        self.counters: list[str] = []
        self.flowtables: dict[str, list[str]] = {}
        self.devices: list[str] = []
        self.fragments: list[tuple[str, int, int]] = []
        """What is marked as a site's own: where it is from, and the marks' places."""
        self.flows: list[tuple[int, int]] = []
        """What has to go where there are no flowtables."""

    def run(self) -> None:
        position = 0
        while position < len(self.text):
            match = TOKEN.match(self.text, position)
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
                self.close(position)
            elif match.lastgroup == "comment":
                self.comment(match[0], match.start())
        self.statement(len(self.text))
        if len(self.blocks) > self.floor:
            raise self.error(len(self.text), "a { is not closed; add the }")
        if self.ours and not self.seen:
            raise TextError(0, f"there is no table in the text; write {' '.join(self.ours)} {{ … }}")

    def statement(self, end: int) -> None:
        """A statement without a block has ended."""
        words, self.words = self.words, []
        if self.ours:
            self.check(words)
        if words and len(self.blocks) == 2:
            self.inside(self.blocks[1].words, words, end)
        elif words and len(self.blocks) == 3 and self.blocks[2].words[-2:] in _DEVICES:
            self.name_devices(words)

    def check(self, words: list[str]) -> None:
        """Refuse a statement that is about more than the table."""
        if words[:1] == ["include"]:
            raise self.error(self.start, "include is not followed; write what is in that file")
        if words and not self.blocks and words[0] not in _VARIABLES:
            raise self.error(
                self.start,
                f"'{' '.join(words)}' stands outside of the table; "
                f"only define and {' '.join(self.ours or ())} can",
            )

    def inside(self, block: tuple[str, ...], words: list[str], end: int) -> None:
        """A statement of a set, a helper, a flowtable or a chain."""
        if block[0] in _SETS:
            if words[:2] == ["elements", "="]:
                # elements = $variable
                self.lists.append(Listed(block[-1], self.start, end))
            flags = {flag for word in words[1:] for flag in word.split(",")} if words[0] == "flags" else set()
            if words[0] == "timeout" or flags & _RUN_TIME:
                self.sets[block[-1]] = (block[0], True)
        elif block[:2] == ("ct", "helper") and words[0] == "type" and words[2:3] == ["protocol"]:
            self.helpers[block[-1]] = (words[1].strip('"'), words[3])
        elif block[0] == "flowtable" and tuple(words[:2]) in _DEVICES:
            self.name_devices(words[2:])
        elif block[0] == "chain" and words[0] == "type" and "device" in words:
            self.name_devices(words[words.index("device") + 1 :][:1])
        elif block[0] == "chain" and "flow" in words:
            self.flow(end)

    def name_devices(self, words: list[str]) -> None:
        """Note devices, of the flowtable or of the chain that is open."""
        of = self.blocks[1].words
        names = self.flowtables[of[-1]] if of[0] == "flowtable" else self.devices
        for name in (word.strip('",') for listed in words for word in listed.split(",")):
            if name and name[0] not in "$}=" and name not in names:
                names.append(name)

    def flow(self, end: int) -> None:
        """A rule that adds flows to a flowtable; without one, what does nothing else has to go as a whole."""
        tokens = [
            match
            for match in TOKEN.finditer(self.text, self.start, end)
            if match.lastgroup not in ("space", "comment")
        ]
        words = [match[0] for match in tokens]
        place = next(
            (at for at in range(len(words)) if words[at : at + 2] == ["flow", "add"] and at + 2 < len(words)),
            None,
        )
        if place is None:
            return
        rest = words[place + 3 :]
        if rest in ([], ["counter"]) or (rest[:2] == ["counter", "name"] and len(rest) == 3):
            self.flows.append((self.line_of(self.start), end))
            return
        after = tokens[place + 2].end()
        behind = self.text[after:end]
        self.flows.append((tokens[place].start(), end - len(behind.lstrip(" \t"))))

    def line_of(self, start: int) -> int:
        """The beginning of a line, where nothing but blanks stands before `start` in it."""
        line = self.text.rfind("\n", 0, start) + 1
        return start if self.text[line:start].strip(" \t") else line

    def open(self, place: int) -> int | None:
        """A brace opens a block. A list of elements is gone through at once; its end is returned."""
        words, self.words = self.words, []
        depth, start = len(self.blocks), self.start
        if depth == 2 and self.blocks[1].words[0] in _SETS and words == ["elements", "="]:
            end = self.end_of_list(place)
            self.lists.append(Listed(self.blocks[1].words[-1], start, end))
            return end
        if self.ours and not depth and words[:1] not in ([word] for word in _VARIABLES):
            if tuple(words[-3:]) != self.ours or words[:-3] not in ([], ["add"]):
                found, ours = " ".join(words), " ".join(self.ours)
                raise self.error(start, f"'{found}' is not ours; only {ours} is replaced")
            self.seen = True
        self.blocks.append(Open(tuple(words) or ("",), start if words else place))
        if depth == 1:
            self.declare(words)
        return None

    def declare(self, words: list[str]) -> None:
        """A table's set, counter or flowtable begins."""
        if words[:1] in (["set"], ["map"]):
            self.sets.setdefault(words[-1], (words[0], False))
        elif words[:1] == ["counter"]:
            self.counters.append(words[-1].strip('"'))
        elif words[:1] == ["flowtable"]:
            self.flowtables.setdefault(words[-1], [])

    def close(self, position: int) -> None:
        """A block has ended: that of a declaration, or one in a statement, which goes on then."""
        block = self.blocks.pop()
        if len(self.blocks) > 1:
            self.words, self.start = [*block.words, "}"], block.start
        elif self.blocks and block.words[0] == "flowtable":
            end = self.text.find("\n", position)
            rest = self.text[position : end if end >= 0 else len(self.text)]
            ends = rest.index(";") + 1 if rest.lstrip(" \t").startswith(";") else 0
            self.flows.append((self.line_of(block.start), position + ends))

    def comment(self, words: str, place: int) -> None:
        """The marks around what a site has written itself are comments."""
        mark = marked(words[1:].strip())
        if mark is None:
            return
        where, begins = mark
        if begins:
            self.fragments.append((where, place, len(self.text)))
        elif self.fragments:
            where, begun, _end = self.fragments[-1]
            self.fragments[-1] = (where, begun, place)

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
