# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's neighbours, of either family: which link address an address has now (rtnetlink(7))."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from ipaddress import ip_address

_RTM_NEWNEIGH, _RTM_GETNEIGH = 28, 30
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_NLM_F_REQUEST_DUMP = 0x301
_NDA_DST, _NDA_LLADDR = 1, 2
_NLMSG = struct.Struct("=IHHII")
_NDMSG = struct.Struct("=BxxxiHBB")
_ATTRIBUTE = struct.Struct("=HH")
_SIZE = 1 << 16


def link_addresses(wanted: frozenset[str]) -> dict[str, str]:
    """The link addresses that the kernel knows of the addresses; one that it is still asking for has none."""
    families = {ip_address(address).version for address in wanted}
    found: dict[str, str] = {}
    for family in sorted(families):
        for entry in _dump(socket.AF_INET if family == 4 else socket.AF_INET6):
            told = _attributes(entry)
            if _NDA_DST in told and told.get(_NDA_LLADDR):
                address = str(ip_address(told[_NDA_DST]))
                if address in wanted:
                    found[address] = told[_NDA_LLADDR].hex(":")
    return found


def _dump(family: int) -> Iterator[bytes]:
    body = _NDMSG.pack(family, 0, 0, 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as asked:
        asked.settimeout(1)
        asked.send(_NLMSG.pack(_NLMSG.size + len(body), _RTM_GETNEIGH, _NLM_F_REQUEST_DUMP, 1, 0) + body)
        while True:
            for kind, entry in messages(asked.recv(_SIZE)):
                if kind == _NLMSG_DONE:
                    return
                if kind == _NLMSG_ERROR:
                    raise OSError(-struct.unpack_from("=i", entry)[0], "the kernel tells no neighbours")
                if kind == _RTM_NEWNEIGH:
                    yield entry


def messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The messages of a datagram: the kind of each, and what follows its header."""
    while len(data) >= _NLMSG.size:
        length, kind, _flags, _sequence, _port = _NLMSG.unpack_from(data)
        yield kind, data[_NLMSG.size : length]
        data = data[max(_aligned(length), _NLMSG.size) :]


def _attributes(entry: bytes) -> dict[int, bytes]:
    found, data = {}, entry[_NDMSG.size :]
    while len(data) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(data)
        found[kind] = data[_ATTRIBUTE.size : length]
        data = data[max(_aligned(length), _ATTRIBUTE.size) :]
    return found


def _aligned(length: int) -> int:
    return (length + 3) & ~3
