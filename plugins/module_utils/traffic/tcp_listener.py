# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A TCP listener: what comes goes back."""

from __future__ import annotations

import socket
import time

from ansible_collections.ftfw.pair.plugins.module_utils.traffic.accounting import Sender, Track
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.listeners import Listener, Peer
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.messages import (
    SHORT,
    STREAM,
    CorruptError,
    split,
    unpack,
)
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.sockets import Stream, what_happened


class Served:
    """A connection to a TCP listener: what comes goes back, after a look whether it is in order."""

    def __init__(self, listener: TcpListener, sock: socket.socket, address: str) -> None:
        self.listener, self.address = listener, address
        self.buffer = bytearray()
        self.peer: Peer | None = None
        self.track, self.sender = Track(time.monotonic_ns()), Sender()
        self.stream = Stream(listener.loop, sock, self.taken, self.ended)

    def known(self, kind: int) -> Peer:
        if self.peer is None:
            self.peer = self.listener.peer("connect" if kind == SHORT else "tcp", self.address)
            if kind == SHORT and self.peer.tracks:
                # new connections are one stream of arrivals
                self.track, self.sender = self.peer.tracks[0], self.peer.senders[0]
            else:
                self.peer.tracks.append(self.track)
                self.peer.senders.append(self.sender)
            if kind != SHORT:
                self.peer.open.add(self.track)
        return self.peer

    def taken(self, data: bytes) -> None:
        now = time.monotonic_ns()
        self.buffer += data
        short = False
        answer = bytearray()
        try:
            for raw in split(self.buffer):
                message = unpack(raw)
                short = message is not None and message.kind == SHORT
                peer = self.known(message.kind if message else STREAM)
                if message is None or (not short and message.number != self.track.next):
                    peer.corrupt += 1
                elif short:
                    self.track.tick(now)
                else:
                    self.track.arrive(message.number, now)
                peer.series.add(now)
                self.sender.note(now)
                answer += raw
        except CorruptError:
            self.known(STREAM).corrupt += 1
            self.stream.close()
            return
        if answer:
            self.stream.write(bytes(answer))
        if short:
            self.stream.finish()

    def ended(self, error: OSError | None) -> None:
        if self.peer is not None:
            self.peer.open.discard(self.track)
            if error is not None:
                self.peer.happened[what_happened(error)] += 1


class TcpListener(Listener):
    def serve(self, sock: socket.socket, address: str) -> None:
        Served(self, sock, address)
