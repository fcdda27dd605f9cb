# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paced downloads over FTP."""

from __future__ import annotations

import hashlib
import time

from ansible_collections.ftfw.pair.plugins.module_utils.traffic.accounting import Track
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.flows import Flows
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.ftp import parse_passive, parse_reply
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.loop import NANO
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.messages import CorruptError, digest
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.results import counts, ends
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.run import Result
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.sockets import Stream, what_happened


class FtpFlow:
    """A control session, a paced download on it, and a second one when the probe is collected."""

    def __init__(self, flows: FtpFlows, index: int) -> None:
        self.flows, self.index = flows, index
        self.buffer = bytearray()
        self.track = Track(time.monotonic_ns())
        self.state = "open"
        self.file = f"probe-{flows.seconds:g}-{flows.size}"
        self.transfers: list[Result] = []
        self.data: Stream | None = None
        self.got, self.hash, self.data_over = 0, hashlib.sha256(), False
        self.dead = False
        port = flows.spec.get("source_port") or 0
        self.control = Stream.dial(
            flows.loop, flows.address, lambda: None, self.taken, self.ended, port + index if port else 0
        )

    @property
    def idle(self) -> bool:
        return self.dead or self.state in ("idle", "over")

    def say(self, line: str, state: str) -> None:
        self.state = state
        if self.control is not None:
            self.control.write(line.encode() + b"\r\n")

    def taken(self, data: bytes) -> None:
        self.buffer += data
        try:
            while not self.dead:
                reply = parse_reply(self.buffer)
                if reply is None:
                    return
                self.step(*reply)
        except CorruptError:
            self.flows.corrupt += 1
            self.die("no FTP")

    def step(self, code: int, text: str) -> None:
        expected = {
            "open": 220,
            "user": 331,
            "pass": 230,
            "type": 200,
            "retr": 150,
            "transfer": 226,
        }
        if self.state == "over":
            # goodbye
            return
        if self.state == "passive":
            host, port = parse_passive(code, text, self.flows.address[0])
            self.got, self.hash, self.data_over = 0, hashlib.sha256(), False
            self.data = Stream.dial(
                self.flows.loop, (host, port), self.retrieve, self.take_data, self.end_data
            )
        elif code != expected.get(self.state):
            self.die(f"{code} {text} after {self.state.upper()}")
        elif self.state == "open":
            self.say("USER anonymous", "user")
        elif self.state == "user":
            self.say("PASS probe", "pass")
        elif self.state == "pass":
            self.say("TYPE I", "type")
        elif self.state == "type":
            self.transfer()
        elif self.state == "retr":
            self.state = "transfer"
        elif self.state == "transfer":
            self.state = "complete"
            self.complete()

    def retrieve(self) -> None:
        self.say(f"RETR {self.file}", "retr")

    def transfer(self) -> None:
        self.say("EPSV" if ":" in self.flows.address[0] else "PASV", "passive")

    def take_data(self, data: bytes) -> None:
        now = time.monotonic_ns()
        if not self.got and not self.transfers:
            self.track.last = now
        self.got += len(data)
        self.hash.update(data)
        if not self.flows.stopped_at:
            self.track.tick(now)
        self.track.fresh = now
        self.flows.series.add(now, len(data))
        self.flows.met.add(self.index)

    def end_data(self, error: OSError | None) -> None:
        if error is not None:
            self.die(what_happened(error))
            return
        self.data_over = True
        self.complete()

    def complete(self) -> None:
        """The file has ended, and the server said so, in either order."""
        if self.state == "complete" and self.data_over:
            right = self.got == self.flows.size and self.hash.hexdigest() == digest(self.flows.size)
            self.transfers.append({"bytes": self.got, "ok": right})
            self.flows.corrupt += not right
            self.state = "idle" if len(self.transfers) == 1 else "over"
            if self.flows.stopped_at:
                self.again()

    def again(self) -> None:
        """Open the second transfer, when the first is complete."""
        if self.state == "idle":
            self.file = f"probe-0-{self.flows.size}"
            self.transfer()
        elif self.state == "over":
            self.say("QUIT", "over")

    def ended(self, error: OSError | None) -> None:
        if self.state != "over":
            self.die(what_happened(error))

    def die(self, how: str) -> None:
        if not self.dead:
            self.dead = True
            self.flows.happened[how] += 1
            for stream in (self.control, self.data):
                if stream is not None:
                    stream.close()


class FtpFlows(Flows):
    def open(self) -> None:
        self.seconds = float(self.spec["seconds"])
        self.members = [FtpFlow(self, index) for index in range(self.count)]
        self.tracks = [member.track for member in self.members]
        self.begun = time.monotonic_ns()

    def mark(self, now: int, window: int) -> None:
        self.surviving = set()

    def stop(self, now: int) -> None:
        super().stop(now)
        for member in self.members:
            if member.state == "idle":
                member.again()

    def pending(self, now: int) -> bool:
        longest = max(self.stopped_at, self.begun + int(self.seconds * NANO)) + self.run.timeout
        return now < longest and not all(member.dead or member.state == "over" for member in self.members)

    def result(self) -> Result:
        for member in self.members:
            if not member.transfers:
                # it was due to go on
                member.track.close(min(time.monotonic_ns(), self.begun + int(self.seconds * NANO)))
        wanted = self.size * 2 * self.count
        got = sum(one["bytes"] for member in self.members for one in member.transfers)
        got += sum(member.got for member in self.members if member.state in ("retr", "transfer", "complete"))
        whole = [m for m in self.members if [one["ok"] for one in m.transfers] == [True, True] and not m.dead]
        silent = sum(not member.dead and member.state != "over" for member in self.members)
        self.happened["timed out"] += silent
        return {
            **{key: self.spec[key] for key in ("name", "kind", "target", "port", "count")},
            **counts(self.run, self.tracks, [], wanted, got),
            "lost": wanted - got,
            "survivors": len(whole),
            **ends(+self.happened, self.corrupt),
            "transfers": [member.transfers for member in self.members],
            "series": self.run.series(self.series, self.stopped_at),
        }
