# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a probe sends, and what it makes of what it hears: a generator for each probe, without I/O.

A generator yields packets to send, gets what was heard of its own packets when all is quiet again, and
returns the probe's fate. Every packet carries the probe's number: a TCP segment in its sequence number, which
address translation leaves alone, others in their data.
"""

from __future__ import annotations

import struct
from collections.abc import Generator, Iterable
from dataclasses import replace

from ansible_collections.ftfw.pair.plugins.module_utils.policy_check_helpers import (
    GREETING,
    announced,
    first_data,
    is_datagram,
)
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check_packets import (
    ACK,
    GRE,
    ICMP_ERRORS,
    ICMP_OF,
    ICMP_REPLIES,
    PSH,
    RST,
    SYN,
    TCP,
    UDP,
    Address,
    Packet,
    icmp,
    icmp_error,
    internet,
    tcp,
    udp,
)
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check_types import (
    ACCEPT,
    DROP,
    ESTABLISHED,
    EXPECTED,
    FIREWALL,
    LIMITED,
    OPENING,
    REJECT,
    RELATED,
    REPLY,
    Fate,
    Heard,
    Probe,
    Send,
)

Conversation = Generator["list[Send]", "list[Heard]", Fate]

_MAGIC = b"ftfw"
_STEP = 12
"""Bits of a TCP sequence number that count bytes; the others are the probe's number."""
_PART = 4
"""Bits that count the bytes of one of several connections of a probe."""
_SECOND = 0x800
"""Where the sequence numbers of an expected connection start."""
MOST_REPEATS = 100

# part numbers of packets that are not the opening
_REPLY, _LATER, _FOREIGN = 1001, 1002, 1003


def number_of(packet: Packet) -> int:
    """The number of the probe whose packet it is, or that it quotes or refuses; 0 for none."""
    if packet.quoted is not None:
        return number_of(packet.quoted)
    if packet.protocol == TCP:
        return packet.sequence >> _STEP or packet.acknowledged >> _STEP
    return _tag(packet)[0]


def _tag(packet: Packet) -> tuple[int, int]:
    found = packet.data.find(_MAGIC)
    if found < 0 or len(packet.data) < found + 10:
        return 0, 0
    number, part = struct.unpack_from("!IH", packet.data, found + 4)
    return number, part


def _tagged(probe: Probe, part: int) -> bytes:
    return _MAGIC + struct.pack("!IH", probe.number, part)


def _part(packet: Packet) -> int:
    if packet.protocol == TCP:
        return (packet.sequence & ((1 << _STEP) - 1)) >> _PART
    return _tag(packet)[1]


def converse(probe: Probe) -> Conversation:
    """Send the probe's packets, and judge the one that it is about."""
    opened = yield from _open(probe)
    if probe.packet == OPENING or opened.arrived is None:
        if probe.packet != OPENING:
            return replace(opened, why=f"the flow could not be opened; {opened.why}".rstrip("; "))
        if opened.verdict != ACCEPT or opened.arrived is None or not _expects_reply(probe):
            return opened
        if opened.arrived.place == FIREWALL:
            return opened
        return replace(opened, reply=(yield from _reply(probe, opened.arrived)))
    follow = {
        REPLY: _judge_reply,
        ESTABLISHED: _judge_later,
        RELATED: _judge_error,
        EXPECTED: _judge_expected,
    }
    return (yield from follow[probe.packet](probe, opened.arrived))


def _open(probe: Probe) -> Conversation:
    repeat = probe.repeat if probe.packet == OPENING else 1
    heard = yield [Send(probe.entry, opening(probe, part)) for part in range(repeat)]
    return _fate(replace(probe, repeat=repeat), heard)


def opening(probe: Probe, part: int = 0) -> bytes:
    """Make the first packet; of several each is a flow of its own, but pings belong to one."""
    if probe.protocol == TCP:
        sequence = (probe.number << _STEP) + (part << _PART)
        acknowledged = sequence if probe.flags & ACK else 0
        ends = (probe.source, probe.source_port + part), (probe.destination, probe.port)
        raw = tcp(*ends, probe.flags, sequence, acknowledged)
    elif probe.protocol == UDP:
        data = first_data(probe.helper) + _tagged(probe, part)
        raw = udp((probe.source, probe.source_port + part), (probe.destination, probe.port), data)
    elif probe.protocol == ICMP_OF[probe.family]:
        raw = _message(probe, part)
    else:
        # GRE has a header of its own (RFC 2784), the others get four bytes that mean nothing
        head = b"\0\0\x08\0" if probe.protocol == GRE else b"\0\0\0\0"
        raw = internet(probe.source, probe.destination, probe.protocol, head + _tagged(probe, part))
    return _spoilt(raw, probe) if probe.broken else raw


def _message(probe: Probe, part: int) -> bytes:
    ends = probe.source, probe.destination
    if probe.type in ICMP_ERRORS[probe.family]:
        # about a flow that there is not
        about = udp((ends[1], 9), (ends[0], probe.source_port), _tagged(probe, _FOREIGN))
        return icmp_error(*ends, probe.type, probe.code, about)
    if probe.type in (135, 136) and probe.family == 6:
        # RFC 4861, section 4.3: the target comes first
        data = probe.destination.packed + b"\0" * 4 + _tagged(probe, part)
        return icmp(*ends, probe.type, 0, 0, data, probe.hops)
    rest = (probe.source_port << 16) + part
    return icmp(*ends, probe.type, probe.code, rest, _tagged(probe, part), probe.hops)


def _spoilt(raw: bytes, probe: Probe) -> bytes:
    """Make the checksum wrong."""
    start = 20 if probe.family == 4 else 40
    place = start + {TCP: 16, UDP: 6}.get(probe.protocol, 2)
    return raw[:place] + bytes([raw[place] ^ 0x55]) + raw[place + 1 :]


def _expects_reply(probe: Probe) -> bool:
    if probe.broken or probe.repeat > 1:
        return False
    if probe.protocol == TCP:
        return probe.flags == SYN
    if probe.protocol == ICMP_OF[probe.family]:
        return probe.type in ICMP_REPLIES[probe.family]
    return True


def _refuses(probe: Probe, heard: Heard) -> bool:
    """Whether a packet says no: an error about the probe's own packet, or a reset."""
    packet = heard.packet
    if packet.quoted is not None:
        return packet.quoted.source is not None and _part(packet.quoted) != _FOREIGN
    return packet.protocol == TCP and bool(packet.flags & RST) and not probe.flags & RST


def _answers(probe: Probe, heard: Heard) -> bool:
    """Whether it is what the firewall itself says to a request that it has taken."""
    replies = ICMP_REPLIES[probe.family]
    icmp_ = ICMP_OF[probe.family]
    return heard.packet.protocol == icmp_ == probe.protocol and heard.packet.type == replies.get(probe.type)


def _fate(probe: Probe, heard: list[Heard]) -> Fate:
    """Judge the packets that were just sent: where they came out, or who said no."""
    refusals = [one for one in heard if _refuses(probe, one)]
    answers = [one for one in heard if _answers(probe, one)]
    through = [one for one in heard if one not in refusals and one not in answers]
    if not through:
        return Fate(REJECT, _said(refusals[0])) if refusals else Fate(DROP)
    parts = {_part(one.packet) for one in through}
    arrived = through[0]
    if len(parts) < probe.repeat:
        return Fate(LIMITED, f"{len(parts)} of {probe.repeat} came through", arrived)
    if arrived.place == FIREWALL and answers:
        return Fate(ACCEPT, "", arrived, reply=True)
    if arrived.place == FIREWALL and _answers_by_itself(probe):
        return Fate(ACCEPT, "", arrived, reply=False)
    return Fate(ACCEPT, "", arrived)


def _answers_by_itself(probe: Probe) -> bool:
    """Whether the kernel of a firewall would answer: pings, but not of the other types."""
    return (
        probe.protocol == ICMP_OF[probe.family]
        and not probe.broken
        and probe.type == {4: 8, 6: 128}[probe.family]
    )


def _said(heard: Heard) -> str:
    packet = heard.packet
    if packet.quoted is None:
        return f"a reset from {packet.source or 'the destination'}"
    return f"ICMP type {packet.type} code {packet.code} from {packet.source or 'a router'}"


def _reply_packet(probe: Probe, arrived: Packet) -> bytes:
    """Answer a packet as it arrived."""
    source, destination = _ends(arrived, probe)
    if probe.protocol == TCP:
        own = probe.number << _STEP
        ends = (destination, arrived.port), (source, arrived.source_port)
        return tcp(*ends, SYN | ACK, own, arrived.sequence + 1)
    if probe.protocol == UDP:
        ends = (destination, arrived.port), (source, arrived.source_port)
        return udp(*ends, _tagged(probe, _REPLY))
    if probe.protocol == ICMP_OF[probe.family]:
        type_ = ICMP_REPLIES[probe.family].get(probe.type, 0)
        return icmp(destination, source, type_, 0, arrived.identifier << 16, _tagged(probe, _REPLY))
    head = b"\0\0\x08\0" if probe.protocol == GRE else b"\0\0\0\0"
    return internet(destination, source, probe.protocol, head + _tagged(probe, _REPLY))


def _ends(arrived: Packet, probe: Probe) -> tuple[Address, Address]:
    """The ends of a packet as it arrived; the firewall does not tell those that it has taken for itself."""
    return arrived.source or probe.source, arrived.destination or probe.destination


def _got_back(probe: Probe, heard: Iterable[Heard]) -> bool:
    """Whether the reply is back with the sender, and comes from where the sender expects it."""
    for one in heard:
        packet = one.packet
        ends = packet.source or probe.destination, packet.destination or probe.source
        if one.place == probe.entry and ends == (probe.destination, probe.source):
            ports = (packet.source_port, packet.port)
            if probe.protocol not in (TCP, UDP) or ports == (probe.port, probe.source_port):
                return True
    return False


def _reply(probe: Probe, arrived: Heard) -> Generator[list[Send], list[Heard], bool]:
    heard = yield [Send(probe.by or arrived.place, _reply_packet(probe, arrived.packet))]
    return _got_back(probe, heard)


def _judge_reply(probe: Probe, arrived: Heard) -> Conversation:
    heard = yield [Send(probe.by or arrived.place, _reply_packet(probe, arrived.packet))]
    return _passed(heard)


def _passed(heard: list[Heard]) -> Fate:
    errors = [one for one in heard if one.packet.quoted is not None]
    through = [one for one in heard if one.packet.quoted is None]
    if through:
        return Fate(ACCEPT, "", through[0])
    return Fate(REJECT, _said(errors[0])) if errors else Fate(DROP)


def _judge_later(probe: Probe, arrived: Heard) -> Conversation:
    """The first packet after the reply: of TCP with data, the end of the handshake."""
    if not (yield from _reply(probe, arrived)):
        return Fate(DROP, "the flow could not be opened; its reply did not get back")
    heard = yield [Send(probe.entry, _later(probe))]
    return _fate(replace(probe, repeat=1), heard)


def _later(probe: Probe, data: bytes = b"data") -> bytes:
    ends = (probe.source, probe.source_port), (probe.destination, probe.port)
    own = (probe.number << _STEP) + 1
    if probe.protocol == TCP:
        return tcp(*ends, PSH | ACK, own, own, data)
    if probe.protocol == UDP:
        return udp(*ends, _tagged(probe, _LATER))
    return opening(probe, 1)


def _judge_error(probe: Probe, arrived: Heard) -> Conversation:
    """An error from beyond about the first packet, or from before the firewall about the reply."""
    place, about = probe.by or arrived.place, arrived.packet
    source, destination = _ends(about, probe)
    if probe.by == probe.entry:
        heard = yield [Send(arrived.place, _reply_packet(probe, arrived.packet))]
        if not _got_back(probe, heard):
            return Fate(DROP, "the flow could not be opened; its reply did not get back")
        about = next(one for one in heard if one.place == probe.entry).packet
        source, destination = probe.destination, probe.source
    message = icmp_error(destination, source, *probe.error, about.raw)
    heard = yield [Send(place, message)] * probe.repeat
    errors = [one for one in heard if one.packet.quoted is not None]
    if not errors:
        return Fate(DROP)
    if len(errors) < probe.repeat:
        return Fate(LIMITED, f"{len(errors)} of {probe.repeat} came through", errors[0])
    quoted = errors[0].packet.quoted
    if probe.by != probe.entry and quoted and quoted.source != probe.source:
        return Fate(ACCEPT, f"but it is about {quoted.source}", errors[0], reply=False)
    return Fate(ACCEPT, "", errors[0])


def _judge_expected(probe: Probe, arrived: Heard) -> Conversation:
    """Have the dialog that announces another connection, and open that one."""
    if is_datagram(probe.helper):
        source, destination = _ends(arrived.packet, probe)
        answer = udp((destination, 40000), (source, arrived.packet.source_port), _tagged(probe, _REPLY))
        return _passed((yield [Send(arrived.place, answer)]))
    if not (yield from _reply(probe, arrived)):
        return Fate(DROP, "the flow could not be opened; its reply did not get back")
    yield [Send(probe.entry, _later(probe, b""))]
    source, destination = _ends(arrived.packet, probe)
    own = (probe.number << _STEP) + 1
    port = 30000 + probe.number % 20000
    ends = (destination, arrived.packet.port), (source, arrived.packet.source_port)
    lines = (GREETING, announced(destination, port))
    heard = yield [
        Send(arrived.place, tcp(*ends, PSH | ACK, own + place, own, line))
        for place, line in ((0, lines[0]), (len(lines[0]), lines[1]))
    ]
    if not _got_back(probe, heard):
        return Fate(DROP, "the announcement did not get back")
    second = tcp(
        (probe.source, probe.source_port + 1),
        (probe.destination, port),
        SYN,
        (probe.number << _STEP) + _SECOND,
    )
    return _fate(replace(probe, repeat=1), (yield [Send(probe.entry, second)]))
