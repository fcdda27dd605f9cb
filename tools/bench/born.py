# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe with TCP flows that open one after the other, on a host of the lab.

The program is the probe's but for this: it waits for a line, and begins each flow `delay` seconds later. When
it did, in seconds since the epoch, is with the flow's result as `begun`.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.traffic.loop import NANO
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.probe import KINDS
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.program import main as probe
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.tcp_flows import TcpFlows


class BornFlows(TcpFlows):
    begun: float | None = None

    def open(self) -> None:
        self.members = []
        self.loop.later(int(self.spec["delay"] * NANO), self.begin)

    def begin(self) -> None:
        self.begun = time.time()
        super().open()

    def result(self) -> dict[str, Any]:
        return {**super().result(), "begun": self.begun}


def main() -> None:
    KINDS["tcp"] = BornFlows
    sys.stdin.readline()
    probe()
