# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets as bytes, and back.

IPv4 (RFC 791), IPv6 (8200), TCP (9293), UDP (768), SCTP (9260), ICMP (792, 4443).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Union

Address = Union[IPv4Address, IPv6Address]

ICMP, TCP, UDP, GRE, ICMPV6, SCTP = 1, 6, 17, 47, 58, 132
WITH_PORTS = (TCP, UDP, SCTP)
"""Of these a flow is known by its ports, too."""
ETHERTYPE = {4: 0x0800, 6: 0x86DD}
ICMP_OF = {4: ICMP, 6: ICMPV6}

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
TCP_FLAGS = {"fin": FIN, "syn": SYN, "rst": RST, "psh": PSH, "ack": ACK, "urg": URG}

# as nft names them
ICMP_TYPES: dict[int, dict[str, int]] = {
    4: {
        "echo-reply": 0,
        "destination-unreachable": 3,
        "source-quench": 4,
        "redirect": 5,
        "echo-request": 8,
        "router-advertisement": 9,
        "router-solicitation": 10,
        "time-exceeded": 11,
        "parameter-problem": 12,
        "timestamp-request": 13,
        "timestamp-reply": 14,
        "info-request": 15,
        "info-reply": 16,
        "address-mask-request": 17,
        "address-mask-reply": 18,
    },
    6: {
        "destination-unreachable": 1,
        "packet-too-big": 2,
        "time-exceeded": 3,
        "parameter-problem": 4,
        "echo-request": 128,
        "echo-reply": 129,
        "mld-listener-query": 130,
        "mld-listener-report": 131,
        "nd-router-solicit": 133,
        "nd-router-advert": 134,
        "nd-neighbor-solicit": 135,
        "nd-neighbor-advert": 136,
        "nd-redirect": 137,
    },
}
ICMP_REPLIES: dict[int, dict[int, int]] = {4: {8: 0, 13: 14, 15: 16, 17: 18}, 6: {128: 129}}
"""The type that answers a request."""
ICMP_ERRORS: dict[int, tuple[int, ...]] = {4: (3, 4, 5, 11, 12), 6: tuple(range(1, 128))}
"""Types that quote the packet that they are about."""
LINK_HOPS = {130: 1, 131: 1, 132: 1, 143: 1, **dict.fromkeys((133, 134, 135, 136, 137), 255)}
"""Hop limits of ICMPv6 that stays on the link: MLD (RFC 2710, section 3), discovery (RFC 4861, 7.1)."""
_QUOTE_BYTES = 128
HOP_LIMIT = 64


@dataclass(frozen=True)
class Packet:
    """What a packet says. `data` is what follows its last header, `raw` all from its IP header on."""

    source: Address | None
    destination: Address | None
    protocol: int
    raw: bytes
    source_port: int = 0
    port: int = 0
    flags: int = 0
    sequence: int = 0
    acknowledged: int = 0
    type: int = -1
    code: int = 0
    identifier: int = 0
    data: bytes = b""
    quoted: Packet | None = None
    """Of an ICMP error: the packet that it is about."""


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def internet(source: Address, destination: Address, protocol: int, payload: bytes, hops: int = 0) -> bytes:
    """Put an IP header before a payload."""
    hops = hops or HOP_LIMIT
    if source.version == 6:
        head = struct.pack("!IHBB", 6 << 28, len(payload), protocol, hops)
        return head + source.packed + destination.packed + payload
    fields = (0x45, 0, 20 + len(payload), 0, 0x4000, hops, protocol)
    ends = source.packed + destination.packed
    sum_ = checksum(struct.pack("!BBHHHBBH", *fields, 0) + ends)
    return struct.pack("!BBHHHBBH", *fields, sum_) + ends + payload


def _sum(source: Address, destination: Address, protocol: int, segment: bytes) -> int:
    """The checksum of a segment with its pseudo header; that of IPv4 sums up as that of IPv6 does."""
    pseudo = source.packed + destination.packed + struct.pack("!II", len(segment), protocol)
    return checksum(pseudo + segment)


def tcp(
    source: tuple[Address, int],
    destination: tuple[Address, int],
    flags: int,
    sequence: int,
    acknowledged: int = 0,
    data: bytes = b"",
) -> bytes:
    """Make a TCP segment with its IP header; ends are (address, port)."""
    head = struct.pack(
        "!HHIIBBHHH", source[1], destination[1], sequence, acknowledged, 5 << 4, flags, 29200, 0, 0
    )
    sum_ = _sum(source[0], destination[0], TCP, head + data)
    segment = head[:16] + struct.pack("!H", sum_) + head[18:] + data
    return internet(source[0], destination[0], TCP, segment)


def udp(source: tuple[Address, int], destination: tuple[Address, int], data: bytes) -> bytes:
    head = struct.pack("!HHHH", source[1], destination[1], 8 + len(data), 0)
    sum_ = _sum(source[0], destination[0], UDP, head + data) or 0xFFFF
    return internet(source[0], destination[0], UDP, head[:6] + struct.pack("!H", sum_) + data)


INIT, INIT_ACK, COOKIE_ECHO = 1, 2, 10
"""Chunks of SCTP: the first three packets of an association (RFC 9260, section 5.1)."""
_CRC32C = 0x82F63B78
"""Castagnoli's polynomial, with its lowest bit first."""


def crc32c(data: bytes) -> int:
    """The checksum of SCTP (RFC 9260, appendix A)."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _bit in range(8):
            value = value >> 1 ^ (_CRC32C if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def sctp(
    source: tuple[Address, int], destination: tuple[Address, int], chunk: int, tag: int, own: int, data: bytes
) -> bytes:
    """Make a packet of one chunk. `tag` is what the receiver has asked for, `own` what it is told to use.

    An INIT and its answer have the data in a parameter that whoever does not know it skips.
    """
    if chunk in (INIT, INIT_ACK):
        data += bytes(-len(data) % 4)
        body = struct.pack("!IIHHI", own, 65536, 1, 1, own) + struct.pack("!HH", 0x8000, 4 + len(data)) + data
    else:
        body = data
    head = struct.pack("!HHI", source[1], destination[1], tag)
    after = struct.pack("!BBH", chunk, 0, 4 + len(body)) + body + bytes(-len(body) % 4)
    # what is computed goes out with its lowest byte first
    sum_ = struct.pack("<I", crc32c(head + bytes(4) + after))
    return internet(source[0], destination[0], SCTP, head + sum_ + after)


def icmp(
    source: Address, destination: Address, type_: int, code: int, rest: int, data: bytes, hops: int = 0
) -> bytes:
    """Make an ICMP or ICMPv6 message; `rest` are the four bytes that depend on the type."""
    message = struct.pack("!BBHI", type_, code, 0, rest) + data
    sum_ = checksum(message) if source.version == 4 else _sum(source, destination, ICMPV6, message)
    message = message[:2] + struct.pack("!H", sum_) + message[4:]
    if source.version == 6:
        hops = hops or LINK_HOPS.get(type_, 0)
    return internet(source, destination, ICMP_OF[source.version], message, hops)


def icmp_error(source: Address, destination: Address, type_: int, code: int, about: bytes) -> bytes:
    """Make an ICMP error that quotes a packet; where it has a place for an MTU, that is 1280 bytes."""
    return icmp(source, destination, type_, code, 1280, about[:_QUOTE_BYTES])


def parse(raw: bytes) -> Packet | None:
    """Read a packet from its IP header on; None for what is not whole."""
    try:
        if raw[0] >> 4 == 4 and len(raw) >= 20:
            head = (raw[0] & 15) * 4
            length = struct.unpack_from("!H", raw, 2)[0]
            source: Address = IPv4Address(raw[12:16])
            destination: Address = IPv4Address(raw[16:20])
            return parse_payload(raw[9], raw[head:length], source, destination, raw[:length])
        if raw[0] >> 4 == 6 and len(raw) >= 40:
            length = 40 + struct.unpack_from("!H", raw, 4)[0]
            ends = ip_address(raw[8:24]), ip_address(raw[24:40])
            return parse_payload(raw[6], raw[40:length], *ends, raw[:length])
    except (struct.error, IndexError):
        pass
    return None


def parse_payload(
    protocol: int, data: bytes, source: Address | None, destination: Address | None, raw: bytes = b""
) -> Packet:
    """Read what follows an IP header. A quoted packet may be cut off anywhere after its ports."""
    if protocol == TCP and len(data) >= 8:
        source_port, port, sequence = struct.unpack_from("!HHI", data)
        acknowledged, offset, flags = struct.unpack_from("!IBB", data, 8) if len(data) >= 14 else (0, 80, 0)
        rest = data[(offset >> 4) * 4 :]
        return Packet(
            source,
            destination,
            protocol,
            raw,
            source_port,
            port,
            flags & 0x3F,
            sequence,
            acknowledged,
            data=rest,
        )
    if protocol == UDP and len(data) >= 8:
        source_port, port = struct.unpack_from("!HH", data)
        return Packet(source, destination, protocol, raw, source_port, port, data=data[8:])
    if protocol == SCTP and len(data) >= 8:
        source_port, port, tag = struct.unpack_from("!HHI", data)
        own = struct.unpack_from("!I", data, 16)[0] if len(data) >= 20 and data[12] in (INIT, INIT_ACK) else 0
        return Packet(
            source,
            destination,
            protocol,
            raw,
            source_port,
            port,
            sequence=own,
            acknowledged=tag,
            data=data[12:],
        )
    if protocol in (ICMP, ICMPV6) and len(data) >= 8:
        type_, code, _checksum, identifier = struct.unpack_from("!BBHH", data)
        errors = ICMP_ERRORS[4 if protocol == ICMP else 6]
        quoted = parse_quoted(data[8:]) if type_ in errors else None
        return Packet(
            source,
            destination,
            protocol,
            raw,
            type=type_,
            code=code,
            identifier=identifier,
            data=data[8:],
            quoted=quoted,
        )
    return Packet(source, destination, protocol, raw, data=data)


def parse_quoted(raw: bytes) -> Packet | None:
    return parse(raw) if len(raw) >= 28 else None
