# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a result says of streams: sums over them, the worst of them, and how they ended."""

from __future__ import annotations

from collections import Counter

from ansible_collections.ftfw.pair.plugins.module_utils.traffic.accounting import Sender, Track
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.run import Result, Run


def counts(run: Run, tracks: list[Track], senders: list[Sender], sent: int | None, received: int) -> Result:
    """What is summed over tracks, or the worst of them."""
    worst = max(tracks, key=lambda track: track.gap, default=None)
    return {
        "sent": sent,
        "received": received,
        "duplicated": sum(track.duplicated for track in tracks),
        "reordered": sum(track.reordered for track in tracks),
        "longest_gap_ms": milliseconds(worst.gap) if worst else None,
        "longest_gap_at": run.epoch(worst.gap_at) if worst else None,
        "sender_stall_ms": milliseconds(max((sender.stall for sender in senders), default=0)),
        "sender_late_ms": milliseconds(max((track.late for track in tracks), default=0)),
    }


def ends(happened: Counter[str], corrupt: int) -> Result:
    """A flow that its peer closed has died like one that was reset."""
    return {
        "resets": happened["reset"] + happened["closed by the peer"],
        "timeouts": happened["timed out"],
        "refused": happened["refused"],
        "corrupt": corrupt,
        "happened": dict(sorted(happened.items())),
    }


def milliseconds(nanoseconds: int) -> float:
    return round(nanoseconds / 1e6, 3)
