# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbered traffic of several kinds, and what became of it: flows and listeners, from start to result.

One thread serves everything. Times are nanoseconds of CLOCK_MONOTONIC; results are milliseconds, and seconds
since the epoch for points in time. UDP and ping are stamped by the kernel as they arrive, so that a late
wake-up of ours makes no gap.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.traffic.connect_flows import ConnectFlows
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.flows import DRAIN, Flows
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.ftp_flows import FtpFlows
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.ftp_listener import FtpListener
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.http_flows import HttpConnectFlows, HttpFlows
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.listeners import Listener
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.loop import NANO
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.ping_flows import PingFlows
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.run import Result, Run
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.tcp_flows import TcpFlows
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.tcp_listener import TcpListener
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.udp_flows import UdpFlows
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.udp_listener import UdpListener

KINDS: dict[str, type[Flows]] = {
    "tcp": TcpFlows,
    "connect": ConnectFlows,
    "udp": UdpFlows,
    "ping": PingFlows,
    "ftp": FtpFlows,
    "http": HttpFlows,
    "http_connect": HttpConnectFlows,
}
LISTENERS: dict[str, type[Listener]] = {"tcp": TcpListener, "udp": UdpListener, "ftp": FtpListener}

Answer = Callable[[Result], None]


class Probe:
    """Listeners and flows, from their start to the one request that collects them."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.run = Run(spec)
        self.loop = self.run.loop
        self.notes: list[str] = []
        if spec["realtime"]:
            try:
                os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
            except OSError as error:
                self.notes.append(f"no real-time priority: {error.strerror}")
        self.listeners = [LISTENERS[one["kind"]](self.run, one) for one in spec["listeners"]]
        self.flows = [KINDS[one["kind"]](self.run, one) for one in spec["flows"]]

    def open(self) -> None:
        """Begin all flows; where it is required, return only when each has had its first exchange."""
        for flows in self.flows:
            try:
                flows.open()
            except OSError as error:
                raise OSError(f"{self._place(flows)}: {error.strerror or error}") from error
        if self.run.patient:
            self._look()
            self.loop.run()
            self.loop.going = True
            unmet = [f"{self._place(flows)}: {how}" for flows in self.flows for how in [flows.unmet()] if how]
            if unmet:
                seconds = (time.monotonic_ns() - self.run.start) / NANO
                raise OSError(f"no exchange within {seconds:.1f} s: {'; '.join(unmet)}")
            for flows in self.flows:
                flows.happened.clear()

    def _place(self, flows: Flows) -> str:
        spec = flows.spec
        port = f" {spec['port']}" if spec["port"] else ""
        source = f" from port {spec['source_port']}" if spec.get("source_port") else ""
        return f"flow {spec['name']} ({spec['kind']}) to {spec['target']}{port}{source}"

    def _look(self) -> None:
        over = time.monotonic_ns() > self.run.start + self.run.timeout
        hopeless = any(flows.hopeless() for flows in self.flows)
        if over or hopeless or not any(flows.unmet() for flows in self.flows):
            self.loop.going = False
        else:
            self.loop.later(NANO // 50, self._look)

    def collect(self, window: float, answer: Answer) -> None:
        """Stop what is sent, wait for what is on its way, and answer with what became of all."""
        now = time.monotonic_ns()
        ended_at = time.time()
        for flows in self.flows:
            flows.mark(now, int(window * NANO))
            flows.stop(now)
        for listener in self.listeners:
            for peer in listener.peers.values():
                peer.mark(now, int(window * NANO))
            listener.stop()

        def settle() -> None:
            moment = time.monotonic_ns()
            if moment < now + DRAIN or any(flows.pending(moment) for flows in self.flows):
                self.loop.later(NANO // 20, settle)
            else:
                answer(self.result(ended_at, now))
                self.loop.going = False

        if self.flows:
            settle()
        else:
            answer(self.result(ended_at, now))
            self.loop.going = False

    def result(self, ended_at: float, now: int) -> Result:
        used = os.times()
        elapsed = (time.monotonic_ns() - self.run.start) / NANO
        return {
            "flows": [flows.result() for flows in self.flows],
            "listeners": [one for listener in self.listeners for one in listener.results(now)],
            "cpu_percent": round(100 * (used.user + used.system) / elapsed, 2),
            "started_at": self.run.started_at,
            "ended_at": ended_at,
            "notes": self.notes,
        }
