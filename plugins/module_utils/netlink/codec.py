# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Netlink messages as bytes, and dumps of the kernel's tables (netlink(7), linux/netlink.h).

They are packed here, not by pyroute2, which a node need not have.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator

NETLINK_ROUTE, NETLINK_NETFILTER = 0, 12
NLM_F_REQUEST, NLM_F_ACK, NLM_F_EXCL, NLM_F_CREATE = 0x1, 0x4, 0x200, 0x400
NLM_F_DUMP = 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLA_F_NESTED, NLA_TYPE_MASK = 0x8000, 0x3FFF
HEADER = struct.Struct("=IHHII")
"""struct nlmsghdr: length, kind, flags, sequence, port."""
NFGENMSG = struct.Struct("!BBH")
"""struct nfgenmsg (linux/netfilter/nfnetlink.h): family, version, resource."""
_ATTRIBUTE = struct.Struct("=HH")
_ERROR = struct.Struct("=i")
_SIZE = 1 << 17
"""Bytes of an answer that are taken in at once."""


def message(kind: int, flags: int, body: bytes, sequence: int = 1) -> bytes:
    """Pack one message."""
    return HEADER.pack(HEADER.size + len(body), kind, flags, sequence, 0) + body


def messages(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """The messages of a datagram: the kind and the sequence of each, and what follows its header."""
    place = 0
    while place + HEADER.size <= len(data):
        length, kind, _flags, sequence, _port = HEADER.unpack_from(data, place)
        yield kind, sequence, data[place + HEADER.size : place + length]
        place += max(_aligned(length), HEADER.size)


def attribute(kind: int, payload: bytes) -> bytes:
    """Pack one attribute with its padding."""
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(payload), kind) + payload + bytes(-len(payload) % 4)


def nested(kind: int, *attributes: bytes) -> bytes:
    """Pack an attribute that holds others."""
    return attribute(kind | NLA_F_NESTED, b"".join(attributes))


def parse_attributes(data: bytes, place: int = 0) -> dict[int, bytes]:
    """Unpack the attributes of one level, from a place on: payloads by type. What is cut off is left out."""
    found: dict[int, bytes] = {}
    while place + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, place)
        if length < _ATTRIBUTE.size or place + length > len(data):
            break
        found[kind & NLA_TYPE_MASK] = data[place + _ATTRIBUTE.size : place + length]
        place += _aligned(length)
    return found


def error_number(body: bytes) -> int:
    """The number of an NLMSG_ERROR as errno has it; 0 is an acknowledgement."""
    return -int(_ERROR.unpack_from(body)[0])


def dump(protocol: int, question: int, answer: int, body: bytes, seconds: float) -> Iterator[bytes]:
    """The entries of a table of the kernel, each from its family's header on, in the thread's namespace.

    Of those that come only what is an `answer` is an entry. No part of an answer takes longer than `seconds`.
    Raises OSError.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol) as asked:
        asked.settimeout(seconds)
        asked.send(message(question, NLM_F_REQUEST | NLM_F_DUMP, body))
        while True:
            for kind, _sequence, entry in messages(asked.recv(_SIZE)):
                if kind == NLMSG_DONE:
                    return
                if kind == NLMSG_ERROR:
                    number = error_number(entry)
                    raise OSError(number, os.strerror(number))
                if kind == answer:
                    yield entry


def _aligned(length: int) -> int:
    return (length + 3) & ~3
