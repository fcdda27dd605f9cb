# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Datagrams between the nodes of a pair, on one link."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator
from ipaddress import ip_address

_MAX_DATAGRAMS = 256
"""At most so many are taken in at once: nobody can keep the program from judging."""
_PEER_IS_AWAY = (errno.EAGAIN, errno.ECONNREFUSED, errno.EHOSTUNREACH)
"""Errors that say nothing of the device: a full queue, no program at the peer, no answer to the kernel."""


class Channel:
    """Datagrams between the nodes on one link, from the peer's address and port only, on this interface only.

    The device or its address may come late, go, and come again: then it is opened again.
    """

    def __init__(self, interface: str, local: str, peer: str, port: int) -> None:
        self.interface, self.local, self.peer, self.port = interface, local, peer, port
        self._socket: socket.socket | None = None
        self._index = 0
        self.error: str | None = None
        """Why the last datagram could not be sent; None if it could."""

    def _open(self) -> socket.socket:
        family = socket.AF_INET if ip_address(self.local).version == 4 else socket.AF_INET6
        opened = socket.socket(family, socket.SOCK_DGRAM)
        try:
            opened.setblocking(False)
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self.interface.encode() + b"\0")
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, 6)
            opened.bind((self.local, self.port))
            # before this line others' datagrams could have been queued
            opened.connect((self.peer, self.port))
            self._empty(opened)
            self._index = socket.if_nametoindex(self.interface)
        except BaseException:
            opened.close()
            raise
        return opened

    @staticmethod
    def _empty(opened: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            for _number in range(_MAX_DATAGRAMS):
                opened.recv(1)

    def reopen(self) -> None:
        """Open it if it is not, or if its device is not the one that it was opened on."""
        try:
            if self._socket is not None:
                if socket.if_nametoindex(self.interface) == self._index and self.error is None:
                    return
                self._socket.close()
                self._socket = None
            self._socket = self._open()
            self.error = None
        except PermissionError:
            raise
        except OSError as error:
            self.error = error.strerror or str(error)

    def send(self, data: bytes) -> None:
        if self._socket is None:
            return
        try:
            self._socket.send(data)
            self.error = None
        except OSError as error:
            # EPERM comes from a ruleset that drops what is sent
            self.error = None if error.errno in _PEER_IS_AWAY else error.strerror or str(error)

    def received(self, size: int) -> Iterator[bytes]:
        for _number in range(_MAX_DATAGRAMS if self._socket else 0):
            try:
                yield self._socket.recv(size) if self._socket else b""
            except BlockingIOError:
                return
            except OSError:
                # an ICMP error about what was sent: it takes the place of a datagram
                continue
