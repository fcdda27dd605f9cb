# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all flows and listeners of one probe have in common: its loop and its times."""

from __future__ import annotations

import time
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.traffic.accounting import Series, encode
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.loop import NANO, Loop

Result = dict[str, Any]


class Run:
    """One run of a probe, to `end` at the latest.

    Times are nanoseconds of CLOCK_MONOTONIC, and `started_at` is seconds since the epoch. A patient run
    waits up to `timeout` for the first exchange of each flow.
    """

    def __init__(self, spec: dict[str, Any]) -> None:
        self.start, self.started_at = time.monotonic_ns(), time.time()
        self.bin = int(spec["bin_ms"]) * 1_000_000
        self.timeout = int(float(spec["timeout"]) * NANO)
        self.end = self.start + int(float(spec["lifetime"]) * NANO)
        self.patient = bool(spec["require_reachable"])
        self.loop = Loop()

    def epoch(self, at: int) -> float:
        """Seconds since the epoch."""
        return round(self.started_at + (at - self.start) / NANO, 6)

    def series(self, series: Series, end: int) -> Result:
        return {
            "bin_ms": self.bin // 1_000_000,
            "start": self.started_at,
            "counts": encode(series.counts(end)),
        }
