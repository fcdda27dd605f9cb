# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What path tracking says to the kernel: datagrams bound to a device, ARP, addresses and neighbours."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, ip_address

_MAX_DATAGRAMS = 256
"""At most so many are taken in at once: nobody can keep the program from judging."""
_PEER_IS_AWAY = (errno.EAGAIN, errno.ECONNREFUSED, errno.EHOSTUNREACH)
"""Errors that say nothing of the device: a full queue, no program at the peer, no answer to the kernel."""
_ETH_P_ARP = 0x0806
_ARP = struct.Struct("!HHBBH6s4s6s4s")
"""RFC 826: hardware and protocol type, their lengths, operation, sender's and target's addresses."""
_REQUEST, _REPLY = 1, 2
_BROADCAST = b"\xff" * 6

_NLMSG = struct.Struct("=IHHII")
_NDMSG = struct.Struct("=BxxxiHBB")
_RTATTR = struct.Struct("=HH")
_IFADDRMSG = struct.Struct("=BBBBi")
_RTM_NEWADDR, _RTM_DELADDR, _RTM_GETADDR, _RTM_NEWNEIGH, _RTM_GETNEIGH = 20, 21, 22, 28, 30
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_RTMGRP_IPV4_IFADDR = 0x10
_NLM_F_REQUEST_DUMP = 0x301
_NDA_DST, _IFA_LOCAL = 1, 2
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


class Questions:
    """ARP questions on one interface. The socket is open only while there is something to ask.

    The kernel's own cache is neither asked nor changed: it would answer from memory.
    """

    def __init__(self, interface: str, local: str) -> None:
        self.interface, self.local = interface, IPv4Address(local).packed
        self._socket: socket.socket | None = None
        self._asked: set[bytes] = set()

    def ask(self, addresses: tuple[str, ...]) -> None:
        """Ask who has the addresses. A device that cannot send gets no answer, which is true."""
        if not addresses:
            return
        try:
            if self._socket is None:
                self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, 0)
                self._socket.bind((self.interface, _ETH_P_ARP))
            own = self._socket.getsockname()[4][:6]
            for address in addresses:
                wanted = IPv4Address(address).packed
                self._asked.add(wanted)
                question = _ARP.pack(1, 0x0800, 6, 4, _REQUEST, own, self.local, bytes(6), wanted)
                self._socket.sendto(question, (self.interface, _ETH_P_ARP, 0, 0, _BROADCAST))
        except PermissionError:
            raise
        except (OSError, struct.error):
            self.close()

    def answered(self) -> bool:
        """Take in what has come; whether an answer of somebody who was asked was among it."""
        found = False
        for _number in range(_MAX_DATAGRAMS if self._socket else 0):
            try:
                frame = self._socket.recv(_ARP.size) if self._socket else b""
            except BlockingIOError:
                break
            except OSError:
                self.close()
                break
            if len(frame) == _ARP.size:
                fields = _ARP.unpack(frame)
                found |= fields[4] == _REPLY and fields[6] in self._asked and fields[8] == self.local
        return found

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._asked.clear()


def neighbours(interfaces: list[str], limit: int) -> dict[str, tuple[str, ...]]:
    """Up to `limit` IPv4 neighbours of each interface that have answered the kernel, the reachable first."""
    names: dict[int, str] = {}
    for name in interfaces:
        with contextlib.suppress(OSError):
            names[socket.if_nametoindex(name)] = name
    found: dict[str, tuple[list[str], list[str]]] = {name: ([], []) for name in names.values()}
    body = _NDMSG.pack(socket.AF_INET, 0, 0, 0, 0)
    for entry in _dump(_RTM_GETNEIGH, _RTM_NEWNEIGH, body):
        _family, index, state, _entry_flags, _type = _NDMSG.unpack_from(entry)
        address = _attribute(entry, _NDMSG.size, _NDA_DST)
        if index in names and state & (_REACHABLE | _OTHERS) and address is not None and len(address) == 4:
            kept = found[names[index]][0 if state & _REACHABLE else 1]
            if len(kept) < limit:
                kept.append(str(IPv4Address(address)))
        if found and all(len(certain) >= limit for certain, _others in found.values()):
            # the rest of a large table goes with the socket
            break
    return {name: tuple((certain + others)[:limit]) for name, (certain, others) in found.items()}


def held(addresses: Iterable[str]) -> list[tuple[str, str]]:
    """Interface and address of each of the IPv4 addresses that this node has now."""
    wanted = set(addresses)
    found = []
    for entry in _dump(_RTM_GETADDR, _RTM_NEWADDR, _IFADDRMSG.pack(socket.AF_INET, 0, 0, 0, 0)):
        address = _local_address(entry)
        if address in wanted:
            with contextlib.suppress(OSError):
                found.append((socket.if_indextoname(_IFADDRMSG.unpack_from(entry)[4]), address))
    return found


class GivenUp:
    """How many virtual addresses this node has given up so far: the kernel tells of each that goes."""

    def __init__(self, addresses: Iterable[str]) -> None:
        self._wanted = set(addresses)
        self._count = 0
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE
        )
        self._socket.bind((0, _RTMGRP_IPV4_IFADDR))

    def count(self) -> int:
        for _number in range(_MAX_DATAGRAMS):
            try:
                data = self._socket.recv(65536)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                # some were lost, and ours may have been among them
                self._count += 1
                continue
            for kind, entry in _messages(data):
                if kind == _RTM_DELADDR and _local_address(entry) in self._wanted:
                    self._count += 1
        return self._count


def announce(interface: str, address: str) -> None:
    """Send a gratuitous ARP request (RFC 5227, section 3), as keepalived does. Raises OSError."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, 0) as opened:
        opened.bind((interface, _ETH_P_ARP))
        own = opened.getsockname()[4][:6]
        packed = IPv4Address(address).packed
        frame = _ARP.pack(1, 0x0800, 6, 4, _REQUEST, own, packed, bytes(6), packed)
        opened.sendto(frame, (interface, _ETH_P_ARP, 0, 0, _BROADCAST))


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
    """The IPv4 address that an RTM_NEWADDR or RTM_DELADDR is about; nothing if it is of another family."""
    local = _attribute(entry, _IFADDRMSG.size, _IFA_LOCAL)
    return str(IPv4Address(local)) if local is not None and len(local) == 4 else ""


def _attribute(entry: bytes, place: int, wanted: int) -> bytes | None:
    while place + _RTATTR.size <= len(entry):
        length, kind = _RTATTR.unpack_from(entry, place)
        if kind == wanted:
            return entry[place + _RTATTR.size : place + length]
        place += max((length + 3) & ~3, _RTATTR.size)
    return None
