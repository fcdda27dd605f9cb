# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the table that the kernel has and the one that is wanted to one transaction of nft. No I/O.

Loading a table over an older one leaves in force what the new text no longer has: members of sets, chains
with their policy, objects. Deleting it first loses counters, and what came into its sets at run time. So
only what differs is taken away, in the transaction that loads the new text: no packet sees a table between.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ansible_collections.ftfw.pair.plugins.module_utils.nft.listing import SETS, Item, Listing


@dataclass(frozen=True)
class TransactionStep:
    """A step of the transaction, before the new text."""

    command: str
    words: str
    loses: str = ""
    """What the new text has as well, and can't be kept; in words."""


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
        if item.kind not in SETS or item.keeps_elements or item.key not in there:
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
    static = {item.name for item in wanted.items if item.kind in SETS and not item.keeps_elements}
    return bool(static - same)


def plan(
    address: str, current: Listing | None, wanted: Listing, same: frozenset[str]
) -> tuple[tuple[TransactionStep, ...], frozenset[str]]:
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
        if item.kind in SETS and item not in gone + other and item.name not in kept
    ]
    changes = [TransactionStep(f"flush table {address}", "take all rules away")]
    changes += [
        # a text that says nothing of the policy would leave the old one in force
        TransactionStep(
            f"add chain {address} {item.name} {{ policy {new[item.key].policy}; }}",
            f"give chain {item.name} the policy {new[item.key].policy}",
        )
        for item in current.items
        if item not in gone + other and item.kind == "chain" and item.policy != new[item.key].policy
    ]
    changes += [
        TransactionStep(f"flush map {address} {item.name}", f"empty map {item.name}")
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
                TransactionStep(
                    f"delete {item.kind} {address} {item.name}",
                    f"delete {item.kind} {item.name}{again}",
                    lost,
                )
            )
    return tuple(changes), frozenset(kept)


def _rank(item: Item) -> int:
    if item.kind == "chain":
        return 0
    return 1 if item.kind in SETS else 2


def transaction(address: str, changes: tuple[TransactionStep, ...], text: str) -> str:
    """All of it as nft reads it. The table is declared first, so that what is deleted is found."""
    commands = [f"add table {address}", *(change.command for change in changes)] if changes else []
    return "".join(f"{command}\n" for command in commands) + text
