# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who else on a wire has an address of this node, from what several looks have heard."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.agent.watch import duplicates as plan
from ansible_collections.ftfw.pair.plugins.module_utils.agent.watch import plan as watch

OWN, SECOND, PEER, OTHER = (f"02:00:00:00:00:0{number}" for number in (1, 2, 3, 9))
FOUR, SIX, NEAR, VIRTUAL = "192.0.2.1", "2001:db8::1", "fe80::1", "192.0.2.100"
PEERS = {"eth0": ["192.0.2.2"]}
HEARD_PEER = plan.Claim("eth0", "192.0.2.2", PEER)


def cards(*addresses: str) -> dict[str, Any]:
    return {
        "eth0": watch.Card(2, OWN, frozenset(addresses)),
        "eth1": watch.Card(3, SECOND, frozenset()),
    }


def claim(address: str, mac: str = OTHER, interface: str = "eth0") -> Any:
    return plan.Claim(interface, address, mac)


def looks(*heard: Iterable[Any], held: Iterable[Iterable[str]] = ()) -> list[str]:
    """What is said after these looks; `held` are the node's addresses at each, by default all of them."""
    duplicates = plan.Duplicates([VIRTUAL], PEERS)
    everything = (FOUR, SIX, NEAR, VIRTUAL)
    present = list(held) or [everything] * len(heard)
    for claims, addresses in zip(heard, present):
        now = cards(*addresses)
        duplicates.places(now)
        duplicates.note(set(claims), now)
    said: list[str] = duplicates.sentences()
    return said


@pytest.mark.parametrize("address", [FOUR, SIX, NEAR, VIRTUAL])
def test_a_duplicate_is_found_in_two_looks_and_gone_after_two(address: str) -> None:
    said = [f"{address} on eth0 is also at {OTHER}"]
    one: list[Any] = [claim(address)]
    assert looks([], one) == []
    assert looks([], one, one) == said
    assert looks([], one, [], one) == []
    assert looks([], one, one, []) == said
    assert looks([], one, one, [], one, []) == said
    assert looks([], one, one, [], []) == []


def test_only_what_was_held_in_two_looks_in_a_row_counts() -> None:
    one = [claim(VIRTUAL)]
    assert looks(one, one, held=[[VIRTUAL], [VIRTUAL]]) == []
    assert looks(one, one, one, one, held=[[VIRTUAL], [VIRTUAL], [], [VIRTUAL]]) == []
    assert looks(one, one, one, held=[[VIRTUAL], [VIRTUAL], [VIRTUAL]]) != []


def test_an_address_that_was_given_up_has_no_duplicate() -> None:
    one = [claim(VIRTUAL)]
    assert looks(one, one, one, one, held=[[VIRTUAL], [VIRTUAL], [VIRTUAL], []]) == []


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param([claim(FOUR, OWN)], id="comes-back-from-a-bridge"),
        pytest.param([claim(FOUR, SECOND)], id="of-the-other-card-on-the-wire"),
        pytest.param([claim("192.0.2.77")], id="of-others"),
        pytest.param([claim(FOUR, interface="eth1")], id="on-another-wire"),
        pytest.param([HEARD_PEER, claim(VIRTUAL, PEER)], id="two-primaries"),
    ],
)
def test_no_duplicate(claims: list[Any]) -> None:
    assert looks(claims, claims, claims, claims) == []


def test_the_peer_with_an_own_address_is_one() -> None:
    claims = [HEARD_PEER, claim(FOUR, PEER), claim(VIRTUAL, OTHER)]
    assert looks(claims, claims, claims) == [
        f"{FOUR} on eth0 is also at {PEER}",
        f"{VIRTUAL} on eth0 is also at {OTHER}",
    ]


def test_the_peers_card_is_remembered_when_its_answer_is_lost() -> None:
    assert looks([HEARD_PEER], *[[claim(VIRTUAL, PEER)]] * 3) == []


def test_what_is_asked() -> None:
    duplicates = plan.Duplicates([VIRTUAL], {**PEERS, "eth7": ["192.0.2.7"]})
    assert duplicates.places(cards(FOUR)) == [("eth0", "192.0.2.2")]
    assert duplicates.places(cards(FOUR, SIX)) == [("eth0", "192.0.2.2"), ("eth0", FOUR)]


@pytest.mark.parametrize(
    ("asked", "held", "asker"),
    [
        pytest.param(SIX, (SIX, NEAR, FOUR), NEAR, id="answered-to-us-alone"),
        pytest.param(NEAR, (SIX, NEAR), "::", id="link-local"),
        pytest.param(NEAR, (FOUR, NEAR), "::", id="link-local-without-a-prefix"),
        pytest.param(SIX, (SIX, "2001:db8::9"), "::", id="without-a-link-local-one"),
        pytest.param("2001:db8::2", (SIX,), SIX, id="the-peers"),
        pytest.param("2001:db8::2", (FOUR,), "::", id="without-any"),
    ],
)
def test_source(asked: str, held: tuple[str, ...], asker: str) -> None:
    assert plan.source(asked, cards(*held)["eth0"]) == asker


def test_a_probe_says_nothing_of_who_has_the_address() -> None:
    assert plan.read_arp(plan.arp_probe(FOUR, bytes(6))) is None


@pytest.mark.parametrize("length", range(0, 72, 7))
def test_what_is_cut_off_is_read_as_nothing(length: int) -> None:
    packet, _to = plan.advertisement(SIX, bytes.fromhex("020000000009"))
    assert plan.read_advertisement(packet, bytes(6)) == (SIX, OTHER)
    cut = plan.read_advertisement(packet[:length], bytes.fromhex("020000000003"))
    assert cut in (None, (SIX, PEER))
    assert (cut is None) == (length < 64)
    assert plan.read_arp(packet[: min(length, 27)]) is None


def test_who_has_sent_it_counts_where_it_does_not_say_so_itself() -> None:
    packet, _to = plan.solicitation(SIX, "::", bytes(6))
    assert plan.read_advertisement(packet, bytes(6)) is None
    said = packet[:40] + b"\x88" + packet[41:]
    assert plan.read_advertisement(said, bytes.fromhex("020000000009")) == (SIX, OTHER)
    assert plan.read_advertisement(said[:7] + b"\x40" + said[8:], bytes(6)) is None
