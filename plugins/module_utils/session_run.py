# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold sessions open, watch the gateway for a takeover, and tell which of the sessions have survived it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.probe_process import ProbeError, Ready, answer_one
from ansible_collections.ftfw.pair.plugins.module_utils.probe_rows import Row, compare
from ansible_collections.ftfw.pair.plugins.module_utils.session_flows import BROKEN, KINDS, Flow, Target
from ansible_collections.ftfw.pair.plugins.module_utils.session_judge import (
    SURVIVES,
    Beat,
    Takeover,
    Verdict,
    flow_row,
    judge,
    link_address,
    takeovers,
)

ARP = Path("/proc/net/arp")
WATCH_INTERVAL = 0.05


class Holder(threading.Thread):
    """A session in a thread of its own, which notes each exchange."""

    def __init__(self, flow: Flow) -> None:
        super().__init__(daemon=True)
        self.flow = flow
        self.beats: list[Beat] = []
        self.error = ""
        self.opened = threading.Event()
        self.leaving = threading.Event()

    def run(self) -> None:
        try:
            self.flow.open()
            self.opened.set()
            while not self.leaving.wait(self.flow.target.interval):
                sent = time.monotonic()
                self.flow.beat()
                self.beats.append(Beat(sent, time.monotonic()))
        except BROKEN as error:
            self.error = str(error) or type(error).__name__
        finally:
            self.opened.set()

    def finish(self, timeout: float) -> tuple[bool, str]:
        """End the exchanges and do the flow's last one; return whether it worked, and what it gave."""
        self.leaving.set()
        self.join(timeout)
        if self.is_alive() or self.error:
            return False, self.error or f"an exchange has not ended after {timeout:.0f} s"
        try:
            self.flow.limit(timeout)
            return True, self.flow.finish()
        except BROKEN as error:
            return False, str(error) or type(error).__name__


class Watcher(threading.Thread):
    """Notes which link address the gateway has. A virtual address changes its own at a takeover."""

    def __init__(self, gateway: str, arp: Path = ARP) -> None:
        super().__init__(daemon=True)
        self.gateway = gateway
        self.arp = arp
        self.seen: list[tuple[float, str]] = []

    def run(self) -> None:
        while True:
            self.look()
            time.sleep(WATCH_INTERVAL)

    def look(self) -> None:
        found = link_address(self.arp.read_text(), self.gateway)
        if found and (not self.seen or self.seen[-1][1] != found):
            self.seen.append((time.monotonic(), found))

    @property
    def takeovers(self) -> list[Takeover]:
        return takeovers(list(self.seen))


class Sessions:
    """All sessions of one probe, from their opening to the rows that tell of them."""

    def __init__(
        self, name: str, targets: list[Target], gateway: str, folder: Path, open_timeout: float
    ) -> None:
        self.name = name
        self.open_timeout = open_timeout
        self.holders = [Holder(KINDS[target.kind](target, folder, open_timeout)) for target in targets]
        self.watcher = Watcher(gateway)

    def serve(self, control: socket.socket, ready: Ready) -> None:
        """Open the sessions, hold them, and answer the one request that collects what they have seen."""
        self.open()
        ready({"flows": [holder.flow.target.name for holder in self.holders]})
        answer_one(control, self.collect)

    def open(self) -> None:
        for holder in self.holders:
            holder.start()
        end = time.monotonic() + self.open_timeout
        for holder in self.holders:
            if not holder.opened.wait(max(0.0, end - time.monotonic())):
                holder.error = f"not open after {self.open_timeout:.0f} s"
        failed = [f"{holder.flow.target.name}: {holder.error}" for holder in self.holders if holder.error]
        if failed:
            raise ProbeError(f"sessions can't be opened: {'; '.join(failed)}")
        self.watcher.look()
        if not self.watcher.seen:
            raise ProbeError(f"gateway {self.watcher.gateway} has no link address in {self.watcher.arp}")
        self.watcher.start()

    def collect(self, request: dict[str, Any]) -> dict[str, Any]:
        """Wait for the takeover and the window after it, and judge the sessions."""
        window, expected = float(request["window"]), str(request["expected"])
        wait_until(lambda: bool(self.watcher.takeovers), float(request["takeover_timeout"]))
        found = self.watcher.takeovers
        rows = [compare(f"{self.name}: takeovers that the client has seen", "1", str(len(found)))]
        verdicts: list[Verdict | None] = [None] * len(self.holders)
        if found:
            start = found[0].at

            def verdicts_now() -> list[Verdict]:
                return [judge(list(holder.beats), start, window) for holder in self.holders]

            wait_until(lambda: all(one.survived for one in verdicts_now()), start + window - time.monotonic())
            verdicts = list(verdicts_now())
        for holder, verdict in zip(self.holders, verdicts):
            rows.append(flow_row(f"{self.name}: {holder.flow.target.name}", expected, verdict, holder.error))
        if expected == SURVIVES:
            rows += self.finish(float(request["finish_timeout"]))
        return {
            "checks": [row.as_dict() for row in rows],
            "takeovers": [{"before": one.before, "after": one.after} for one in found],
            "flows": [
                {
                    "name": holder.flow.target.name,
                    "survived": bool(verdict and verdict.survived),
                    "resumed_after": verdict.resumed_after if verdict else None,
                    "gap": verdict.gap if verdict else None,
                    "exchanges": len(holder.beats),
                    "error": holder.error,
                }
                for holder, verdict in zip(self.holders, verdicts)
            ],
        }

    def finish(self, timeout: float) -> list[Row]:
        rows = []
        for holder in self.holders:
            worked, detail = holder.finish(timeout)
            name = f"{self.name}: {holder.flow.target.name}: {holder.flow.end_title}"
            rows.append(compare(name, "yes", "yes" if worked else "no", detail))
        return rows


def wait_until(condition: Callable[[], bool], timeout: float) -> None:
    end = time.monotonic() + timeout
    while not condition() and time.monotonic() < end:
        time.sleep(WATCH_INTERVAL)
