# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Netlink messages about the connection tracking table: numbers, and how attributes are packed.

linux/netlink.h, linux/netfilter/nfnetlink_conntrack.h. They are packed here, not by pyroute2, which a node
need not have, and whose types (0.7.2, 0.9.7) take the nested CTA_HELP for a plain string.
"""

from __future__ import annotations

import struct

NETLINK_NETFILTER = 12
NLM_F_REQUEST, NLM_F_ACK, NLM_F_EXCL, NLM_F_CREATE = 0x1, 0x4, 0x200, 0x400
NLM_F_DUMP = 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLA_F_NESTED, NLA_TYPE_MASK = 0x8000, 0x3FFF

SUBSYS_CTNETLINK = 1
MSG_CT_NEW, MSG_CT_GET, MSG_CT_DELETE = ((SUBSYS_CTNETLINK << 8) | number for number in range(3))

CTA_TUPLE_ORIG, CTA_TUPLE_REPLY, CTA_STATUS, CTA_PROTOINFO, CTA_HELP, CTA_NAT_SRC, CTA_TIMEOUT = range(1, 8)
CTA_TUPLE_MASTER, CTA_ZONE, CTA_STATUS_MASK = 14, 18, 26
CTA_TUPLE_IP, CTA_TUPLE_PROTO = 1, 2
CTA_IP_V4_SRC, CTA_IP_V4_DST, CTA_IP_V6_SRC, CTA_IP_V6_DST = range(1, 5)
CTA_PROTO_NUM, CTA_PROTO_SRC_PORT, CTA_PROTO_DST_PORT = 1, 2, 3
CTA_PROTOINFO_TCP, CTA_PROTOINFO_TCP_STATE = 1, 1
CTA_HELP_NAME = 1
CTA_NAT_V4_MINIP, CTA_NAT_V4_MAXIP = 1, 2

IPS_EXPECTED, IPS_SEEN_REPLY, IPS_ASSURED, IPS_CONFIRMED = 0x1, 0x2, 0x4, 0x8


def attribute(kind: int, payload: bytes) -> bytes:
    """Pack one netlink attribute with its padding."""
    header = struct.pack("=HH", 4 + len(payload), kind)
    return header + payload + b"\0" * (-len(payload) % 4)


def nested(kind: int, *attributes: bytes) -> bytes:
    """Pack an attribute that holds others."""
    return attribute(kind | NLA_F_NESTED, b"".join(attributes))


def parse_attributes(data: bytes) -> dict[int, bytes]:
    """Unpack the attributes of one level: payloads by type."""
    found: dict[int, bytes] = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        if not 4 <= length <= len(data):
            break
        found[kind & NLA_TYPE_MASK] = data[4:length]
        data = data[length + (-length % 4) :]
    return found
