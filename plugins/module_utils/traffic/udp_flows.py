# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Datagrams up and down, neither direction waiting for the other."""

from __future__ import annotations

import errno
import json
import socket
import time
from contextlib import suppress
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.traffic.accounting import Sender, Track
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.flows import DRAIN, RETRY, Flows
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.loop import NANO
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.messages import (
    DATA,
    FIN,
    FIN_ACK,
    HELLO,
    HELLO_ACK,
    OVERHEAD,
    content,
    new_key,
    pack,
    unpack,
)
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.results import counts, ends, milliseconds
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.run import Result
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.sockets import arrivals, family_of, stamped


class UdpFlow:
    """One socket: numbered datagrams up, and the server's own stream down, neither waiting for the other."""

    def __init__(self, flows: UdpFlows, index: int) -> None:
        self.flows, self.index = flows, index
        self.key = new_key()
        self.track, self.sender = Track(time.monotonic_ns()), Sender()
        self.greeted = self.counting = False
        self.told: dict[str, Any] | None = None
        self.told_at = 0
        self.sock = socket.socket(family_of(flows.address[0]), socket.SOCK_DGRAM)
        stamped(self.sock)
        port = flows.spec.get("source_port")
        if port:
            self.sock.bind(("", port + index))
        with suppress(OSError):
            self.sock.connect(flows.address)
        flows.loop.watch(self.sock, self.ready)
        self.hello()

    def hello(self) -> None:
        if not self.greeted and not self.flows.stopped_at:
            wish = {
                "name": self.flows.spec["name"],
                "rate": self.flows.rate,
                "size": self.flows.size,
                "seconds": (self.flows.run.end - time.monotonic_ns()) / NANO,
                "down": self.flows.spec.get("down", True),
            }
            self.put(pack(HELLO, self.key, body=json.dumps(wish).encode()))
            self.flows.loop.later(RETRY, self.hello)

    def put(self, data: bytes) -> None:
        for _attempt in range(2):
            try:
                self.sock.send(data)
                return
            except OSError as error:
                # an error that ICMP told of an earlier datagram: this one has not gone
                self.flows.failed(error)
                if error.errno != errno.ECONNREFUSED:
                    return

    def send(self, due: int, now: int) -> None:
        self.put(pack(DATA, self.key, self.sender.sent, due, now, self.flows.padding))
        self.sender.note(now)

    def ready(self, _events: int) -> None:
        flows, track = self.flows, self.track
        for data, _address, at in arrivals(self.sock, flows.failed):
            message = unpack(data)
            if message is None or message.key != self.key:
                flows.corrupt += 1
            elif message.kind == DATA:
                if not track.received:
                    track.last = at
                if track.arrive(message.number, at):
                    flows.series.add(at)
                    track.fresh = at
                    track.late = max(track.late, message.sent - message.due)
            elif message.kind == HELLO_ACK:
                self.greeted = True
                flows.met.add(self.index)
                flows.begin()
            elif message.kind == FIN_ACK:
                self.told, self.told_at = json.loads(message.body), at

    def fin(self) -> None:
        now, stopped = time.monotonic_ns(), self.flows.stopped_at
        if now < stopped + DRAIN or (self.told_at < stopped + DRAIN and now < stopped + 5 * DRAIN):
            body = {"sent": self.sender.sent, "age": now - stopped, "stall": self.sender.stall}
            self.put(pack(FIN, self.key, body=json.dumps(body).encode()))
            self.flows.loop.later(RETRY // 2, self.fin)


class UdpFlows(Flows):
    def open(self) -> None:
        self.padding = content(0, max(0, self.size - OVERHEAD))
        self.members = [UdpFlow(self, index) for index in range(self.count)]
        self.tracks = [member.track for member in self.members]
        self.senders = [member.sender for member in self.members]
        if not self.run.patient:
            self.begin()

    def begin(self) -> None:
        if len(self.met) == self.count or not self.run.patient:
            self.tick(self.rate * self.count, lambda n, due, now: self.members[n % self.count].send(due, now))

    def stop(self, now: int) -> None:
        super().stop(now)
        for member in self.members:
            member.fin()

    def pending(self, now: int) -> bool:
        return any(member.told_at < self.stopped_at + DRAIN for member in self.members) and (
            now < self.stopped_at + 5 * DRAIN
        )

    def mark(self, now: int, window: int) -> None:
        super().mark(now, window)
        self.window = window
        if not self.spec.get("down", True):
            self.surviving = set(range(self.count))

    def result(self) -> Result:
        """Both directions: what came down is known here, what went up the server has told."""
        for member in self.members:
            ended = self.stopped_at
            if member.told is not None:
                ended = min(ended, member.told_at - int(member.told["age"]))
            member.track.close(ended)
        told = [member.told for member in self.members if member.told is not None]
        complete = len(told) == self.count
        down_sent = sum(one["sent"] for one in told) if complete else None
        if not self.spec.get("down", True):
            self.tracks, down_sent = [], 0
        down = counts(self.run, self.tracks, [], down_sent, sum(t.received for t in self.tracks))
        pairs = zip(self.tracks, [member.told["sent"] if member.told else 0 for member in self.members])
        down["lost"] = sum(track.lost(sent) for track, sent in pairs)
        down["sender_stall_ms"] = (
            milliseconds(max((one["stall"] for one in told), default=0)) if told else None
        )
        up: Result = {"sent": sum(sender.sent for sender in self.senders)}
        for key in ("received", "lost", "duplicated", "reordered"):
            up[key] = sum(one["up"][key] for one in told) if complete else None
        worst = max(told, key=lambda one: float(one["up"]["longest_gap_ms"] or 0), default=None)
        for key in ("longest_gap_ms", "longest_gap_at", "sender_late_ms"):
            up[key] = worst["up"][key] if worst else None
        up["sender_stall_ms"] = milliseconds(max(sender.stall for sender in self.senders))
        self.surviving &= {
            i for i, m in enumerate(self.members) if m.told is not None and m.told["quiet"] <= self.window
        }
        both = [up, down] if complete else [down]
        gapped = max(both, key=lambda one: float(one["longest_gap_ms"] or 0))
        return {
            **{key: self.spec[key] for key in ("name", "kind", "target", "port", "count")},
            **{
                key: sum(one[key] or 0 for one in (up, down))
                for key in ("sent", "received", "lost", "duplicated", "reordered")
            },
            "longest_gap_ms": gapped["longest_gap_ms"],
            "longest_gap_at": gapped["longest_gap_at"],
            "sender_stall_ms": max(one["sender_stall_ms"] or 0 for one in (up, down)),
            "sender_late_ms": max(one["sender_late_ms"] or 0 for one in (up, down)),
            "survivors": len(self.surviving),
            **ends(self.happened, self.corrupt),
            # without the server's word nobody knows what came up, and how much it had still sent down
            "complete": complete,
            "up": up,
            "down": down,
            "series": self.run.series(self.series, self.stopped_at),
        }
