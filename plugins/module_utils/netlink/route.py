# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel knows of cards, their addresses and neighbours, of either family (rtnetlink(7))."""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from ansible_collections.ftfw.pair.plugins.module_utils.netlink.codec import (
    NETLINK_ROUTE,
    dump,
    parse_attributes,
)

RTM_NEWLINK, RTM_GETLINK, RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 16, 18, 20, 21, 22
RTM_NEWNEIGH, RTM_GETNEIGH = 28, 30
_NDMSG = struct.Struct("=BxxxiHBB")
_IFADDRMSG = struct.Struct("=BBBBi")
_IFINFOMSG = struct.Struct("=BxHiII")
_NDA_DST, _NDA_LLADDR = 1, 2
_IFLA_ADDRESS, _IFLA_IFNAME = 1, 3
_IFA_ADDRESS, _IFA_LOCAL, _IFA_FLAGS = 1, 2, 8
_TENTATIVE = 0x40
_ETHER = 1
_REACHABLE, _OTHERS = 0x02, 0x04 | 0x08 | 0x10
"""Of neighbour states (rtnetlink(7)): reachable; stale, delayed, and being probed."""
_SECONDS = 2.0
"""For each part of an answer."""


@dataclass(frozen=True)
class Card:
    """A card as the kernel has it now. An address that is still being checked for duplicates isn't there."""

    index: int
    mac: str
    addresses: frozenset[str]


@dataclass(frozen=True)
class _Address:
    index: int
    text: str
    tentative: bool


def cards() -> dict[str, Card]:
    """All Ethernet cards of this network namespace."""
    addresses: dict[int, set[str]] = {}
    for address in _addresses():
        if not address.tentative:
            addresses.setdefault(address.index, set()).add(address.text)
    found = {}
    body = _IFINFOMSG.pack(0, 0, 0, 0, 0)
    for entry in dump(NETLINK_ROUTE, RTM_GETLINK, RTM_NEWLINK, body, _SECONDS):
        _family, kind, index, _flags, _change = _IFINFOMSG.unpack_from(entry)
        said = parse_attributes(entry, _IFINFOMSG.size)
        if kind == _ETHER and _IFLA_IFNAME in said and _IFLA_ADDRESS in said:
            name = said[_IFLA_IFNAME].rstrip(b"\0").decode()
            found[name] = Card(index, said[_IFLA_ADDRESS].hex(":"), frozenset(addresses.get(index, ())))
    return found


def held(addresses: Iterable[str]) -> list[tuple[str, str]]:
    """Interface and address of each of the addresses that this node has now."""
    wanted = set(addresses)
    found = []
    for address in _addresses():
        if address.text in wanted:
            with contextlib.suppress(OSError):
                found.append((socket.if_indextoname(address.index), address.text))
    return found


def _addresses() -> Iterator[_Address]:
    for entry in dump(NETLINK_ROUTE, RTM_GETADDR, RTM_NEWADDR, _IFADDRMSG.pack(0, 0, 0, 0, 0), _SECONDS):
        _family, _length, flags, _scope, index = _IFADDRMSG.unpack_from(entry)
        said = parse_attributes(entry, _IFADDRMSG.size)
        if _IFA_FLAGS in said:
            flags = int.from_bytes(said[_IFA_FLAGS], sys.byteorder)
        if text := _text(said):
            yield _Address(index, text, bool(flags & _TENTATIVE))


def address_of(entry: bytes) -> str:
    """The address that an RTM_NEWADDR or RTM_DELADDR is about; empty where it tells none."""
    return _text(parse_attributes(entry, _IFADDRMSG.size))


def _text(said: Mapping[int, bytes]) -> str:
    # IPv6 calls it local only beside a peer's
    packed = said.get(_IFA_LOCAL) or said.get(_IFA_ADDRESS)
    return str(ip_address(packed)) if packed and len(packed) in (4, 16) else ""


def neighbours(interfaces: Mapping[str, int], limit: int) -> dict[str, tuple[str, ...]]:
    """Up to `limit` neighbours of each interface that have answered the kernel, the reachable first.

    `interfaces` tells the family of each, 4 or 6. Link-local ones are left out: the peer's is among them.
    """
    names: dict[int, str] = {}
    for name in interfaces:
        with contextlib.suppress(OSError):
            names[socket.if_nametoindex(name)] = name
    found: dict[str, tuple[list[str], list[str]]] = {name: ([], []) for name in names.values()}
    for index, state, said in _neighbours(socket.AF_UNSPEC):
        if index in names and state & (_REACHABLE | _OTHERS) and _NDA_DST in said:
            address = ip_address(said[_NDA_DST])
            kept = found[names[index]][0 if state & _REACHABLE else 1]
            wanted = address.version == interfaces[names[index]] and not address.is_link_local
            if wanted and not address.is_multicast and len(kept) < limit:
                kept.append(str(address))
        if found and all(len(certain) >= limit for certain, _others in found.values()):
            # the rest of a large table goes with the socket
            break
    return {name: tuple((certain + others)[:limit]) for name, (certain, others) in found.items()}


def link_addresses(wanted: frozenset[str]) -> dict[str, str]:
    """The link addresses that the kernel knows of the addresses; one that it is still asking for has none."""
    families = {ip_address(address).version for address in wanted}
    found: dict[str, str] = {}
    for family in sorted(families):
        for _index, _state, said in _neighbours(socket.AF_INET if family == 4 else socket.AF_INET6):
            if _NDA_DST in said and said.get(_NDA_LLADDR):
                address = str(ip_address(said[_NDA_DST]))
                if address in wanted:
                    found[address] = said[_NDA_LLADDR].hex(":")
    return found


def _neighbours(family: int) -> Iterator[tuple[int, int, dict[int, bytes]]]:
    """Interface, state and attributes of each."""
    body = _NDMSG.pack(family, 0, 0, 0, 0)
    for entry in dump(NETLINK_ROUTE, RTM_GETNEIGH, RTM_NEWNEIGH, body, _SECONDS):
        _family, index, state, _flags, _type = _NDMSG.unpack_from(entry)
        yield index, state, parse_attributes(entry, _NDMSG.size)
