# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the table that the kernel has and the one that is wanted to one transaction of nft. No I/O.

Loading a table over an older one leaves in force what the new text no longer has: members of sets, chains
with their policy, objects. Deleting it first loses counters, and what came into its sets at run time. So
only what differs is taken away, in the transaction that loads the new text: no packet sees a table between.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_SETS = ("set", "map")
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
        return self.kind in _SETS and (has_default or bool(flags & _RUN_TIME))

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
        return tuple(item for item in self.items if item.kind in _SETS and item.name in self.elements)

    def by_key(self) -> dict[tuple[str, str], Item]:
        return {item.key: item for item in self.items}


@dataclass(frozen=True)
class Change:
    """A step of the transaction, before the new text."""

    command: str
    words: str
    loses: str = ""
    """What the new text has as well, and can't be kept; in words."""


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


def unchanged_sets(
    current: Listing, wanted: Listing, recorded: Mapping[str, str | None], digests: Mapping[str, str | None]
) -> frozenset[str]:
    """The static sets that have their elements already.

    `recorded` and `digests` are those of the elements' texts, of what was loaded last and of the new text;
    they count where a set is too large to be read.
    """
    same = set()
    there = current.by_key()
    for item in wanted.items:
        if item.kind not in _SETS or item.keeps_elements or item.key not in there:
            continue
        if there[item.key].definition != item.definition:
            continue
        if item.name in current.elements and item.name in wanted.elements:
            if current.elements[item.name] == wanted.elements[item.name]:
                same.add(item.name)
        elif recorded.get(item.name) is not None and recorded.get(item.name) == digests.get(item.name):
            same.add(item.name)
    return frozenset(same)


def differs(current: Listing | None, wanted: Listing, same: frozenset[str]) -> bool:
    """Whether the kernel's table is not the one that is wanted."""
    if current is None or current.by_key() != wanted.by_key():
        return True
    static = {item.name for item in wanted.items if item.kind in _SETS and not item.keeps_elements}
    return bool(static - same)


def plan(
    address: str, current: Listing | None, wanted: Listing, same: frozenset[str]
) -> tuple[tuple[Change, ...], frozenset[str]]:
    """What has to go before the text is loaded, and the sets whose elements the text must not bring again.

    `address` is family and name of the table. The order: rules first, since they refer to all the rest; then
    elements of maps, which may refer to chains; then chains, sets, and last the objects, which sets may refer
    to. A set with other elements is made anew: that takes nft less time than emptying it.
    """
    if current is None:
        return (), frozenset()
    there, new = current.by_key(), wanted.by_key()
    gone = [item for item in current.items if item.kind and item.key not in new]
    other = [
        item
        for item in current.items
        if item.kind and item.key in new and item.definition != new[item.key].definition
    ]
    kept = {item.name for item in wanted.items if item.keeps_elements and item.key in there} | same
    kept -= {item.name for item in other}
    emptied = [
        item
        for item in current.items
        if item.kind in _SETS and item not in gone + other and item.name not in kept
    ]
    changes = [Change(f"flush table {address}", "take all rules away")]
    changes += [
        # a text that says nothing of the policy would leave the old one in force
        Change(
            f"add chain {address} {item.name} {{ policy {new[item.key].policy}; }}",
            f"give chain {item.name} the policy {new[item.key].policy}",
        )
        for item in current.items
        if item not in gone + other and item.kind == "chain" and item.policy != new[item.key].policy
    ]
    changes += [
        Change(f"flush map {address} {item.name}", f"empty map {item.name}")
        for item in gone + other + emptied
        if item.kind == "map"
    ]
    for rank in range(3):
        for item in [one for one in gone + other + emptied if _rank(one) == rank]:
            again, lost = "", ""
            if item in emptied and item.kind == "map":
                continue
            if item not in gone:
                again = ", and make it anew"
                if item.kind in ("counter", "quota"):
                    lost = f"the count of {item.kind} {item.name}"
                elif item.keeps_elements:
                    lost = f"what is in {item.kind} {item.name} now"
            changes.append(
                Change(
                    f"delete {item.kind} {address} {item.name}",
                    f"delete {item.kind} {item.name}{again}",
                    lost,
                )
            )
    return tuple(changes), frozenset(kept)


def _rank(item: Item) -> int:
    if item.kind == "chain":
        return 0
    return 1 if item.kind in _SETS else 2


def transaction(address: str, changes: tuple[Change, ...], text: str) -> str:
    """All of it as nft reads it. The table is declared first, so that what is deleted is found."""
    commands = [f"add table {address}", *(change.command for change in changes)] if changes else []
    return "".join(f"{command}\n" for command in commands) + text
