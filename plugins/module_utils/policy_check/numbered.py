# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packets of a probe, each of which carries its number, whatever becomes of addresses and ports.

A TCP segment has it in its sequence number, which address translation leaves alone, others in their data.
"""

from __future__ import annotations

import struct

from ansible_collections.ftfw.pair.plugins.module_utils.packets.dialogs import (
    SNMP_PORTS,
    first_data,
    snmp_message,
)
from ansible_collections.ftfw.pair.plugins.module_utils.packets.packet import (
    ACK,
    COOKIE_ECHO,
    GRE,
    ICMP_ERRORS,
    ICMP_OF,
    ICMP_REPLIES,
    INIT,
    INIT_ACK,
    PSH,
    SCTP,
    SYN,
    TCP,
    UDP,
    Address,
    Packet,
    icmp,
    icmp_error,
    internet,
    sctp,
    tcp,
    udp,
)
from ansible_collections.ftfw.pair.plugins.module_utils.packets.types import PacketProbe

_MAGIC = b"ftfw"
STEP = 12
"""Bits of a TCP sequence number that count bytes; the others are the probe's number."""
_PART = 4
"""Bits that count the bytes of one of several connections of a probe."""
SECOND = 0x800
"""Where the sequence numbers of an expected connection start."""
MOST_REPEATS = 100

# part numbers of packets that are not the opening
REPLY_PART, _LATER, FOREIGN = 1001, 1002, 1003


def number_of(packet: Packet) -> int:
    """The number of the probe whose packet it is, or that it quotes or refuses; 0 for none."""
    if packet.quoted is not None:
        return number_of(packet.quoted)
    if packet.protocol == TCP:
        return packet.sequence >> STEP or packet.acknowledged >> STEP
    return _tag(packet)[0]


def _tag(packet: Packet) -> tuple[int, int]:
    found = packet.data.find(_MAGIC)
    if found < 0 or len(packet.data) < found + 10:
        return 0, 0
    number, part = struct.unpack_from("!IH", packet.data, found + 4)
    return number, part


def tagged(probe: PacketProbe, part: int) -> bytes:
    return _MAGIC + struct.pack("!IH", probe.number, part)


def datagram(probe: PacketProbe, part: int) -> bytes:
    """What a UDP packet of the probe says; to a port of SNMP, what the kernel's helper takes for SNMP.

    Where addresses are translated, it drops the rest.
    """
    data = tagged(probe, part)
    return snmp_message(data) if probe.port in SNMP_PORTS else data


def part_of(packet: Packet) -> int:
    if packet.protocol == TCP:
        return (packet.sequence & ((1 << STEP) - 1)) >> _PART
    return _tag(packet)[1]


def opening(probe: PacketProbe, part: int = 0) -> bytes:
    """Make the first packet; of several each is a flow of its own, but pings belong to one."""
    if probe.protocol == TCP:
        sequence = (probe.number << STEP) + (part << _PART)
        acknowledged = sequence if probe.flags & ACK else 0
        ends = (probe.source, probe.source_port + part), (probe.destination, probe.port)
        raw = tcp(*ends, probe.flags, sequence, acknowledged)
    elif probe.protocol == UDP:
        data = first_data(probe.helper) + datagram(probe, part)
        raw = udp((probe.source, probe.source_port + part), (probe.destination, probe.port), data)
    elif probe.protocol == SCTP:
        ends = (probe.source, probe.source_port + part), (probe.destination, probe.port)
        raw = sctp(*ends, INIT, 0, _own_tag(probe), tagged(probe, part))
    elif probe.protocol == ICMP_OF[probe.family]:
        raw = _message(probe, part)
    else:
        # GRE has a header of its own (RFC 2784), the others get four bytes that mean nothing
        head = b"\0\0\x08\0" if probe.protocol == GRE else b"\0\0\0\0"
        raw = internet(probe.source, probe.destination, probe.protocol, head + tagged(probe, part))
    return _spoilt(raw, probe) if probe.broken else raw


def _own_tag(probe: PacketProbe) -> int:
    """How the sender wants to be spoken to; 0 is none (RFC 9260, section 3.3.2)."""
    return probe.number << STEP | 1


def _message(probe: PacketProbe, part: int) -> bytes:
    ends = probe.source, probe.destination
    if probe.type in ICMP_ERRORS[probe.family]:
        # about a flow that there is not
        about = udp((ends[1], 9), (ends[0], probe.source_port), tagged(probe, FOREIGN))
        return icmp_error(*ends, probe.type, probe.code, about)
    if probe.type in (135, 136) and probe.family == 6:
        # RFC 4861, section 4.3: the target comes first
        data = probe.destination.packed + b"\0" * 4 + tagged(probe, part)
        return icmp(*ends, probe.type, 0, 0, data, probe.hops)
    rest = (probe.source_port << 16) + part
    return icmp(*ends, probe.type, probe.code, rest, tagged(probe, part), probe.hops)


def _spoilt(raw: bytes, probe: PacketProbe) -> bytes:
    """Make the checksum wrong."""
    start = 20 if probe.family == 4 else 40
    place = start + {TCP: 16, UDP: 6, SCTP: 8}.get(probe.protocol, 2)
    return raw[:place] + bytes([raw[place] ^ 0x55]) + raw[place + 1 :]


def reply_to(probe: PacketProbe, arrived: Packet) -> bytes:
    """Answer a packet as it arrived."""
    source, destination = ends_of(arrived, probe)
    if probe.protocol == TCP:
        own = probe.number << STEP
        ends = (destination, arrived.port), (source, arrived.source_port)
        return tcp(*ends, SYN | ACK, own, arrived.sequence + 1)
    if probe.protocol == UDP:
        ends = (destination, arrived.port), (source, arrived.source_port)
        return udp(*ends, datagram(probe, REPLY_PART))
    if probe.protocol == SCTP:
        ends = (destination, arrived.port), (source, arrived.source_port)
        own = _own_tag(probe)
        return sctp(*ends, INIT_ACK, own, own + 1, tagged(probe, REPLY_PART))
    if probe.protocol == ICMP_OF[probe.family]:
        type_ = ICMP_REPLIES[probe.family].get(probe.type, 0)
        return icmp(destination, source, type_, 0, arrived.identifier << 16, tagged(probe, REPLY_PART))
    head = b"\0\0\x08\0" if probe.protocol == GRE else b"\0\0\0\0"
    return internet(destination, source, probe.protocol, head + tagged(probe, REPLY_PART))


def ends_of(arrived: Packet, probe: PacketProbe) -> tuple[Address, Address]:
    """The ends of a packet as it arrived; the firewall does not tell those that it has taken for itself."""
    return arrived.source or probe.source, arrived.destination or probe.destination


def later(probe: PacketProbe, data: bytes = b"data") -> bytes:
    ends = (probe.source, probe.source_port), (probe.destination, probe.port)
    own = (probe.number << STEP) + 1
    if probe.protocol == TCP:
        return tcp(*ends, PSH | ACK, own, own, data)
    if probe.protocol == UDP:
        return udp(*ends, datagram(probe, _LATER))
    if probe.protocol == SCTP:
        return sctp(*ends, COOKIE_ECHO, _own_tag(probe) + 1, 0, tagged(probe, _LATER))
    return opening(probe, 1)
