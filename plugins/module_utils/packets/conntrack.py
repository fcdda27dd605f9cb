# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the kernel for entries of its connection tracking table, and deletes them, in the thread's namespace.

One by one, because the table is one for all namespaces, and a dump or a flush goes through all of it.
Messages: linux/netfilter/nfnetlink_conntrack.h.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Mapping
from ipaddress import ip_address

from ansible_collections.ftfw.pair.plugins.module_utils.conntrack.helper import helper_of
from ansible_collections.ftfw.pair.plugins.module_utils.netlink.codec import (
    NETLINK_NETFILTER,
    NFGENMSG,
    NLM_F_ACK,
    NLM_F_REQUEST,
    NLMSG_ERROR,
    attribute,
    message,
    messages,
    nested,
    parse_attributes,
)
from ansible_collections.ftfw.pair.plugins.module_utils.netlink.ctnetlink import (
    CTA_PROTO_DST_PORT,
    CTA_PROTO_NUM,
    CTA_PROTO_SRC_PORT,
    CTA_TUPLE_IP,
    CTA_TUPLE_ORIG,
    CTA_TUPLE_PROTO,
    MSG_CT_DELETE,
    MSG_CT_GET,
)
from ansible_collections.ftfw.pair.plugins.module_utils.packets.packet import ICMP, ICMPV6, Packet
from ansible_collections.ftfw.pair.plugins.module_utils.packets.types import Entry

_SOURCES, _DESTINATIONS = (1, 3), (2, 4)
_ADDRESSES = {4: (1, 2), 6: (3, 4)}
_ICMP_IDENTIFIERS = (4, 7)
_ICMP_FIELDS = {ICMP: (4, 5, 6), ICMPV6: (7, 8, 9)}
_AT_ONCE = 64
"""Requests in one message, whose answers find room in the socket."""


class Conntrack:
    """A socket that stays in the namespace in which it was opened."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER)
        self.socket.settimeout(10)
        self.socket.bind((0, 0))

    def entries(self, flows: Mapping[int, Packet]) -> dict[int, Entry]:
        """Read the entries that these packets belong to, each by the packet's number."""
        found = self._ask(MSG_CT_GET, flows)
        read = ((number, entry_of(answer)) for number, answer in found.items())
        return {number: entry for number, entry in read if entry is not None}

    def forget(self, packets: Iterable[Packet]) -> None:
        """Delete the entries of these packets, where there are any."""
        self._ask(MSG_CT_DELETE, dict(enumerate(packets, 1)))

    def _ask(self, kind: int, packets: Mapping[int, Packet]) -> dict[int, bytes]:
        """Send a request for each packet; the answers have what follows their nfgenmsg."""
        found: dict[int, bytes] = {}
        requests = list(packets.items())
        for start in range(0, len(requests), _AT_ONCE):
            part = requests[start : start + _AT_ONCE]
            self.socket.send(b"".join(_request(kind, number, packet) for number, packet in part))
            waiting = {number for number, _packet in part}
            while waiting:
                for answer, number, body in messages(self.socket.recv(1 << 17)):
                    if answer == NLMSG_ERROR:
                        waiting.discard(number)
                    else:
                        found[number] = body[NFGENMSG.size :]
        return found


def _request(kind: int, number: int, packet: Packet) -> bytes:
    """Ask for the entry of a packet. An acknowledgement follows each answer, and an error is one."""
    if packet.source is None or packet.destination is None:
        raise ValueError("a packet without addresses has no entry")
    family = packet.source.version
    ends = zip(_ADDRESSES[family], (packet.source.packed, packet.destination.packed))
    protocol = [attribute(CTA_PROTO_NUM, bytes([packet.protocol]))]
    if packet.protocol in _ICMP_FIELDS:
        identifier, type_, code = _ICMP_FIELDS[packet.protocol]
        protocol.append(attribute(identifier, struct.pack("!H", packet.identifier)))
        protocol += [attribute(type_, bytes([packet.type])), attribute(code, bytes([packet.code]))]
    else:
        protocol.append(attribute(CTA_PROTO_SRC_PORT, struct.pack("!H", packet.source_port)))
        protocol.append(attribute(CTA_PROTO_DST_PORT, struct.pack("!H", packet.port)))
    body = NFGENMSG.pack(socket.AF_INET if family == 4 else socket.AF_INET6, 0, 0)
    body += nested(
        CTA_TUPLE_ORIG,
        nested(CTA_TUPLE_IP, *(attribute(key, address) for key, address in ends)),
        nested(CTA_TUPLE_PROTO, *protocol),
    )
    return message(kind, NLM_F_REQUEST | NLM_F_ACK, body, number)


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
