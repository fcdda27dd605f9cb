# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a node announces the virtual addresses again. Pure; program.py carries it out, beside keepalived.

- When the nodes hear each other again, both may have had the virtual addresses, and the neighbours may have
  learnt them from the node that has given them up since. The other one announces them again.
- The same when only VRRP was lost: a node says how often it has given addresses up, and the other one sees
  that grow.
- An address may come back here without keepalived's announcing it, as on a card that was made anew.
"""

from __future__ import annotations

import math

from ansible_collections.ftfw.pair.plugins.module_utils.agent.path.plan import PEER, Judgement, Report

ANNOUNCE_AFTER = (0.5, 1.5, 3.0)
"""Seconds after a leg has come back. VRRP needs the first to settle who has the addresses."""
SEND_AGAIN = 20.0
"""Seconds between two times that a primary is asked to send all its flows."""


class Announcements:
    """When to announce the virtual addresses again, and when a primary is to send all its flows again.

    Times are those of `Watch`.
    """

    def __init__(self) -> None:
        self._due: list[float] = []
        self._why = ""
        self._peer: tuple[str, int] | None = None
        self._come = 0
        self._send_at: float | None = None
        self._sent_at = -math.inf

    def note(self, before: Judgement, judgement: Judgement, now: float) -> None:
        """Note what is heard. All legs are announced on: the sync group moves the addresses of all.

        What a healed replication link brings by itself is not all that was lost.
        """
        legs = judgement.legs.items()
        if any(verdict == PEER and before.legs.get(name) != PEER for name, verdict in legs):
            self._due = [now + after for after in ANNOUNCE_AFTER]
            self._why = "the peer is heard again"
        if judgement.heard - before.heard and self._send_at is None:
            self._send_at = now + ANNOUNCE_AFTER[-1]

    def note_peer(self, peer: Report | None, now: float) -> None:
        """Note what the peer has said last. One that has started anew counts from nothing."""
        if peer is None:
            return
        before, self._peer = self._peer, (peer.boot, peer.given_up)
        if before is not None and before[0] == peer.boot and before[1] != peer.given_up:
            # at once, for it has none any more; and later, when VRRP has settled who has them
            self._due = [now, *(now + after for after in ANNOUNCE_AFTER)]
            self._why = "the peer has given its up"

    def note_own(self, come: int, now: float) -> None:
        """Note how many virtual addresses have come to this node so far."""
        if come != self._come:
            self._come = come
            self._due = [now + after for after in ANNOUNCE_AFTER]
            self._why = "they have come here"

    def due(self, now: float) -> str | None:
        """Why it is time for one, if it is; what was missed is not made up for."""
        late = [at for at in self._due if at <= now]
        self._due = self._due[len(late) :]
        return self._why if late else None

    def sends(self, now: float) -> bool:
        """Whether a primary is to send all its flows now; not each time that a link comes and goes."""
        if self._send_at is None or now < max(self._send_at, self._sent_at + SEND_AGAIN):
            return False
        self._send_at, self._sent_at = None, now
        return True
