# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which node had a virtual address when, from what `ip -ts monitor address` has printed (ip-monitor(8)).

Pure code. Times are seconds since the epoch. A watch begins with a line `@@ start TIME ADDRESS…` that tells
what is there, ends with such a line `@@ end …`, and begins again after a reboot.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from ansible_collections.ftfw.pair.plugins.module_utils.system.terminals import plain

LINE = re.compile(r"^\[(?P<stamp>[-0-9T:.]+)\] (?P<deleted>Deleted )?.*?\sinet6? (?P<address>[0-9a-f:.]+)")
HeldSpan = tuple[float, float]


@dataclass(frozen=True)
class Held:
    """When a node had virtual addresses: spans in order, and when it took them while it was watched."""

    spans: tuple[HeldSpan, ...]
    taken: tuple[float, ...]
    left: tuple[float, ...] = ()


def read(text: str, virtual_addresses: Sequence[str], offset: float = 0) -> Held:
    """Read a watch. `offset` is how far the node's clock is ahead of the one that all is compared by.

    A node holds from the first of its virtual addresses on until it has none; a span that no end was seen
    of lasts for ever.
    """
    wanted = set(virtual_addresses)
    held: set[str] = set()
    spans: list[HeldSpan] = []
    taken: list[float] = []
    left: list[float] = []
    since: float | None = None
    for at, added, removed, watched in _events(text, wanted):
        moment = at - offset
        held = (held | added) - removed
        if held and since is None:
            since = moment
            taken += [moment] if watched else []
        elif not held and since is not None:
            spans.append((since, moment))
            left.append(moment)
            since = None
    if since is not None:
        spans.append((since, float("inf")))
    return Held(tuple(spans), tuple(taken), tuple(left))


def _events(text: str, wanted: set[str]) -> Iterable[tuple[float, set[str], set[str], bool]]:
    """Time, addresses that came, addresses that went, and whether it was seen to happen."""
    for line in plain(text).splitlines():
        words = line.split()
        if words[:2] in (["@@", "start"], ["@@", "end"]):
            at, present = words[2], words[3:]
            there = {address.partition("/")[0] for address in present} & wanted
            yield float(at), there, wanted - there, False
            continue
        found = LINE.match(line)
        if found and found["address"] in wanted:
            moment = datetime.fromisoformat(found["stamp"]).replace(tzinfo=timezone.utc).timestamp()
            one = {found["address"]}
            yield (moment, set(), one, True) if found["deleted"] else (moment, one, set(), True)


def without(held: Held, span: HeldSpan) -> Held:
    """Leave a time out in which the node could not answer anybody."""
    spans = []
    for begin, end in held.spans:
        spans += [(begin, min(end, span[0]))] if begin < span[0] else []
        spans += [(max(begin, span[1]), end)] if end > span[1] else []
    return Held(tuple(spans), held.taken, held.left)


def up_to(held: Held, moment: float) -> Held:
    """End what the node held when it went."""
    spans = tuple((begin, min(end, moment)) if begin < moment else (begin, end) for begin, end in held.spans)
    return Held(spans, held.taken, held.left)


def overlap_ms(one: Held, other: Held, begin: float, end: float) -> float:
    """How long both had addresses at the same time, between two moments."""
    seconds = sum(
        max(0.0, min(a[1], b[1], end) - max(a[0], b[0], begin)) for a in one.spans for b in other.spans
    )
    return round(seconds * 1000, 1)
