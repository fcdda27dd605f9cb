# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in the text of a table, as data that goes beside the text: nobody has to look for it there again.

The compiler knows it of what it writes. A text that somebody has written himself is read once, by text.py.
Both say it of the same text in the same words, and a digest tells which text that is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypedDict

TextPlace = tuple[int, int]
"""A line, counted from 1, and a column, counted from 0."""


class PackedHelper(TypedDict):
    name: str
    type: str
    protocol: str


class PackedSet(TypedDict):
    name: str
    kind: str
    """set or map."""
    run_time: bool
    """Whether its elements come and go, and are no part of the text."""


class PackedSpan(TypedDict):
    """From a line and column to others, which are not in it."""

    begin: list[int]
    """Line, counted from 1, and column, counted from 0."""
    end: list[int]


class PackedElements(PackedSpan):
    name: str


class PackedFlowtable(TypedDict):
    name: str
    devices: list[str]


class PackedFragment(TypedDict):
    where: str
    """The inventory's key that has it."""
    first: int
    """Line, counted from 1."""
    last: int


class PackedContents(TypedDict):
    """Contents as plain JSON types: what goes beside a text."""

    table: str
    """Family and name."""
    lines: int
    digest: str
    """The SHA-256 of the text."""
    digest_without_flowtables: str | None
    """None for a text that has none."""
    helpers: list[PackedHelper]
    """Connection tracking helpers."""
    sets: list[PackedSet]
    """Sets and maps."""
    elements: list[PackedElements]
    """Where a set's elements stand."""
    counters: list[str]
    flowtables: list[PackedFlowtable]
    devices: list[str]
    """Those of base chains."""
    fragments: list[PackedFragment]
    """Where the site's own lines stand."""
    offload: list[PackedSpan]
    """What goes where the kernel has no flowtables."""


@dataclass(frozen=True)
class Helper:
    """A connection tracking helper: its name in the table, the kernel's name for it, and its protocol."""

    name: str
    type: str
    protocol: str


@dataclass(frozen=True)
class NamedSet:
    """A named set, or a map."""

    name: str
    kind: str
    run_time: bool
    """Whether its elements come and go at run time, as bans do: they are no part of the text then."""


@dataclass(frozen=True)
class ElementsAt:
    """Where a set's elements stand: from the word `elements` on, and behind the closing brace."""

    name: str
    begin: TextPlace
    end: TextPlace


@dataclass(frozen=True)
class Flowtable:
    """Where the kernel keeps the offloaded flows between some devices."""

    name: str
    devices: tuple[str, ...]


@dataclass(frozen=True)
class FragmentLines:
    """Lines that a site has written itself; `where` says in which variable, or in which file."""

    where: str
    first: int
    last: int


@dataclass(frozen=True)
class Span:
    """From a place to another one, which is not in it."""

    begin: TextPlace
    end: TextPlace


@dataclass(frozen=True)
class Contents:
    """All of it. `lines` and digests are those of the text without blank lines at its end."""

    table: str
    """Family and name."""
    lines: int
    digest: str
    """SHA-256 of the text."""
    digest_without_flowtables: str | None
    """That of the text without its flowtables, in which all stands in the same lines; None without any."""
    helpers: tuple[Helper, ...] = ()
    sets: tuple[NamedSet, ...] = ()
    elements: tuple[ElementsAt, ...] = ()
    counters: tuple[str, ...] = ()
    flowtables: tuple[Flowtable, ...] = ()
    devices: tuple[str, ...] = ()
    """Those of base chains; those of flowtables are beside these."""
    fragments: tuple[FragmentLines, ...] = ()
    offload: tuple[Span, ...] = ()
    """What has to go where there are no flowtables: they, and what adds flows to them."""

    def needed_devices(self) -> tuple[str, ...]:
        """Devices that have to be there before the text can be loaded."""
        listed = [name for one in self.flowtables for name in one.devices]
        return tuple(dict.fromkeys([*listed, *self.devices]))

    def without_flowtables(self) -> Contents:
        """What is in the text without them."""
        digest = self.digest_without_flowtables or self.digest
        return replace(self, digest=digest, digest_without_flowtables=None, flowtables=(), offload=())

    def pack(self) -> PackedContents:
        """As plain JSON types."""
        packed: PackedContents = json.loads(json.dumps(self, default=vars))
        return packed

    @classmethod
    def unpack(cls, packed: Mapping[str, Any]) -> Contents:
        """Read what `pack` has made; KeyError, TypeError or ValueError for anything else."""
        return cls(
            str(packed["table"]),
            int(packed["lines"]),
            str(packed["digest"]),
            packed["digest_without_flowtables"],
            tuple(Helper(**one) for one in packed["helpers"]),
            tuple(NamedSet(**one) for one in packed["sets"]),
            tuple(
                ElementsAt(one["name"], _place(one["begin"]), _place(one["end"]))
                for one in packed["elements"]
            ),
            tuple(map(str, packed["counters"])),
            tuple(Flowtable(one["name"], tuple(map(str, one["devices"]))) for one in packed["flowtables"]),
            tuple(map(str, packed["devices"])),
            tuple(FragmentLines(**one) for one in packed["fragments"]),
            tuple(Span(_place(one["begin"]), _place(one["end"])) for one in packed["offload"]),
        )


def _place(packed: Any) -> TextPlace:
    line, column = packed
    return int(line), int(column)


def digest_of(text: str) -> str:
    return hashlib.sha256(text.rstrip("\n").encode()).hexdigest()
