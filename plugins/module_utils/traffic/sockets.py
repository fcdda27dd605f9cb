# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets for one thread: a TCP connection in the loop, datagrams with the kernel's stamps, and errors."""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.traffic.loop import NANO, Loop

SocketAddress = tuple[Any, ...]
FRESH = 1_500_000
"""A datagram younger than this is taken for the last that waits: to ask in vain costs what reading costs."""
SO_TIMESTAMPNS = 35
SO_RCVBUFFORCE = 33
TIMESPEC = struct.Struct("@ll")


def family_of(address: str) -> int:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def what_happened(error: OSError | None) -> str:
    """Name the end of a flow; without an error its peer has closed it."""
    if error is None:
        return "closed by the peer"
    names = {
        errno.ECONNREFUSED: "refused",
        errno.ECONNRESET: "reset",
        errno.EPIPE: "reset",
        errno.ETIMEDOUT: "timed out",
        errno.EHOSTUNREACH: "no route",
        errno.ENETUNREACH: "no route",
    }
    return names.get(error.errno or 0) or error.strerror or str(error)


class Stream:
    """A TCP connection in the loop: `taken` gets what comes, what can't go waits, `ended` is called once."""

    limit = 1 << 20

    def __init__(
        self,
        loop: Loop,
        sock: socket.socket,
        taken: Callable[[bytes], None],
        ended: Callable[[OSError | None], None],
        opened: Callable[[], None] | None = None,
    ) -> None:
        self.loop, self.sock, self.taken, self.ended, self.opened = loop, sock, taken, ended, opened
        self.waiting = bytearray()
        self.closed = self.finishing = False
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        loop.watch(sock, self._ready, select.EPOLLOUT if opened else select.EPOLLIN)

    @classmethod
    def dial(
        cls,
        loop: Loop,
        address: SocketAddress,
        opened: Callable[[], None],
        taken: Callable[[bytes], None],
        ended: Callable[[OSError | None], None],
        source_port: int = 0,
    ) -> Stream | None:
        """Open a connection; an error at once comes by way of `ended`, too, and then there is none."""
        sock = socket.socket(family_of(address[0]), socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            if source_port:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                sock.bind(("", source_port))
            code = sock.connect_ex(address)
            if code not in (0, errno.EINPROGRESS):
                raise OSError(code, os.strerror(code))
        except OSError as error:
            sock.close()
            failure = error
            loop.at(0, lambda: ended(failure))
            return None
        return cls(loop, sock, taken, ended, opened)

    def write(self, data: bytes) -> bool:
        """Send, or keep for later; False when too much is kept already."""
        if self.closed or len(self.waiting) > self.limit:
            return False
        if not self.waiting:
            try:
                data = data[self.sock.send(data) :]
            except BlockingIOError:
                pass
            except OSError as error:
                self._end(error)
                return False
        if data:
            self.waiting += data
            self.loop.watch(self.sock, self._ready, select.EPOLLIN | select.EPOLLOUT)
        return True

    def finish(self) -> None:
        """End our direction once all has gone."""
        self.finishing = True
        if not self.waiting and not self.closed:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.loop.close(self.sock)

    def _end(self, error: OSError | None) -> None:
        if not self.closed:
            self.close()
            self.ended(error)

    def _ready(self, events: int) -> None:
        if self.opened is not None:
            code = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                self._end(OSError(code, os.strerror(code)))
                return
            opened, self.opened = self.opened, None
            self.loop.watch(self.sock, self._ready)
            opened()
            return
        if events & select.EPOLLOUT and self.waiting:
            try:
                del self.waiting[: self.sock.send(self.waiting)]
            except BlockingIOError:
                pass
            except OSError as error:
                self._end(error)
                return
            if not self.waiting:
                self.loop.watch(self.sock, self._ready)
                if self.finishing:
                    self.finish()
        if events & ~select.EPOLLOUT:
            try:
                data = self.sock.recv(65536)
            except BlockingIOError:
                return
            except OSError as error:
                self._end(error)
                return
            if data:
                self.taken(data)
            else:
                self._end(None)


def stamped(sock: socket.socket) -> None:
    """Have the kernel stamp what arrives, and keep what arrives while we don't run."""
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 22)
    except OSError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)


def receive(sock: socket.socket) -> tuple[bytes, SocketAddress, int]:
    """Take one datagram and its time of arrival. The kernel's stamp is wall clock: only its age is used."""
    data, ancillary, _flags, address = sock.recvmsg(2048, 64)
    at = time.monotonic_ns()
    for _level, kind, payload in ancillary:
        if kind == SO_TIMESTAMPNS and len(payload) >= TIMESPEC.size:
            seconds, nanoseconds = TIMESPEC.unpack_from(payload)
            age = time.time_ns() - seconds * NANO - nanoseconds
            if 0 < age < 10 * NANO:
                at -= age
    return data, address, at


def arrivals(
    sock: socket.socket, failed: Callable[[OSError], None]
) -> Iterator[tuple[bytes, SocketAddress, int]]:
    """Yield all datagrams that wait. An error is one that ICMP told of, and clears itself."""
    while True:
        try:
            datagram = receive(sock)
        except BlockingIOError:
            return
        except OSError as error:
            failed(error)
            continue
        yield datagram
        # one that has just come is hardly ever followed by another; if it is, that is still there next time
        if time.monotonic_ns() - datagram[2] < FRESH:
            return
