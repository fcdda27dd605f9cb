# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one reader of what nft(8) says that the kernel has: its listings and its JSON. No I/O.

Whole tables are read as they are listed: nft 1.0.6 has no sound flags in its JSON, and no comments of sets.
Elements, counters and names of tables are read as JSON (libnftables-json(5)).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

SETS = ("set", "map")
_RUN_TIME = {"timeout", "dynamic"}


class ListingError(Exception):
    """What nft lists is not understood."""


@dataclass(frozen=True)
class Item:
    """A chain, set, map, flowtable or object of a table, as nft lists it without counts and elements."""

    kind: str
    """One word or, as in `ct helper`, two."""
    name: str
    lines: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str]:
        return (self.kind, self.name)

    @property
    def keeps_elements(self) -> bool:
        """Whether its elements come and go at run time; they are no part of a text then.

        nft does not list the flag `timeout` beside a default timeout, which says as much.
        """
        words = [line.replace(",", " ").split() for line in self.lines]
        flags = {flag for line in words if line[:1] == ["flags"] for flag in line[1:]}
        has_default = any(line[:1] == ["timeout"] for line in words)
        return self.kind in (*SETS, "meter") and (has_default or bool(flags & _RUN_TIME))

    @property
    def policy(self) -> str | None:
        """What a base chain does with a packet that no rule has decided about; None for other chains."""
        found = (line.partition("; policy ")[2] for line in self.lines if line.startswith("type "))
        return next((words.rstrip(";") for words in found if words), None) if self.kind == "chain" else None

    @property
    def definition(self) -> tuple[str, ...]:
        """What can't be changed while it is there: of a chain its hook, of anything else all of it."""
        if self.kind != "chain":
            return self.lines
        return tuple(
            line.split("; policy ")[0] for line in self.lines if line.startswith(("type ", "comment "))
        )


@dataclass(frozen=True)
class Listing:
    """A table. `elements` has those of its static sets, as nft's JSON; of a large set they are not read."""

    text: str
    """As nft writes it, without counts and elements."""
    items: tuple[Item, ...]
    elements: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def read_sets(self) -> tuple[Item, ...]:
        """The sets and maps whose elements were read."""
        return tuple(item for item in self.items if item.kind in SETS and item.name in self.elements)

    def by_key(self) -> dict[tuple[str, str], Item]:
        return {item.key: item for item in self.items}


def parse_listing(text: str) -> tuple[Item, ...]:
    """Read what `nft --stateless --terse list table` prints: each block of the table, tab by tab."""
    items: list[Item] = []
    header: list[str] | None = None
    lines: list[str] = []
    for line in text.splitlines()[1:]:
        if line.startswith("\t\t") and header is not None:
            lines.append(line[2:])
        elif line == "\t}" and header is not None:
            items.append(Item(" ".join(header[:-1]), header[-1], tuple(lines)))
            header = None
        elif line.startswith("\t") and line.endswith(" {") and header is None:
            header, lines = line[1:-2].split(" "), []
        elif line.startswith("\t") and header is None:
            items.append(Item("", line[1:], ()))
        elif line not in ("", "}"):
            raise ListingError(f"nft lists a line that is not understood: {line!r}")
    return tuple(items)


def stable(text: str) -> str:
    """A listing by `nft --stateless list table` without what packets change: elements of the run time.

    Its blocks are sorted: the kernel has them in the order in which they were made.
    """
    blocks = (
        "\n".join([f"{item.kind} {item.name}", *(_lasting(item) if item.kind else ())])
        for item in parse_listing(text)
    )
    return "\n\n".join(sorted(blocks)) + "\n"


def _lasting(item: Item) -> Iterator[str]:
    """The lines of a set without its elements, if these come and go; of anything else all."""
    skipping = False
    for line in item.lines:
        skipping = skipping or (item.keeps_elements and line.startswith("elements = {"))
        if not skipping:
            yield line
        elif "}" in line:
            skipping = False


def elements_of(text: str) -> dict[str, frozenset[str]]:
    """The elements of each set and map, from `nft --json list`, each as JSON."""
    return {
        str(one["name"]): frozenset(json.dumps(each, sort_keys=True) for each in one.get("elem", []))
        for kind in SETS
        for one in _of_kind(text, kind)
    }


def counters_of(text: str) -> dict[str, tuple[int, int]]:
    """Packets and bytes by the names of counters, from `nft --json list counters`."""
    return {str(one["name"]): (int(one["packets"]), int(one["bytes"])) for one in _of_kind(text, "counter")}


def tables_of(text: str) -> list[tuple[str, str]]:
    """Family and name of each table, from `nft --json list tables`."""
    return [(str(one["family"]), str(one["name"])) for one in _of_kind(text, "table")]


def is_owned(text: str) -> bool:
    """Whether a listed table has the flag `owner`: only the program that made it may change it."""
    flags = (item.name for item in parse_listing(text) if not item.kind)
    return any(
        words[:1] == ["flags"] and "owner" in words
        for words in (line.replace(",", " ").split() for line in flags)
    )


def _of_kind(text: str, kind: str) -> list[dict[str, Any]]:
    """The objects of one kind in nft's JSON; ListingError for anything else."""
    try:
        return [entry[kind] for entry in json.loads(text)["nftables"] if kind in entry]
    except (ValueError, KeyError, TypeError) as error:
        raise ListingError(f"nft's JSON is not understood: {text[:80]!r}") from error
