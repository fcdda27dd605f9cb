# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Long connections: numbered messages that come back."""

from __future__ import annotations

import time

from ansible_collections.ftfw.pair.plugins.module_utils.traffic.accounting import Sender, Track
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.flows import Flows
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.messages import (
    OVERHEAD,
    STREAM,
    CorruptError,
    content,
    new_key,
    pack,
    split,
    unpack,
)
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.sockets import Stream


class TcpFlow:
    """One long connection: numbered messages, which have to come back as they are and in order."""

    def __init__(self, flows: TcpFlows, index: int) -> None:
        self.flows, self.index = flows, index
        self.buffer = bytearray()
        self.track, self.sender = Track(time.monotonic_ns()), Sender()
        self.alive = False
        port = flows.spec.get("source_port") or 0
        self.stream = Stream.dial(
            flows.loop, flows.address, self.opened, self.taken, self.ended, port + index if port else 0
        )

    def opened(self) -> None:
        self.alive = True
        now = time.monotonic_ns()
        self.track.last = now
        self.send(now, now)

    def send(self, due: int, now: int) -> None:
        if self.alive and self.stream is not None and not self.flows.stopped_at:
            data = pack(STREAM, self.flows.key, self.sender.sent, due, now, self.flows.padding)
            if self.stream.write(data):
                self.sender.note(now)

    def taken(self, data: bytes) -> None:
        flows, track, now = self.flows, self.track, time.monotonic_ns()
        self.buffer += data
        try:
            for raw in split(self.buffer):
                message = unpack(raw)
                if message is None or message.key != flows.key or message.number != track.next:
                    flows.corrupt += 1
                    continue
                if message.body != flows.padding:
                    flows.corrupt += 1
                track.arrive(message.number, now)
                track.fresh = message.sent
                flows.series.add(now)
                flows.met.add(self.index)
        except CorruptError:
            flows.corrupt += 1
            self.buffer.clear()

    def ended(self, error: OSError | None) -> None:
        if self.alive or not self.flows.stopped_at:
            self.flows.failed(error)
        self.alive = False


class TcpFlows(Flows):
    def open(self) -> None:
        self.key = new_key()
        self.padding = content(0, max(0, self.size - OVERHEAD))
        self.members = [TcpFlow(self, index) for index in range(self.count)]
        self.tracks = [member.track for member in self.members]
        self.senders = [member.sender for member in self.members]
        self.tick(self.rate * self.count, lambda n, due, now: self.members[n % self.count].send(due, now))

    def mark(self, now: int, window: int) -> None:
        super().mark(now, window)
        self.surviving &= {member.index for member in self.members if member.alive}

    def close_tracks(self) -> None:
        for member in self.members:
            # a sender without answers goes on, and what was never answered is a gap up to the end
            member.track.close(self.stopped_at)
