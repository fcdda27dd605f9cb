# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The side that asks: what flows of all kinds have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.traffic.accounting import Sender, Series, Track
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.loop import NANO, Ticker
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.results import counts, ends
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.run import Result, Run
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.sockets import SocketAddress, what_happened

DRAIN = NANO
"""After the last packet was sent, so long for what is still on its way."""
RETRY = NANO // 5


class Flows:
    """The flows of one specification. Their first exchange is before the count when it is required."""

    def __init__(self, run: Run, spec: dict[str, Any]) -> None:
        self.run, self.loop, self.spec = run, run.loop, spec
        self.count, self.rate, self.size = int(spec["count"]), float(spec["rate"]), int(spec["size"])
        self.address: SocketAddress = (spec["target"], int(spec["port"] or 0))
        self.series = Series(run.start, run.bin)
        self.tracks: list[Track] = []
        self.senders: list[Sender] = []
        self.happened: Counter[str] = Counter()
        self.corrupt = 0
        self.met: set[int] = set()
        self.ticker: Ticker | None = None
        self.stopped_at = 0
        self.surviving: set[int] = set()

    def open(self) -> None:
        """Begin the first exchange of each flow."""
        raise NotImplementedError

    def unmet(self) -> str:
        """What keeps flows from their first exchange; empty when each has had it."""
        if len(self.met) == self.count:
            return ""
        seen = ", ".join(sorted(self.happened)) or "timed out"
        rest = self.count - len(self.met)
        return seen if self.count == 1 else f"{seen} ({rest} of {self.count} flows)"

    def hopeless(self) -> bool:
        """Tell whether the first exchange of one can't come any more: a connection is tried once."""
        return self.spec["kind"] in ("tcp", "ftp", "http") and bool(self.happened)

    def failed(self, error: OSError | None) -> None:
        self.happened[what_happened(error)] += 1

    def tick(self, rate: float, work: Callable[[int, int, int], None]) -> None:
        if self.ticker is None and not self.stopped_at:
            self.ticker = Ticker(self.loop, rate, work)

    def mark(self, now: int, window: int) -> None:
        """Note which flows bytes have passed over, both ways, within the window before now."""
        window = max(window, int(2 * NANO / self.rate))
        self.surviving = {i for i, track in enumerate(self.tracks) if track.fresh >= now - window}

    def stop(self, now: int) -> None:
        """Send no more that is counted."""
        self.stopped_at = now
        if self.ticker is not None:
            self.ticker.stop()

    def pending(self, now: int) -> bool:
        return False

    def close_tracks(self) -> None:
        for track in self.tracks:
            track.close(self.stopped_at)

    def result(self) -> Result:
        self.close_tracks()
        sent = sum(sender.sent for sender in self.senders)
        return {
            **{key: self.spec[key] for key in ("name", "kind", "target", "port", "count")},
            **counts(self.run, self.tracks, self.senders, sent, sum(t.received for t in self.tracks)),
            "lost": sum(t.lost(s.sent) for t, s in zip(self.tracks, self.senders)),
            "survivors": len(self.surviving),
            **ends(self.happened, self.corrupt),
            "series": self.run.series(self.series, self.stopped_at),
        }
