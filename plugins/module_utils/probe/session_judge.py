# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Did a flow survive a takeover? Pure code over what a probe has noted. Times are seconds of one clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.ftfw.pair.plugins.module_utils.probe.rows import CheckRow, compare

SURVIVES, DIES, UNKNOWN = "survives", "dies", "no takeover seen"


@dataclass(frozen=True)
class Beat:
    """One exchange: something was sent and answered, so bytes have passed in both directions."""

    sent: float
    received: float


@dataclass(frozen=True)
class SessionVerdict:
    survived: bool
    resumed_after: float | None
    gap: float | None


@dataclass(frozen=True)
class Takeover:
    """The moment at which a neighbour's link address became another's."""

    at: float
    before: str
    after: str


def judge(beats: Sequence[Beat], takeover: float, window: float) -> SessionVerdict:
    """A flow survives when an exchange that began after the takeover was complete within the window.

    An exchange that the takeover has interrupted does not count: its answer may have been on its way already.
    """
    resumed = next((beat.received for beat in beats if beat.sent >= takeover), None)
    gaps = [after.received - before.received for before, after in zip(beats, beats[1:])]
    return SessionVerdict(
        survived=resumed is not None and resumed <= takeover + window,
        resumed_after=None if resumed is None else resumed - takeover,
        gap=max(gaps, default=None),
    )


def takeovers(seen: Sequence[tuple[float, str]]) -> list[Takeover]:
    """Return the changes in a series of link addresses and the times at which they were seen."""
    return [
        Takeover(after[0], before[1], after[1])
        for before, after in zip(seen, seen[1:])
        if before[1] != after[1]
    ]


def flow_row(name: str, expected: str, verdict: SessionVerdict | None, error: str) -> CheckRow:
    """The table's row of a flow. Without a takeover nothing was proved, whatever was expected."""
    if verdict is None:
        return compare(name, expected, UNKNOWN, error)
    told = [error] if error else []
    if verdict.resumed_after is not None:
        told.append(f"resumed {verdict.resumed_after:.2f} s after the takeover")
    if verdict.gap is not None:
        told.append(f"longest gap {verdict.gap:.2f} s")
    return compare(name, expected, SURVIVES if verdict.survived else DIES, ", ".join(told))
