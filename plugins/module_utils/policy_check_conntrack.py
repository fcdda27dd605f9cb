# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Empties and reads the connection tracking table of the calling thread's network namespace.

Messages: linux/netfilter/nfnetlink_conntrack.h.
"""

from __future__ import annotations

import socket
import struct
from ipaddress import ip_address

from ansible_collections.ftfw.pair.plugins.module_utils.ctnetlink_helper import (
    CTA_PROTO_DST_PORT,
    CTA_PROTO_NUM,
    CTA_PROTO_SRC_PORT,
    CTA_TUPLE_IP,
    CTA_TUPLE_ORIG,
    CTA_TUPLE_PROTO,
    MSG_CT_GET,
    NETLINK_NETFILTER,
    NLM_F_ACK,
    NLM_F_REQUEST,
    NLMSG_ERROR,
    SUBSYS_CTNETLINK,
    helper_of,
    message,
    parse_attributes,
)
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check_types import Entry

MSG_CT_DELETE = (SUBSYS_CTNETLINK << 8) | 2
NLM_F_DUMP = 0x300
NLMSG_DONE = 3
_SOURCES, _DESTINATIONS = (1, 3), (2, 4)
_ICMP_IDENTIFIERS = (4, 7)


class Conntrack:
    """A socket that stays in the namespace in which it was opened."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        self._socket.settimeout(10)
        self._socket.bind((0, 0))

    def close(self) -> None:
        self._socket.close()

    def flush(self) -> None:
        self._socket.send(message(MSG_CT_DELETE, NLM_F_REQUEST | NLM_F_ACK, 1, b""))
        self._answers()

    def entries(self) -> list[Entry]:
        self._socket.send(message(MSG_CT_GET, NLM_F_REQUEST | NLM_F_DUMP, 2, b""))
        return [entry for answer in self._answers() if (entry := entry_of(answer)) is not None]

    def _answers(self) -> list[bytes]:
        """Read messages up to the last one; what follows their nfgenmsg."""
        found: list[bytes] = []
        while True:
            data = self._socket.recv(1 << 17)
            while len(data) >= 16:
                length, kind = struct.unpack_from("=LH", data)
                if kind == NLMSG_DONE:
                    return found
                if kind == NLMSG_ERROR:
                    number = -struct.unpack_from("=i", data, 16)[0]
                    if number:
                        raise OSError(number, "the connection tracking table cannot be had")
                    return found
                found.append(data[20:length])
                data = data[length + (-length % 4) :]


def entry_of(attributes: bytes) -> Entry | None:
    """Read one entry's original direction and its helper."""
    tuple_ = parse_attributes(parse_attributes(attributes).get(CTA_TUPLE_ORIG, b""))
    ends = parse_attributes(tuple_.get(CTA_TUPLE_IP, b""))
    protocol = parse_attributes(tuple_.get(CTA_TUPLE_PROTO, b""))
    source = next((ends[key] for key in _SOURCES if key in ends), None)
    destination = next((ends[key] for key in _DESTINATIONS if key in ends), None)
    if source is None or destination is None or CTA_PROTO_NUM not in protocol:
        return None
    identifier = next((protocol[key] for key in _ICMP_IDENTIFIERS if key in protocol), b"\0\0")
    return Entry(
        protocol[CTA_PROTO_NUM][0],
        ip_address(source),
        ip_address(destination),
        int.from_bytes(protocol.get(CTA_PROTO_SRC_PORT, identifier), "big"),
        int.from_bytes(protocol.get(CTA_PROTO_DST_PORT, b"\0\0"), "big"),
        helper_of(attributes),
    )
