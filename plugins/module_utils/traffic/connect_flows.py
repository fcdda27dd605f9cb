# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections that open anew, each for one short exchange."""

from __future__ import annotations

import time
from contextlib import suppress

from ansible_collections.ftfw.pair.plugins.module_utils.traffic.accounting import Sender, Track
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.flows import RETRY, Flows
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.loop import NANO
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.messages import (
    OVERHEAD,
    SHORT,
    CorruptError,
    content,
    new_key,
    pack,
    split,
    unpack,
)
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.run import Result
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.sockets import Stream, what_happened

CONNECT_TIMEOUT = 3 * NANO


class Attempt:
    """A new connection for one short exchange."""

    def __init__(self, flows: ConnectFlows, counted: bool, now: int) -> None:
        self.flows, self.counted, self.begun = flows, counted, now
        self.over = False
        self.buffer = bytearray()
        flows.loop.at(now + CONNECT_TIMEOUT, self.expire)
        self.stream = Stream.dial(flows.loop, flows.address, self.opened, self.taken, self.ended)

    def opened(self) -> None:
        if self.stream is not None:
            self.stream.write(pack(SHORT, self.flows.key, 0, self.begun, self.begun, self.flows.padding))

    def taken(self, data: bytes) -> None:
        self.buffer += data
        with suppress(CorruptError):
            for raw in split(self.buffer):
                message = unpack(raw)
                wrong = message is None or message.key != self.flows.key or message.body != self.flows.padding
                self.end("corrupt" if wrong else "")
                return
            return
        self.end("corrupt")

    def ended(self, error: OSError | None) -> None:
        self.end(what_happened(error))

    def expire(self) -> None:
        self.end("timed out")
        if self.stream is not None:
            self.stream.close()

    def end(self, how: str) -> None:
        """Tell once how it went. The server closes first, so the client's port is free again at once."""
        if not self.over:
            self.over = True
            self.flows.over(self, how)


class ConnectFlows(Flows):
    attempts: type[Attempt] = Attempt
    request = b""

    def open(self) -> None:
        self.key = new_key()
        self.padding = content(0, max(0, self.size - OVERHEAD))
        self.track, self.sender = Track(time.monotonic_ns()), Sender()
        self.tracks, self.senders = [self.track], [self.sender]
        self.open_attempts = 0
        self.failed_at: list[int] = []
        self.last_error = ""
        if self.run.patient:
            self.attempts(self, False, time.monotonic_ns())
        else:
            self.begin()

    def begin(self) -> None:
        self.track.last = time.monotonic_ns()
        self.tick(self.rate, self.attempt)

    def attempt(self, _number: int, _due: int, now: int) -> None:
        self.sender.note(now)
        self.open_attempts += 1
        self.attempts(self, True, now)

    def unmet(self) -> str:
        return "" if self.met else self.last_error or "timed out"

    def over(self, attempt: Attempt, how: str) -> None:
        now = time.monotonic_ns()
        if not how:
            self.met.add(0)
        if not attempt.counted:
            self.last_error = how
            if how:
                self.loop.later(RETRY, lambda: None if self.met else self._again())
            else:
                self.begin()
            return
        self.open_attempts -= 1
        if not how:
            self.track.tick(now)
            self.track.fresh = attempt.begun
            self.series.add(now)
            return
        self.failed_at.append(attempt.begun)
        if how == "corrupt":
            self.corrupt += 1
        else:
            self.happened[how] += 1

    def _again(self) -> None:
        self.attempts(self, False, time.monotonic_ns())

    def result(self) -> Result:
        # one that has neither come nor failed yet says nothing
        whole = super().result()
        whole["sent"] -= self.open_attempts
        begun = sorted(map(self.run.epoch, self.failed_at))
        failed = {"first_failed_at": begun[0], "last_failed_at": begun[-1]} if begun else {}
        never = {"first_failed_at": None, "last_failed_at": None}
        return {**whole, "lost": whole["sent"] - whole["received"], **never, **failed}
