# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold sessions open, watch their gateways for a takeover, and tell which sessions have survived it."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.netlink.route import link_addresses
from ansible_collections.ftfw.pair.plugins.module_utils.probe.process import ProbeError, Ready, answer_one
from ansible_collections.ftfw.pair.plugins.module_utils.probe.rows import CheckRow, compare
from ansible_collections.ftfw.pair.plugins.module_utils.probe.session_flows import (
    BROKEN,
    KINDS,
    SessionFlow,
    Target,
)
from ansible_collections.ftfw.pair.plugins.module_utils.probe.session_judge import (
    SURVIVES,
    Beat,
    SessionVerdict,
    Takeover,
    flow_row,
    judge,
    takeovers,
)

WATCH_INTERVAL = 0.05


class Holder(threading.Thread):
    """A session in a thread of its own, which notes each exchange."""

    def __init__(self, flow: SessionFlow) -> None:
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
        """Do the flow's last exchange, once the others have ended; whether it worked, and what it gave."""
        self.join(timeout)
        if self.is_alive() or self.error:
            return False, self.error or f"an exchange has not ended after {timeout:.0f} s"
        try:
            self.flow.limit(timeout)
            return True, self.flow.finish()
        except BROKEN as error:
            return False, str(error) or type(error).__name__


class Watcher(threading.Thread):
    """Notes which link address each gateway has. A virtual address changes its own at a takeover."""

    def __init__(self, gateways: list[str]) -> None:
        super().__init__(daemon=True)
        self.gateways = gateways
        self.seen: dict[str, list[tuple[float, str]]] = {gateway: [] for gateway in gateways}

    def run(self) -> None:
        while True:
            # a look that fails is not the last one
            with contextlib.suppress(OSError):
                self.look()
            time.sleep(WATCH_INTERVAL)

    def look(self) -> None:
        for gateway, found in link_addresses(frozenset(self.gateways)).items():
            seen = self.seen[gateway]
            if not seen or seen[-1][1] != found:
                seen.append((time.monotonic(), found))

    def takeovers(self, gateway: str) -> list[Takeover]:
        return takeovers(list(self.seen[gateway]))

    @property
    def over(self) -> bool:
        """Whether every gateway has moved."""
        return all(self.takeovers(gateway) for gateway in self.gateways)


class Sessions:
    """All sessions of one probe, from their opening to the rows that tell of them."""

    def __init__(
        self, name: str, targets: list[Target], gateways: list[str], folder: Path, open_timeout: float
    ) -> None:
        self.name = name
        self.open_timeout = open_timeout
        families = {ip_address(gateway).version: str(ip_address(gateway)) for gateway in gateways}
        self.gateways = {
            target.name: families.get(ip_address(target.target).version, "") for target in targets
        }
        lost = [target for target in targets if not self.gateways[target.name]]
        if lost:
            raise ProbeError(f"{lost[0].name}: no gateway of the family of {lost[0].target}")
        self.holders = [Holder(KINDS[target.kind](target, folder, open_timeout)) for target in targets]
        self.watcher = Watcher(list(families.values()))

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
        for gateway, seen in self.watcher.seen.items():
            if not seen:
                raise ProbeError(f"gateway {gateway} has no link address, as this host's kernel knows it")
        self.watcher.start()

    def collect(self, request: dict[str, Any]) -> dict[str, Any]:
        """Wait for the takeover and the window after it, and judge the sessions."""
        window, expected = float(request["window"]), str(request["expected"])
        wait_until(lambda: self.watcher.over, float(request["takeover_timeout"]))
        found = {gateway: self.watcher.takeovers(gateway) for gateway in self.watcher.gateways}
        rows = [
            compare(f"{self.name}: {seen_by_the_client(gateway)}", "1", str(len(moves)))
            for gateway, moves in found.items()
        ]
        starts = {gateway: moves[0].at for gateway, moves in found.items() if moves}

        def verdicts_now() -> list[SessionVerdict | None]:
            at = [starts.get(self.gateways[holder.flow.target.name]) for holder in self.holders]
            return [
                None if start is None else judge(list(holder.beats), start, window)
                for holder, start in zip(self.holders, at)
            ]

        if starts:
            wait_until(
                lambda: all(one is None or one.survived for one in verdicts_now()),
                max(starts.values()) + window - time.monotonic(),
            )
        verdicts = verdicts_now()
        for holder, verdict in zip(self.holders, verdicts):
            rows.append(flow_row(f"{self.name}: {holder.flow.target.name}", expected, verdict, holder.error))
        if expected == SURVIVES:
            rows += self.finish(float(request["finish_timeout"]))
        return {
            "checks": [row.as_dict() for row in rows],
            "takeovers": [
                {"gateway": gateway, "before": one.before, "after": one.after}
                for gateway, moves in found.items()
                for one in moves
            ],
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

    def finish(self, timeout: float) -> list[CheckRow]:
        rows = []
        for holder in self.holders:
            holder.leaving.set()
        for holder in self.holders:
            worked, detail = holder.finish(timeout)
            name = f"{self.name}: {holder.flow.target.name}: {holder.flow.end_title}"
            rows.append(compare(name, "yes", "yes" if worked else "no", detail))
        return rows


def seen_by_the_client(gateway: str) -> str:
    return f"takeovers that the client has seen{' (IPv6)' if ip_address(gateway).version == 6 else ''}"


def wait_until(condition: Callable[[], bool], timeout: float) -> None:
    end = time.monotonic() + timeout
    while not condition() and time.monotonic() < end:
        time.sleep(WATCH_INTERVAL)
