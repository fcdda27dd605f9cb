# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What path tracking says to the kernel: datagrams bound to a device, addresses and neighbours."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address

_MAX_DATAGRAMS = 256
"""At most so many are taken in at once: nobody can keep the program from judging."""
_PEER_IS_AWAY = (errno.EAGAIN, errno.ECONNREFUSED, errno.EHOSTUNREACH)
"""Errors that say nothing of the device: a full queue, no program at the peer, no answer to the kernel."""
_NLMSG = struct.Struct("=IHHII")
_NDMSG = struct.Struct("=BxxxiHBB")
_RTATTR = struct.Struct("=HH")
_IFADDRMSG = struct.Struct("=BBBBi")
_RTM_NEWADDR, _RTM_DELADDR, _RTM_GETADDR, _RTM_NEWNEIGH, _RTM_GETNEIGH = 20, 21, 22, 28, 30
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_RTMGRP_IPV4_IFADDR, _RTMGRP_IPV6_IFADDR = 0x10, 0x100
_NLM_F_REQUEST_DUMP = 0x301
_NDA_DST, _IFA_ADDRESS, _IFA_LOCAL = 1, 1, 2
_REACHABLE, _OTHERS = 0x02, 0x04 | 0x08 | 0x10
"""Of neighbour states (rtnetlink(7)): reachable; stale, delayed, and being probed."""


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


def neighbours(interfaces: Mapping[str, int], limit: int) -> dict[str, tuple[str, ...]]:
    """Up to `limit` neighbours of each interface that have answered the kernel, the reachable first.

    `interfaces` tells the family of each, 4 or 6. Link-local ones are left out: the peer's is among them.
    """
    names: dict[int, str] = {}
    for name in interfaces:
        with contextlib.suppress(OSError):
            names[socket.if_nametoindex(name)] = name
    found: dict[str, tuple[list[str], list[str]]] = {name: ([], []) for name in names.values()}
    body = _NDMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
    for entry in _dump(_RTM_GETNEIGH, _RTM_NEWNEIGH, body):
        _family, index, state, _entry_flags, _type = _NDMSG.unpack_from(entry)
        packed = _attribute(entry, _NDMSG.size, _NDA_DST)
        if index in names and state & (_REACHABLE | _OTHERS) and packed is not None:
            address = ip_address(packed)
            kept = found[names[index]][0 if state & _REACHABLE else 1]
            wanted = address.version == interfaces[names[index]] and not address.is_link_local
            if wanted and not address.is_multicast and len(kept) < limit:
                kept.append(str(address))
        if found and all(len(certain) >= limit for certain, _others in found.values()):
            # the rest of a large table goes with the socket
            break
    return {name: tuple((certain + others)[:limit]) for name, (certain, others) in found.items()}


def held(addresses: Iterable[str]) -> list[tuple[str, str]]:
    """Interface and address of each of the addresses that this node has now."""
    wanted = set(addresses)
    found = []
    for entry in _dump(_RTM_GETADDR, _RTM_NEWADDR, _IFADDRMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0)):
        address = _local_address(entry)
        if address in wanted:
            with contextlib.suppress(OSError):
                found.append((socket.if_indextoname(_IFADDRMSG.unpack_from(entry)[4]), address))
    return found


class Moves:
    """How many virtual addresses have come to this node, and gone, so far: the kernel tells of each."""

    def __init__(self, addresses: Iterable[str]) -> None:
        self._wanted = set(addresses)
        self._come = self.gone = 0
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE
        )
        self._socket.bind((0, _RTMGRP_IPV4_IFADDR | _RTMGRP_IPV6_IFADDR))

    def come(self) -> int:
        """How many have come; `gone` is up to date then, too."""
        for _number in range(_MAX_DATAGRAMS):
            try:
                data = self._socket.recv(65536)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                # some were lost, and ours may have been among them
                self._come += 1
                self.gone += 1
                continue
            for kind, entry in _messages(data):
                if _local_address(entry) in self._wanted:
                    self._come += kind == _RTM_NEWADDR
                    self.gone += kind == _RTM_DELADDR
        return self._come


def _dump(question: int, answer: int, body: bytes) -> Iterator[bytes]:
    """The entries of a table of the kernel (rtnetlink(7)), each from its family's header on."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as asked:
        asked.settimeout(1)
        asked.send(_NLMSG.pack(_NLMSG.size + len(body), question, _NLM_F_REQUEST_DUMP, 1, 0) + body)
        while True:
            for kind, entry in _messages(asked.recv(65536)):
                if kind == _NLMSG_ERROR:
                    number = -int(struct.unpack_from("=i", entry)[0])
                    raise OSError(number, os.strerror(number))
                if kind == _NLMSG_DONE:
                    return
                if kind == answer:
                    yield entry


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Kind and content of each message of a datagram (netlink(7))."""
    place = 0
    while place + _NLMSG.size <= len(data):
        length, kind, _flags, _sequence, _port = _NLMSG.unpack_from(data, place)
        yield kind, data[place + _NLMSG.size : place + length]
        place += max((length + 3) & ~3, _NLMSG.size)


def _local_address(entry: bytes) -> str:
    """The address that an RTM_NEWADDR or RTM_DELADDR is about. IPv6 calls it local only beside a peer's."""
    for kind in (_IFA_LOCAL, _IFA_ADDRESS):
        packed = _attribute(entry, _IFADDRMSG.size, kind)
        if packed is not None and len(packed) in (4, 16):
            return str(ip_address(packed))
    return ""


def _attribute(entry: bytes, place: int, wanted: int) -> bytes | None:
    while place + _RTATTR.size <= len(entry):
        length, kind = _RTATTR.unpack_from(entry, place)
        if kind == wanted:
            return entry[place + _RTATTR.size : place + length]
        place += max((length + 3) & ~3, _RTATTR.size)
    return None
