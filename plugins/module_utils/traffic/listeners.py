# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The side that answers: what listeners of all kinds have in common."""

from __future__ import annotations

import errno
import socket
from collections import Counter
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.traffic.accounting import Sender, Series, Track
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.results import counts, ends
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.run import Result, Run
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.sockets import family_of


class Peer:
    """What one listener had from one peer: of one kind, and of one flow where the flow has a name."""

    def __init__(self, run: Run, kind: str, address: str, name: str = "") -> None:
        self.run, self.kind, self.address, self.name = run, kind, address, name
        self.tracks: list[Track] = []
        self.senders: list[Sender] = []
        self.series = Series(run.start, run.bin)
        self.happened: Counter[str] = Counter()
        self.corrupt = 0
        self.open: set[Track] = set()
        self.surviving = 0

    def mark(self, now: int, window: int) -> None:
        self.surviving = sum(track.last >= now - window for track in self.open)

    def result(self, listener: Listener, now: int) -> Result:
        for track in self.open:
            track.close(now)
        received = sum(track.received for track in self.tracks)
        sent = sum(sender.sent for sender in self.senders)
        return {
            "name": self.name,
            "kind": self.kind,
            "address": listener.address,
            "port": listener.port,
            "peer": self.address,
            "count": len(self.tracks),
            **counts(self.run, self.tracks, self.senders, sent, received),
            "lost": 0,
            "survivors": self.surviving,
            **ends(self.happened, self.corrupt),
            "series": self.run.series(self.series, now),
        }


class Listener:
    """A bound port. Peers are told apart by what `key` a subclass gives them."""

    type = socket.SOCK_STREAM

    def __init__(self, run: Run, spec: dict[str, Any]) -> None:
        self.run, self.loop = run, run.loop
        self.kind, self.address, self.port = str(spec["kind"]), str(spec["address"]), int(spec["port"])
        self.peers: dict[object, Peer] = {}
        self.sock = socket.socket(family_of(self.address), self.type)
        try:
            if self.type == socket.SOCK_STREAM:
                # not for UDP: there it would let two listeners have one port
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.sock.bind((self.address, self.port))
            if self.type == socket.SOCK_STREAM:
                self.sock.listen(4096)
        except OSError as error:
            self.sock.close()
            name = errno.errorcode.get(error.errno or 0, "")
            place = f"{self.kind} port {self.port} of {self.address}"
            raise OSError(f"can't listen at {place}: {error.strerror} ({name})") from error
        self.sock.setblocking(False)
        self.loop.watch(self.sock, self.ready)

    def peer(self, kind: str, address: str) -> Peer:
        return self.peers.setdefault((kind, address), Peer(self.run, kind, address))

    def ready(self, _events: int) -> None:
        for _connection in range(64):
            try:
                sock, address = self.sock.accept()
            except OSError:
                return
            self.serve(sock, str(address[0]))

    def serve(self, sock: socket.socket, address: str) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        """Send nothing more of one's own accord."""

    def results(self, now: int) -> list[Result]:
        return [peer.result(self, now) for peer in self.peers.values()]
