# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A UDP listener: it counts what comes, and sends what each flow has asked for."""

from __future__ import annotations

import json
import socket
import time
from contextlib import suppress
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.traffic.accounting import Sender, Track
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.listeners import Listener, Peer
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.loop import NANO, Ticker
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.messages import (
    DATA,
    FIN,
    FIN_ACK,
    HELLO,
    HELLO_ACK,
    OVERHEAD,
    Message,
    content,
    pack,
    unpack,
)
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.results import counts
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.run import Result, Run
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.sockets import (
    SocketAddress,
    arrivals,
    stamped,
    what_happened,
)


class UdpPeer(Peer):
    """A flow of datagrams: the stream that comes, and the one that it has asked for."""

    def __init__(self, listener: UdpListener, key: int, address: SocketAddress, wish: dict[str, Any]) -> None:
        super().__init__(listener.run, "udp", str(address[0]), str(wish.get("name", "")))
        self.listener, self.key, self.to = listener, key, address
        self.track, self.down = Track(time.monotonic_ns()), Sender()
        self.tracks, self.senders = [self.track], [self.down]
        self.fin: dict[str, Any] = {}
        self.ended = 0
        self.stopped_at = 0
        self.limit = time.monotonic_ns() + int(float(wish.get("seconds", 60)) * NANO)
        self.padding = content(0, max(0, int(wish.get("size", OVERHEAD)) - OVERHEAD))
        self.ticker: Ticker | None = None
        if wish.get("down"):
            self.ticker = Ticker(listener.loop, min(20000.0, max(0.01, float(wish["rate"]))), self.send)

    def send(self, _number: int, due: int, now: int) -> None:
        if now > self.limit:
            self.stop(now)
            return
        self.listener.put(pack(DATA, self.key, self.down.sent, due, now, self.padding), self.to, self)
        self.down.note(now)

    def stop(self, now: int) -> None:
        if not self.stopped_at:
            self.stopped_at = now
            if self.ticker is not None:
                self.ticker.stop()

    def arrive(self, message: Message, at: int) -> None:
        if not self.track.received:
            self.track.last = at
        if self.track.arrive(message.number, at):
            self.series.add(at)
            self.track.late = max(self.track.late, message.sent - message.due)

    def finish(self, fin: dict[str, Any], at: int) -> dict[str, Any]:
        """Take the client's word that it has sent its last, and tell what came and what was sent."""
        self.stop(time.monotonic_ns())
        self.fin, self.ended = fin, at - int(fin["age"])
        self.track.close(self.ended)
        up = counts(self.run, self.tracks, [], int(fin["sent"]), self.track.received)
        return {
            "sent": self.down.sent,
            "stall": self.down.stall,
            "age": time.monotonic_ns() - self.stopped_at,
            "quiet": max(0, self.ended - self.track.last),
            "up": {**up, "lost": self.track.lost(int(fin["sent"]))},
        }

    def mark(self, now: int, window: int) -> None:
        self.surviving = int(self.track.last >= (self.ended or now) - window)

    def result(self, listener: Listener, now: int) -> Result:
        """Sent and lost are the peer's own stream, up; what was sent down is `down_sent`."""
        if not self.ended:
            self.track.close(min(now, self.limit))
        whole = super().result(listener, now)
        whole["sent"] = self.fin.get("sent")
        whole["lost"] = self.track.lost(int(self.fin.get("sent", 0)))
        whole["down_sent"] = self.down.sent
        return whole


class UdpListener(Listener):
    type = socket.SOCK_DGRAM

    def __init__(self, run: Run, spec: dict[str, Any]) -> None:
        super().__init__(run, spec)
        self.known: dict[int, UdpPeer] = {}
        stamped(self.sock)

    def put(self, data: bytes, to: SocketAddress, peer: UdpPeer) -> None:
        try:
            self.sock.sendto(data, to)
        except OSError as error:
            peer.happened[what_happened(error)] += 1

    def ready(self, _events: int) -> None:
        for data, address, at in arrivals(self.sock, lambda error: None):
            message = unpack(data)
            if message is not None:
                with suppress(ValueError, KeyError, TypeError):
                    self.take(message, address, at)

    def take(self, message: Message, address: SocketAddress, at: int) -> None:
        peer = self.known.get(message.key)
        if peer is None:
            if message.kind not in (HELLO, DATA):
                return
            # where HELLO was lost, numbers come from one that is not known yet
            wish = json.loads(message.body) if message.kind == HELLO else {}
            peer = self.known[message.key] = UdpPeer(self, message.key, address, wish)
            self.peers[message.key] = peer
        # a firewall may have given it another source
        peer.to = address
        if message.kind == DATA:
            peer.arrive(message, at)
        elif message.kind == HELLO:
            wish = json.loads(message.body)
            if not peer.name:
                peer.name = str(wish.get("name", ""))
                peer.limit = time.monotonic_ns() + int(float(wish["seconds"]) * NANO)
            if wish.get("down") and peer.ticker is None:
                peer.padding = content(0, max(0, int(wish["size"]) - OVERHEAD))
                peer.ticker = Ticker(self.loop, min(20000.0, max(0.01, float(wish["rate"]))), peer.send)
            self.put(pack(HELLO_ACK, message.key), address, peer)
        elif message.kind == FIN:
            told = json.dumps(peer.finish(json.loads(message.body), at)).encode()
            self.put(pack(FIN_ACK, message.key, body=told), address, peer)

    def stop(self) -> None:
        for peer in self.known.values():
            peer.stop(time.monotonic_ns())
