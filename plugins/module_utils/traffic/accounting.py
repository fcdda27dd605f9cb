# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What arrived of a numbered stream, what was sent of it, and how much of it in each bin of time.

Times are nanoseconds of CLOCK_MONOTONIC.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable


class Track:
    """What arrived of one stream that is numbered from 0, and the longest time between two arrivals."""

    __slots__ = (
        "duplicated",
        "fresh",
        "gap",
        "gap_at",
        "last",
        "late",
        "missing",
        "next",
        "received",
        "reordered",
    )

    def __init__(self, start: int) -> None:
        self.next = 0
        self.missing: set[int] = set()
        self.received = self.duplicated = self.reordered = 0
        self.last = self.gap_at = start
        self.gap = 0
        self.late = 0
        # when that was sent which has come back last; only where something comes back
        self.fresh = 0

    def arrive(self, number: int, at: int) -> bool:
        """Note an arrival, and tell whether it was the first of this number."""
        if number == self.next:
            self.next += 1
        elif number > self.next:
            self.missing.update(range(self.next, number))
            self.next = number + 1
        elif number in self.missing:
            self.missing.discard(number)
            self.reordered += 1
        else:
            self.duplicated += 1
            return False
        self.tick(at)
        return True

    def tick(self, at: int) -> None:
        self.received += 1
        self.close(at)
        self.last = max(self.last, at)

    def close(self, at: int) -> None:
        """Take the time from the last arrival to `at`, when nothing was due any more, for a gap as well."""
        if at - self.last > self.gap:
            self.gap, self.gap_at = at - self.last, self.last

    def lost(self, sent: int) -> int:
        return len(self.missing) + max(0, sent - self.next)


class Sender:
    """What was sent of one stream, and the longest time between two sends."""

    __slots__ = ("last", "sent", "stall")

    def __init__(self) -> None:
        self.sent = self.last = self.stall = 0

    def note(self, at: int) -> None:
        if self.sent and at - self.last > self.stall:
            self.stall = at - self.last
        self.last = at
        self.sent += 1


class Series:
    """How many arrived in each bin of `width` from the probe's start on."""

    def __init__(self, start: int, width: int) -> None:
        self.start, self.width = start, width
        self.bins: dict[int, int] = {}

    def add(self, at: int, count: int = 1) -> None:
        place = max(0, at - self.start) // self.width
        self.bins[place] = self.bins.get(place, 0) + count

    def counts(self, end: int) -> list[int]:
        length = max(1, -(-(end - self.start) // self.width), *(place + 1 for place in self.bins))
        return [self.bins.get(place, 0) for place in range(length)]


def encode(counts: Iterable[int]) -> str:
    """Write counts as words with a blank between: `9`, or `9*4` for four bins in a row of 9 each."""
    runs = ((count, len(list(group))) for count, group in itertools.groupby(counts))
    return " ".join(f"{count}*{length}" if length > 1 else str(count) for count, length in runs)


def decode(text: str) -> list[int]:
    """Read what `encode` wrote."""
    counts: list[int] = []
    for word in text.split():
        count, _star, length = word.partition("*")
        counts += [int(count)] * int(length or 1)
    return counts
