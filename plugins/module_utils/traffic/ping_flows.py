# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Echo requests and their replies."""

from __future__ import annotations

import socket
import struct
import time
from contextlib import suppress

from ansible_collections.ftfw.pair.plugins.module_utils.traffic.accounting import Sender, Track
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.flows import RETRY, Flows
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.messages import (
    DATA,
    HELLO,
    OVERHEAD,
    content,
    new_key,
    pack,
    unpack,
)
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.sockets import arrivals, family_of, stamped

SOL_RAW, ICMP_FILTER = 255, 1


class PingFlow:
    """Echo requests (RFC 792, RFC 4443) from a socket of its own, unprivileged where that is allowed."""

    def __init__(self, flows: PingFlows, index: int) -> None:
        self.flows, self.index = flows, index
        self.key = new_key()
        self.id = new_key() & 0xFFFF
        self.track, self.sender = Track(time.monotonic_ns()), Sender()
        self.six = ":" in flows.address[0]
        protocol = socket.IPPROTO_ICMPV6 if self.six else socket.IPPROTO_ICMP
        self.raw = False
        try:
            self.sock = socket.socket(family_of(flows.address[0]), socket.SOCK_DGRAM, protocol)
        except PermissionError:
            self.sock = socket.socket(family_of(flows.address[0]), socket.SOCK_RAW, protocol)
            self.raw = True
            if not self.six:
                # nothing but echo replies (type 0)
                self.sock.setsockopt(SOL_RAW, ICMP_FILTER, struct.pack("@I", ~1 & 0xFFFFFFFF))
        stamped(self.sock)
        with suppress(OSError):
            self.sock.connect((flows.address[0], 0))
        flows.loop.watch(self.sock, self.ready)
        if flows.run.patient:
            self.hello()

    def hello(self) -> None:
        if self.index not in self.flows.met and not self.flows.stopped_at:
            self.put(HELLO, 0, 0, 0)
            self.flows.loop.later(RETRY, self.hello)

    def send(self, due: int, now: int) -> None:
        self.put(DATA, self.sender.sent, due, now)
        self.sender.note(now)

    def put(self, kind: int, number: int, due: int, now: int) -> None:
        payload = pack(kind, self.key, number, due, now, self.flows.padding)
        request = 128 if self.six else 8
        head = struct.pack("!BBHHH", request, 0, 0, self.id, number & 0xFFFF)
        # the kernel has the checksum of IPv6 for itself
        checksum = 0 if self.six else internet_checksum(head + payload)
        try:
            self.sock.send(struct.pack("!BBHHH", request, 0, checksum, self.id, number & 0xFFFF) + payload)
        except OSError as error:
            self.flows.failed(error)

    def ready(self, _events: int) -> None:
        for data, _address, at in arrivals(self.sock, self.flows.failed):
            if self.raw and not self.six:
                data = data[(data[0] & 15) * 4 :]
            reply = data[:1] == (b"\x81" if self.six else b"\x00")
            message = unpack(data[8:]) if reply else None
            if message is None or message.key != self.key:
                # a raw socket hears the replies to others, too
                self.flows.corrupt += reply and not self.raw
            elif message.kind == HELLO:
                self.flows.met.add(self.index)
                self.flows.begin()
            elif self.track.arrive(message.number, at):
                self.flows.series.add(at)
                self.flows.met.add(self.index)
                self.track.fresh = message.sent


def internet_checksum(data: bytes) -> int:
    """RFC 1071."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class PingFlows(Flows):
    def open(self) -> None:
        self.padding = content(0, max(0, self.size - OVERHEAD))
        self.members = [PingFlow(self, index) for index in range(self.count)]
        self.tracks = [member.track for member in self.members]
        self.senders = [member.sender for member in self.members]
        if not self.run.patient:
            self.begin()

    def begin(self) -> None:
        if self.ticker is None and (len(self.met) == self.count or not self.run.patient):
            for track in self.tracks:
                track.last = time.monotonic_ns()
            self.tick(self.rate * self.count, lambda n, due, now: self.members[n % self.count].send(due, now))
