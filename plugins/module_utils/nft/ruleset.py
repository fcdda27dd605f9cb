# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replaces one nft table by a text: now and for the next boot, or for a time, until somebody confirms it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ansible_collections.ftfw.pair.plugins.module_utils.netlink.nftables import generation, table_handle
from ansible_collections.ftfw.pair.plugins.module_utils.nft.keep import Keeper, Loaded, Pending
from ansible_collections.ftfw.pair.plugins.module_utils.nft.listing import Listing, parse_listing
from ansible_collections.ftfw.pair.plugins.module_utils.nft.node import (
    LARGE,
    Nft,
    NftError,
    large_sets,
)
from ansible_collections.ftfw.pair.plugins.module_utils.nft.plan import (
    differs,
    plan,
    transaction,
    unchanged_sets,
)
from ansible_collections.ftfw.pair.plugins.module_utils.nft.text import Source, read

_MARGIN = 15
"""Seconds that there must be left, or a third of all where that is less."""
_SHOWN = 5
"""Elements that a line about a set names."""


class RulesetError(Exception):
    """What was asked for can't be done now."""


@dataclass
class Outcome:
    """`changes` are sentences; `before` and `after` are texts to compare."""

    changes: list[str] = field(default_factory=list)
    before: str = ""
    after: str = ""
    loses: list[str] = field(default_factory=list)
    waits: bool = False
    """Whether the change waits for its confirmation."""


def is_present(keeper: Keeper, text: str) -> bool:
    """Whether the text is loaded and kept already, and nobody has changed a table since; in doubt, not."""
    loaded = keeper.loaded()
    same = loaded.text == hashlib.sha256(text.encode()).hexdigest() and loaded.generation == generation()
    return same and keeper.keeps(text) and keeper.pending() is None


def present(
    nft: Nft,
    keeper: Keeper,
    source: Source,
    confirm: int = 0,
    check: bool = False,
    diff: bool = False,
    refusal: Callable[[], str | None] = lambda: None,
) -> Outcome:
    """Replace the table. With `confirm` the old one comes back after these seconds, and at a reboot.

    `refusal` is asked before anything is changed: why it must not be.
    """
    loaded, pending = keeper.loaded(), keeper.pending()
    # nobody has changed anything since, or what is looked at is as it was
    untouched = bool(loaded.text) and 0 < loaded.generation == generation()
    known = untouched or (bool(loaded.seen) and loaded.seen == keeper.seen())
    waits = pending is not None and pending.text == source.digest
    outcome = Outcome(waits=waits and confirm > 0)
    # to read a long text takes time, and only those who look get something of it
    old = keeper.kept() if diff or not large_sets(source) else None
    if known and loaded.text == source.digest:
        if diff:
            outcome.before, outcome.after = _shown(old), _shown(source)
    else:
        why = refusal()
        if why is not None:
            raise RulesetError(why)
        _load(nft, keeper, source, confirm, check, outcome, known)
        if pending is not None and confirm > 0 and not outcome.waits and not check:
            # what differs is not in the kernel, a comment for one: the way back is the other change's
            _wait_again(keeper, source, pending, confirm)
            outcome.waits = True
        run_time = {one.name for one in source.contents.sets if one.run_time}
        # long lists are compared only for those who look
        if diff and known and old is not None and loaded.text == old.digest:
            outcome.before, outcome.after = _shown(old), _shown(source)
        if known and old is not None and (diff or not large_sets(source) | large_sets(old)):
            outcome.changes += _element_changes(old, source, run_time)
    if outcome.waits:
        return outcome
    if not keeper.keeps(source.text):
        outcome.changes.append(f"write {keeper.path}")
        if not check:
            keeper.keep(source)
    elif not outcome.changes:
        outcome.before = outcome.after
    if pending and waits:
        outcome.changes.append("wait no longer for the confirmation")
    if not check:
        keeper.disarm()
    return outcome


def _load(
    nft: Nft,
    keeper: Keeper,
    source: Source,
    confirm: int,
    check: bool,
    outcome: Outcome,
    known: bool,
) -> None:
    """Load the text over the kernel's table, if that differs. `known`: it has what was loaded last."""
    large, digests = large_sets(source), source.digests()
    wanted, loaded = nft.wanted(source), keeper.loaded()
    current: Listing | None
    if known:
        current = Listing(loaded.listing, parse_listing(loaded.listing))
        recorded = loaded.elements
    else:
        current = nft.current(large)
        ours = 0 < loaded.handle == table_handle(nft.family, nft.table)
        recorded = loaded.elements if ours else _kept_digests(keeper, source) if large else {}
    same = unchanged_sets(current, wanted, recorded, digests) if current else frozenset()
    number = generation()
    if differs(current, wanted, same):
        changes, kept = plan(nft.address, current, wanted, same)
        outcome.changes += [change.words for change in changes] + ["load the text"]
        outcome.loses = [change.loses for change in changes if change.loses]
        text = transaction(nft.address, changes, source.without(set(kept)))
        outcome.waits = confirm > 0 and not check
        if check:
            nft.load(text, source, check=True)
        elif confirm:
            old = keeper.kept()
            _load_for_a_time(nft, keeper, source, confirm, text, way_back(nft, old, current, source, wanted))
        else:
            nft.load(text, source)
        number += 1
    outcome.before, outcome.after = (current.text if current else ""), wanted.text
    if check:
        return
    alone = number if number == generation() else 0
    handle = table_handle(nft.family, nft.table)
    told = Loaded(source.digest, "", digests, alone, wanted.text, handle)
    keeper.remember(told, nft.look(wanted))
    # nft would ask for the elements, too, and not print them
    if not large:
        keeper.remember(replace(told, seen=keeper.seen()))
    keeper.tell()


def _kept_digests(keeper: Keeper, source: Source) -> dict[str, str | None]:
    """Of the sets that a boot has made: nothing was loaded since."""
    kept = source if keeper.keeps(source.text) else keeper.kept()
    return kept.digests() if kept else {}


def _load_for_a_time(
    nft: Nft, keeper: Keeper, source: Source, seconds: int, text: str, rollback: str
) -> None:
    """Load a transaction whose way back is armed before. Where nft refuses it, all is as before."""
    before = keeper.pending()
    pending = keeper.arm(source.digest, rollback, seconds)
    try:
        nft.load(text, source)
    except NftError:
        keeper.withdraw(pending, before)
        raise
    if before:
        keeper.end(before)


def _wait_again(keeper: Keeper, source: Source, before: Pending, seconds: int) -> None:
    """Let this text wait in the place of the one before, which is the same to the kernel."""
    keeper.arm(source.digest, keeper.rollback(before), seconds)
    keeper.end(before)


def way_back(nft: Nft, old: Source | None, current: Listing | None, source: Source, wanted: Listing) -> str:
    """The transaction from the new table to the one that the node would boot with.

    Where nothing is kept for the boot, it is the one that the kernel has now.
    """
    if old is None:
        if current is None:
            return f"delete table {nft.address}\n"
        old = read(nft.complete(), nft.family, nft.table)
    target = nft.wanted(old)
    same = unchanged_sets(wanted, target, source.digests(), old.digests())
    changes, kept = plan(nft.address, wanted, target, same)
    return transaction(nft.address, changes, old.without(set(kept)))


def confirmed(keeper: Keeper, source: Source, check: bool) -> Outcome:
    """Keep the change that waits; an error if the old rules are back."""
    pending = keeper.pending()
    if pending is None and keeper.keeps(source.text):
        return Outcome()
    if pending is None or pending.text != source.digest:
        what = "another change waits" if pending and pending.text != source.digest else "nothing waits"
        raise RulesetError(
            f"{what} for its confirmation: it was not confirmed in time, and the old rules are back, "
            "or the node was restarted. Apply the text again"
        )
    loaded = keeper.loaded()
    same = loaded.generation == generation() or (
        loaded.seen == keeper.seen()
        if loaded.seen
        else 0 < loaded.handle == table_handle(keeper.family, keeper.table)
    )
    if loaded.text != source.digest or not same:
        raise RulesetError(
            "the kernel's table is not the one that waits: somebody has changed it since. "
            "Apply the text again"
        )
    # of several nodes each is asked first whether it can, and then told to: none may go back in between
    if check and pending.left() < min(_MARGIN, pending.seconds / 3):
        raise RulesetError(
            f"the old rules come back in {pending.left():.0f} s, which may be too soon for all nodes to keep "
            "the new ones. Apply the text again, and let it wait longer for its confirmation"
        )
    before = keeper.kept()
    outcome = Outcome([f"write {keeper.path}"], before.text if before else "", source.text)
    if not check:
        keeper.keep(source)
        keeper.disarm()
    return outcome


def absent(nft: Nft, keeper: Keeper, check: bool) -> Outcome:
    """Remove the table, also for the boot."""
    outcome = Outcome()
    current = nft.current(frozenset())
    if current is not None:
        outcome.changes.append(f"delete table {nft.address}")
        outcome.before = current.text
    if keeper.path.exists():
        outcome.changes.append(f"remove {keeper.path}")
    if not check:
        keeper.disarm()
        if current is not None:
            nft.load(f"delete table {nft.address}\n")
        keeper.keep_none()
        keeper.forget()
    return outcome


def _shown(source: Source | None) -> str:
    """A text for a diff: long lists are told by their number and digest."""
    if source is None:
        return ""
    parts, position = [], 0
    for one in source.elements:
        if one.count > LARGE:
            parts.append(source.text[position : one.start])
            parts.append(f"elements = {{ … }}    # {one.count} of them, SHA-256 {str(one.digest)[:16]}")
            position = one.end
    return "".join([*parts, source.text[position:]])


def _element_changes(old: Source, source: Source, run_time: set[str]) -> list[str]:
    """What is new in the text of each set, and what is gone; sets of the run time keep what they have."""
    before = old.listed()
    told = []
    for name, new in source.listed().items():
        if name not in before:
            continue
        if name in run_time:
            same = new == before[name]
            told += (
                [] if same else [f"{name}: keeps what is in it; the text's elements come with the next boot"]
            )
            continue
        for word, items in (("added", new - before[name]), ("removed", before[name] - new)):
            if items:
                first = ", ".join(sorted(items)[:_SHOWN])
                more = ", …" if len(items) > _SHOWN else ""
                told.append(f"{name}: {len(items)} {word}: {first}{more}")
    return told
