# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An FTP listener: it serves files of any size at the pace that their name says."""

from __future__ import annotations

import socket
import time

from ansible_collections.ftfw.pair.plugins.module_utils.traffic.accounting import Sender, Track
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.ftp import parse_file
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.listeners import Listener
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.loop import NANO
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.messages import content
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.sockets import (
    Stream,
    family_of,
    what_happened,
)


class FtpServed:
    """A control connection to an FTP listener, and its data connection."""

    PACE = NANO // 50

    def __init__(self, listener: FtpListener, sock: socket.socket, address: str) -> None:
        self.listener = listener
        self.peer = listener.peer("ftp", address)
        self.track, self.sender = Track(time.monotonic_ns()), Sender()
        self.peer.tracks.append(self.track)
        self.peer.senders.append(self.sender)
        self.peer.open.add(self.track)
        self.host = str(sock.getsockname()[0])
        self.buffer = bytearray()
        self.passive: socket.socket | None = None
        self.data: Stream | None = None
        self.file: tuple[float, int] | None = None
        self.offset = self.begun = 0
        self.control = Stream(listener.loop, sock, self.taken, self.ended)
        self.say("220 ftfw probe")

    def say(self, line: str) -> None:
        self.control.write(line.encode() + b"\r\n")

    def taken(self, data: bytes) -> None:
        self.buffer += data
        while b"\n" in self.buffer:
            line, _newline, rest = bytes(self.buffer).partition(b"\n")
            self.buffer = bytearray(rest)
            command, _blank, argument = line.decode(errors="replace").strip().partition(" ")
            self.command(command.upper(), argument)

    def command(self, command: str, argument: str) -> None:
        self.track.tick(time.monotonic_ns())
        simple = {"USER": "331 any word will do", "PASS": "230 welcome", "TYPE": "200 as you like"}
        file = parse_file(argument)
        if command in simple:
            self.say(simple[command])
        elif command in ("PASV", "EPSV"):
            self.listen(command)
        elif command in ("SIZE", "RETR") and file is None:
            self.say("550 there is only probe-SECONDS-BYTES")
        elif command == "SIZE" and file:
            self.say(f"213 {file[1]}")
        elif command == "RETR" and self.passive is None and self.data is None:
            self.say("425 PASV comes first")
        elif command == "RETR":
            self.file = file
            self.send()
        elif command == "QUIT":
            self.say("221 goodbye")
            self.control.finish()
        else:
            self.say("502 not here")

    def listen(self, command: str) -> None:
        self.drop()
        family = family_of(self.host)
        if command == "PASV" and family != socket.AF_INET:
            self.say("425 EPSV is for IPv6")
            return
        self.passive = socket.socket(family, socket.SOCK_STREAM)
        self.passive.bind((self.host, 0))
        self.passive.listen(1)
        self.passive.setblocking(False)
        self.listener.loop.watch(self.passive, self.accept)
        port = self.passive.getsockname()[1]
        if command == "EPSV":
            self.say(f"229 Entering Extended Passive Mode (|||{port}|)")
        else:
            self.say(f"227 Entering Passive Mode ({self.host.replace('.', ',')},{port // 256},{port % 256})")

    def accept(self, _events: int) -> None:
        if self.passive is None:
            return
        try:
            sock, _address = self.passive.accept()
        except OSError:
            return
        self.listener.loop.close(self.passive)
        self.passive = None
        self.data = Stream(self.listener.loop, sock, lambda data: None, self.data_ended)
        self.send()

    def send(self) -> None:
        """Begin when the connection is there and the file is known."""
        if self.data is not None and self.file is not None:
            self.say("150 here it comes")
            self.offset, self.begun = 0, time.monotonic_ns()
            self.pace(self.data)

    def pace(self, data: Stream) -> None:
        """Send what is due: equal parts in equal times, as far as the client takes them."""
        if self.file is None or data is not self.data or data.closed:
            return
        now = time.monotonic_ns()
        seconds, size = self.file
        due = size if seconds == 0 else min(size, int(size * (now - self.begun) / (seconds * NANO)))
        while self.offset < due and not data.waiting:
            part = content(self.offset, min(1 << 16, due - self.offset))
            if not data.write(part):
                return
            self.offset += len(part)
            self.sender.note(now)
            self.peer.series.add(now, len(part))
        if self.offset < size or data.waiting:
            self.listener.loop.at(now + self.PACE, lambda: self.pace(data))
            return
        self.file = None
        data.finish()
        self.say("226 that was it")

    def data_ended(self, error: OSError | None) -> None:
        if error is not None:
            self.peer.happened[what_happened(error)] += 1
        if self.file is not None:
            self.file = None
            self.say("426 the data connection broke")
        self.data = None

    def drop(self) -> None:
        if self.passive is not None:
            self.listener.loop.close(self.passive)
        if self.data is not None:
            self.data.close()
        self.passive = self.data = self.file = None

    def ended(self, error: OSError | None) -> None:
        self.peer.open.discard(self.track)
        if error is not None:
            self.peer.happened[what_happened(error)] += 1
        self.drop()


class FtpListener(Listener):
    def serve(self, sock: socket.socket, address: str) -> None:
        FtpServed(self, sock, address)
