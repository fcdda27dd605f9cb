# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a probe sends, and what it makes of what it hears: a generator for each probe, without I/O.

A generator yields packets to send, gets what was heard of its own packets when all is quiet again, and
returns the probe's fate.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import replace

from ansible_collections.ftfw.pair.plugins.module_utils.packets.dialogs import (
    GREETING,
    announced,
    is_datagram,
)
from ansible_collections.ftfw.pair.plugins.module_utils.packets.packet import (
    ACK,
    ICMP_OF,
    ICMP_REPLIES,
    PSH,
    RST,
    SYN,
    TCP,
    WITH_PORTS,
    icmp_error,
    tcp,
    udp,
)
from ansible_collections.ftfw.pair.plugins.module_utils.packets.types import (
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
    PacketProbe,
    Send,
)
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check.numbered import (
    FOREIGN,
    REPLY_PART,
    SECOND,
    STEP,
    ends_of,
    later,
    opening,
    part_of,
    reply_to,
    tagged,
)

Conversation = Generator["list[Send]", "list[Heard]", Fate]


def converse(probe: PacketProbe) -> Conversation:
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


def _open(probe: PacketProbe) -> Conversation:
    repeat = probe.repeat if probe.packet == OPENING else 1
    heard = yield [Send(probe.entry, opening(probe, part)) for part in range(repeat)]
    return _fate(replace(probe, repeat=repeat), heard)


def _expects_reply(probe: PacketProbe) -> bool:
    if probe.broken or probe.repeat > 1:
        return False
    if probe.protocol == TCP:
        return probe.flags == SYN
    if probe.protocol == ICMP_OF[probe.family]:
        return probe.type in ICMP_REPLIES[probe.family]
    return True


def _refuses(probe: PacketProbe, heard: Heard) -> bool:
    """Whether a packet says no: an error about the probe's own packet, or a reset."""
    packet = heard.packet
    if packet.quoted is not None:
        return packet.quoted.source is not None and part_of(packet.quoted) != FOREIGN
    return packet.protocol == TCP and bool(packet.flags & RST) and not probe.flags & RST


def _answers(probe: PacketProbe, heard: Heard) -> bool:
    """Whether it is what the firewall itself says to a request that it has taken."""
    replies = ICMP_REPLIES[probe.family]
    icmp_ = ICMP_OF[probe.family]
    return heard.packet.protocol == icmp_ == probe.protocol and heard.packet.type == replies.get(probe.type)


def _fate(probe: PacketProbe, heard: list[Heard]) -> Fate:
    """Judge the packets that were just sent: where they came out, or who said no."""
    refusals = [one for one in heard if _refuses(probe, one)]
    answers = [one for one in heard if _answers(probe, one)]
    through = [one for one in heard if one not in refusals and one not in answers]
    if not through:
        return Fate(REJECT, _said(refusals[0])) if refusals else Fate(DROP)
    parts = {part_of(one.packet) for one in through}
    arrived = through[0]
    if len(parts) < probe.repeat:
        return Fate(LIMITED, f"{len(parts)} of {probe.repeat} came through", arrived)
    if arrived.place == FIREWALL and answers:
        return Fate(ACCEPT, "", arrived, reply=True)
    if arrived.place == FIREWALL and _answers_by_itself(probe):
        return Fate(ACCEPT, "", arrived, reply=False)
    return Fate(ACCEPT, "", arrived)


def _answers_by_itself(probe: PacketProbe) -> bool:
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


def _got_back(probe: PacketProbe, heard: Iterable[Heard]) -> bool:
    """Whether the reply is back with the sender, and comes from where the sender expects it."""
    for one in heard:
        packet = one.packet
        ends = packet.source or probe.destination, packet.destination or probe.source
        if one.place == probe.entry and ends == (probe.destination, probe.source):
            ports = (packet.source_port, packet.port)
            if probe.protocol not in WITH_PORTS or ports == (probe.port, probe.source_port):
                return True
    return False


def _reply(probe: PacketProbe, arrived: Heard) -> Generator[list[Send], list[Heard], bool]:
    heard = yield [Send(probe.by or arrived.place, reply_to(probe, arrived.packet))]
    return _got_back(probe, heard)


def _judge_reply(probe: PacketProbe, arrived: Heard) -> Conversation:
    heard = yield [Send(probe.by or arrived.place, reply_to(probe, arrived.packet))]
    return _passed(heard)


def _passed(heard: list[Heard]) -> Fate:
    errors = [one for one in heard if one.packet.quoted is not None]
    through = [one for one in heard if one.packet.quoted is None]
    if through:
        return Fate(ACCEPT, "", through[0])
    return Fate(REJECT, _said(errors[0])) if errors else Fate(DROP)


def _judge_later(probe: PacketProbe, arrived: Heard) -> Conversation:
    """The first packet after the reply: of TCP with data, the end of the handshake."""
    if not (yield from _reply(probe, arrived)):
        return Fate(DROP, "the flow could not be opened; its reply did not get back")
    heard = yield [Send(probe.entry, later(probe))]
    return _fate(replace(probe, repeat=1), heard)


def _judge_error(probe: PacketProbe, arrived: Heard) -> Conversation:
    """An error from beyond about the first packet, or from before the firewall about the reply."""
    place, about = probe.by or arrived.place, arrived.packet
    source, destination = ends_of(about, probe)
    if probe.by == probe.entry:
        heard = yield [Send(arrived.place, reply_to(probe, arrived.packet))]
        if not _got_back(probe, heard):
            return Fate(DROP, "the flow could not be opened; its reply did not get back")
        about = _first_at(heard, probe.entry).packet
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


def _first_at(heard: list[Heard], place: str) -> Heard:
    return next(one for one in heard if one.place == place)


def _judge_expected(probe: PacketProbe, arrived: Heard) -> Conversation:
    """Have the dialog that announces another connection, and open that one."""
    if is_datagram(probe.helper):
        source, destination = ends_of(arrived.packet, probe)
        answer = udp((destination, 40000), (source, arrived.packet.source_port), tagged(probe, REPLY_PART))
        return _passed((yield [Send(arrived.place, answer)]))
    if not (yield from _reply(probe, arrived)):
        return Fate(DROP, "the flow could not be opened; its reply did not get back")
    yield [Send(probe.entry, later(probe, b""))]
    source, destination = ends_of(arrived.packet, probe)
    own = (probe.number << STEP) + 1
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
        (probe.number << STEP) + SECOND,
    )
    return _fate(replace(probe, repeat=1), (yield [Send(probe.entry, second)]))
