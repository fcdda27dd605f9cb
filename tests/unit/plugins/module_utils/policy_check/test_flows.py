# SPDX-License-Identifier: GPL-3.0-or-later
"""What probes send, and what they make of what they hear, without a wire."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.packets.packet import (
    ACK,
    ICMP,
    RST,
    TCP,
    UDP,
    Packet,
    icmp_error,
    parse,
    tcp,
)
from ansible_collections.ftfw.pair.plugins.module_utils.packets.types import (
    Entry,
    Fate,
    Heard,
    PacketProbe,
    Send,
)
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check.batches import (
    batches,
    with_large_bursts,
)
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check.flows import converse
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check.judge import row
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check.numbered import number_of, opening

CLIENT, SERVER, VIRTUAL = map(ip_address, ("198.51.100.3", "192.0.2.3", "192.0.2.100"))
SSH = PacketProbe(5, "ssh", "in", "out", CLIENT, SERVER, TCP, ("accept",), port=22, source_port=20010)
DNS = replace(SSH, number=6, protocol=UDP, port=53, source_port=20012)
PING = replace(SSH, number=7, protocol=ICMP, type=8, port=0, source_port=20014)
GRE = replace(SSH, number=8, protocol=47, port=0)


def packet(raw: bytes) -> Packet:
    found = parse(raw)
    assert found is not None
    return found


def fate(probe: PacketProbe, *rounds: list[Heard]) -> Fate:
    """What comes of a conversation in which this is heard."""
    talk = converse(probe)
    next(talk)
    for heard in rounds:
        try:
            talk.send(heard)
        except StopIteration as done:
            found: Fate = done.value
            return found
    raise AssertionError("it goes on")


def through(send: Send, place: str) -> list[Heard]:
    return [Heard(place, packet(send.packet))]


@pytest.mark.parametrize("probe", [SSH, DNS, PING, GRE], ids=["tcp", "udp", "icmp", "gre"])
def test_each_packet_carries_the_number(probe: PacketProbe) -> None:
    raw = opening(probe)
    assert number_of(packet(raw)) == probe.number
    assert number_of(packet(icmp_error(SERVER, CLIENT, 3, 3, raw))) == probe.number


def test_a_reset_carries_it_too() -> None:
    refused = tcp((SERVER, 22), (CLIENT, 20010), RST | ACK, 0, (5 << 12) + 1)
    assert number_of(packet(refused)) == 5


@pytest.mark.parametrize("probe", [SSH, DNS, PING, GRE], ids=["tcp", "udp", "icmp", "gre"])
def test_silence_is_a_drop(probe: PacketProbe) -> None:
    assert fate(probe, []) == Fate("drop")


def test_what_comes_out_and_is_answered_is_accepted() -> None:
    talk = converse(SSH)
    [send] = next(talk)
    assert send.place == "in"
    [reply] = talk.send(through(send, "out"))
    assert reply.place == "out"
    with pytest.raises(StopIteration) as done:
        talk.send(through(reply, "in"))
    assert (done.value.value.verdict, done.value.value.reply) == ("accept", True)


def test_a_reply_that_comes_from_another_address_did_not_get_back() -> None:
    talk = converse(SSH)
    [send] = next(talk)
    talk.send(through(send, "out"))
    stray = tcp((VIRTUAL, 22), (CLIENT, 20010), ACK, 5 << 12)
    with pytest.raises(StopIteration) as done:
        talk.send([Heard("in", packet(stray))])
    assert done.value.value.reply is False


def test_a_reset_and_an_error_are_a_rejection() -> None:
    refused = tcp((SERVER, 22), (CLIENT, 20010), RST | ACK, 0, (5 << 12) + 1)
    assert fate(SSH, [Heard("in", packet(refused))]).verdict == "reject"
    error = icmp_error(SERVER, CLIENT, 3, 3, opening(DNS))
    assert fate(DNS, [Heard("in", packet(error))]).verdict == "reject"


def test_some_of_many_are_limited() -> None:
    many = replace(PING, repeat=3)
    heard = [Heard("out", packet(opening(many, part))) for part in (0, 1)]
    found = fate(many, heard)
    assert (found.verdict, found.why) == ("limited", "2 of 3 came through")


def test_a_later_packet_of_a_flow_that_could_not_be_opened() -> None:
    found = fate(replace(SSH, packet="established"), [])
    assert (found.verdict, found.why) == ("drop", "the flow could not be opened")


def test_a_row_names_what_was_seen() -> None:
    translated = replace(packet(opening(SSH)), source=VIRTUAL)
    seen = Fate("accept", "", Heard("out", translated), reply=True)
    entry = Entry(TCP, CLIENT, SERVER, 20010, 22, "ftp")
    assert row(replace(SSH, expected=("accept", "snat to 192.0.2.100")), seen, entry) == {
        "name": "ssh",
        "expected": "accept, snat to 192.0.2.100",
        "seen": "accept, snat to 192.0.2.100, helper ftp",
        "ok": True,
        "detail": "",
    }


@pytest.mark.parametrize(
    ("expected", "change", "detail"),
    [
        (("drop",), {}, ""),
        (("accept", "no snat"), {}, ""),
        (("accept", "no entry"), {}, ""),
        (("accept", "helper sip"), {}, ""),
        (("accept",), {"reply": False}, "its reply did not get back"),
        (("accept",), {"place": "elsewhere"}, "it came out on elsewhere, not on out"),
    ],
)
def test_a_row_that_fails(expected: tuple[str, ...], change: dict[str, object], detail: str) -> None:
    translated = replace(packet(opening(SSH)), source=VIRTUAL)
    heard = Heard(str(change.get("place", "out")), translated)
    seen = Fate("accept", "", heard, reply=bool(change.get("reply", True)))
    failed = row(replace(SSH, expected=expected), seen, Entry(TCP, CLIENT, SERVER, 20010, 22, None))
    assert (failed["ok"], failed["detail"]) == (False, detail)


def test_an_unanswered_flow_can_be_expected() -> None:
    seen = Fate("accept", "", Heard("out", packet(opening(SSH))), reply=False)
    assert row(replace(SSH, expected=("accept", "no reply")), seen, None)["ok"]


def test_probes_that_meet_are_sent_apart() -> None:
    again = replace(GRE, number=9)
    back = replace(SSH, number=10, source=SERVER, destination=CLIENT, source_port=22, port=20010)
    prepared = replace(DNS, number=11, setup=("add element inet t s { 1 }",))
    many = replace(PING, number=12, repeat=5)
    made = batches([SSH, DNS, PING, GRE, again, back, prepared, many])
    assert [[probe.number for probe in batch.probes] for batch in made] == [[5, 6, 7, 8], [9, 10], [11], [12]]
    assert [batch.limits for batch in made] == [False, False, False, True]


def test_bursts_are_made_large() -> None:
    text = "limit rate 1/second accept\n"
    text += "limit rate over 5/minute burst 3 packets drop\nlimit rate 1 mbytes/second"
    large = (
        "limit rate 1/second burst 4000 packets accept\nlimit rate over 5/minute burst 4000 packets drop\n"
    )
    assert with_large_bursts(text) == f"{large}limit rate 1 mbytes/second"
