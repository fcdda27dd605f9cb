# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the watch hears from the kernel and asks it: changes of the ruleset and of cards (netlink(7))."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator
from ipaddress import ip_address

from pair_watch_plan import Card

_NETFILTER, _GROUP_NFTABLES = 12, 7
_SUBSYSTEM_NFTABLES = 10
_MSG_GETRULE, _MSG_NEWRULE = 7, 6
"""linux/netfilter/nf_tables.h"""
_GROUPS_ROUTE = 0x1 | 0x10 | 0x100
"""RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR"""
_NFPROTO_INET = 1
_SOL_NETLINK, _ADD_MEMBERSHIP = 270, 1
_SMALL = 16384
"""Bytes of a queue of changes: that there were too many is told by an error, which says enough."""
_NLMSG = struct.Struct("=IHHII")
_NFGENMSG = struct.Struct("!BBH")
_IFINFOMSG = struct.Struct("=BxHiII")
_IFADDRMSG = struct.Struct("=BBBBi")
_ATTRIBUTE = struct.Struct("=HH")
_NEWLINK, _GETLINK, _NEWADDR, _GETADDR = 16, 18, 20, 22
_ERROR, _DONE = 2, 3
_REQUEST_DUMP = 0x301
_IFLA_ADDRESS, _IFLA_IFNAME, _IFA_ADDRESS, _IFA_LOCAL, _IFA_FLAGS = 1, 3, 1, 2, 8
_TENTATIVE = 0x40
_ETHER = 1


class Changes:
    """A socket that becomes readable when something changes. What has changed is looked up afterwards."""

    def __init__(self, protocol: int) -> None:
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL)
        self.socket.bind((0, _GROUPS_ROUTE if protocol == socket.NETLINK_ROUTE else 0))
        if protocol == _NETFILTER:
            self.socket.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, _GROUP_NFTABLES)

    @classmethod
    def of_cards(cls) -> Changes:
        return cls(socket.NETLINK_ROUTE)

    @classmethod
    def of_rules(cls) -> Changes:
        return cls(_NETFILTER)

    def fileno(self) -> int:
        return self.socket.fileno()

    def drain(self) -> None:
        while True:
            try:
                self.socket.recv(_SMALL)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise


def has_rules(table: str) -> bool:
    """Whether the table of family inet is there, and is not empty. Raises OSError if that can't be told."""
    name = table.encode() + b"\0"
    attribute = _ATTRIBUTE.pack(_ATTRIBUTE.size + len(name), 1) + name + bytes(-len(name) % 4)
    body = _NFGENMSG.pack(_NFPROTO_INET, 0, 0) + attribute
    kind = _SUBSYSTEM_NFTABLES << 8
    # the first is enough; the kernel gives the name back, and older ones don't heed it in the question
    for entry in _dump(_NETFILTER, kind | _MSG_GETRULE, kind | _MSG_NEWRULE, body):
        if dict(_attributes(entry, _NFGENMSG.size)).get(1) == name:
            return True
    return False


def cards() -> dict[str, Card]:
    """All Ethernet cards of this network namespace."""
    addresses: dict[int, set[str]] = {}
    for entry in _dump(socket.NETLINK_ROUTE, _GETADDR, _NEWADDR, _IFADDRMSG.pack(0, 0, 0, 0, 0)):
        _family, _length, flags, _scope, index = _IFADDRMSG.unpack_from(entry)
        said = dict(_attributes(entry, _IFADDRMSG.size))
        if _IFA_FLAGS in said:
            flags = int(struct.unpack("=I", said[_IFA_FLAGS])[0])
        packed = said.get(_IFA_LOCAL) or said.get(_IFA_ADDRESS)
        if packed and not flags & _TENTATIVE:
            addresses.setdefault(index, set()).add(str(ip_address(packed)))
    found = {}
    for entry in _dump(socket.NETLINK_ROUTE, _GETLINK, _NEWLINK, _IFINFOMSG.pack(0, 0, 0, 0, 0)):
        _family, kind, index, _flags, _change = _IFINFOMSG.unpack_from(entry)
        said = dict(_attributes(entry, _IFINFOMSG.size))
        if kind == _ETHER and _IFLA_IFNAME in said and _IFLA_ADDRESS in said:
            name = said[_IFLA_IFNAME].rstrip(b"\0").decode()
            found[name] = Card(index, said[_IFLA_ADDRESS].hex(":"), frozenset(addresses.get(index, ())))
    return found


def _dump(protocol: int, question: int, answer: int, body: bytes) -> Iterator[bytes]:
    """The entries of a table of the kernel, each from its family's header on."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol) as asked:
        asked.settimeout(2)
        asked.send(_NLMSG.pack(_NLMSG.size + len(body), question, _REQUEST_DUMP, 1, 0) + body)
        while True:
            data = asked.recv(1 << 17)
            place = 0
            while place + _NLMSG.size <= len(data):
                length, kind, _flags, _sequence, _port = _NLMSG.unpack_from(data, place)
                entry = data[place + _NLMSG.size : place + length]
                place += max((length + 3) & ~3, _NLMSG.size)
                if kind == _ERROR:
                    number = -int(struct.unpack_from("=i", entry)[0])
                    if number == errno.ENOENT:
                        return
                    raise OSError(number, os.strerror(number))
                if kind == _DONE:
                    return
                if kind == answer:
                    yield entry


def _attributes(entry: bytes, place: int) -> Iterator[tuple[int, bytes]]:
    while place + _ATTRIBUTE.size <= len(entry):
        length, kind = _ATTRIBUTE.unpack_from(entry, place)
        yield kind & 0x3FFF, entry[place + _ATTRIBUTE.size : place + length]
        place += max((length + 3) & ~3, _ATTRIBUTE.size)
