# SPDX-License-Identifier: GPL-3.0-or-later
"""flow_probe with TCP flows that open one after the other, on a host of the lab.

    born.py SPECIFICATION.json      beside flow_probe.py, and the same but for what is said here

It waits for a line, and begins each flow `delay` seconds later. When it did, in seconds since the epoch, is
with the flow's result as `begun`.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import flow_probe


class BornFlows(flow_probe.TcpFlows):
    begun: float | None = None

    def open(self) -> None:
        self.members = []
        self.loop.later(int(self.spec["delay"] * flow_probe.NANO), self.begin)

    def begin(self) -> None:
        self.begun = time.time()
        super().open()

    def result(self) -> dict[str, Any]:
        return {**super().result(), "begun": self.begun}


if __name__ == "__main__":
    flow_probe.KINDS["tcp"] = BornFlows
    sys.stdin.readline()
    flow_probe.main()
