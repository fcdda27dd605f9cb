# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries about a virtual address, and the sources of a port forward, against real packets."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.ftfw.pair.tests.integration.policy_packets.wire import (
    CLIENT,
    HELPER,
    OUTSIDE,
    SERVER,
    Wire,
    lab_wire,
    ruleset,
)

FORWARD = {"to": "outside", "service": "http", "host": "client"}
INTO = {"from": "outside", "to": "inside", "services": ["http"]}
DROP = {**INTO, "destinations": [OUTSIDE], "action": "drop", "counter": "asked", "log": True}


def rules(*entries: dict[str, Any], **forward: Any) -> str:
    return ruleset(site_policy=list(entries), site_port_forwards=[{**FORWARD, **forward}], site_probes=None)


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    with lab_wire(rules()) as made:
        yield made


def asked(wire: Wire, text: str) -> str:
    """What the server sees when it asks for the forwarded port of the virtual address."""
    wire.load(text)
    seen: str = wire.server.probe("connect", "tcp/80", OUTSIDE)["seen"]
    return seen


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        pytest.param(rules(), "answer", id="the port forward alone"),
        pytest.param(rules(DROP), "silence", id="dropped"),
        pytest.param(rules({**DROP, "action": "reject"}), "reset", id="rejected"),
        pytest.param(rules({**DROP, "sources": [SERVER]}), "silence", id="dropped from there"),
        pytest.param(rules({**DROP, "sources": ["192.168.0.9"]}), "answer", id="dropped from elsewhere"),
        pytest.param(rules({**DROP, "services": "any"}), "silence", id="dropped whatever it is"),
        pytest.param(
            rules({**DROP, "destinations": ["192.168.0.0/24"]}), "silence", id="in a prefix that is dropped"
        ),
        pytest.param(rules({**INTO, "destinations": [CLIENT]}, DROP), "answer", id="the host comes first"),
        pytest.param(rules(DROP, {**INTO, "destinations": [CLIENT]}), "silence", id="the host comes later"),
        pytest.param(rules(sources=[SERVER]), "answer", id="forwarded for it"),
        pytest.param(rules(sources=["192.168.0.9"]), "silence", id="forwarded for another one"),
        pytest.param(
            rules({**INTO, "destinations": [CLIENT]}, sources=["192.168.0.9"]),
            "silence",
            id="an entry does not widen the sources",
        ),
    ],
)
def test_what_was_asked_for_decides(wire: Wire, text: str, seen: str) -> None:
    assert asked(wire, text) == seen


@pytest.mark.parametrize("place", [0, 1], ids=["the first", "the second"])
@pytest.mark.parametrize("service", ["http", "web"])
def test_port_forwards_of_one_port_are_told_apart_by_their_sources(
    wire: Wire, place: int, service: str
) -> None:
    """The other one leads elsewhere, where nobody is."""
    forwards: list[dict[str, Any]] = [{**FORWARD, "host": "192.168.2.77", "sources": ["192.168.0.9"]}]
    forwards.insert(place, {**FORWARD, "sources": [SERVER], "service": service})
    text = ruleset(
        site_policy=[],
        site_port_forwards=forwards,
        site_services={"web": {"tcp": ["80-81"]}},
        site_probes=None,
    )
    assert asked(wire, text) == "answer"


def counted(wire: Wire, name: str) -> int:
    listed = json.loads(wire.firewall("nft", "-j", "list", "counter", "inet", "ftfw", name))
    packets: int = listed["nftables"][-1]["counter"]["packets"]
    return packets


def test_what_is_dropped_is_counted(wire: Wire) -> None:
    assert asked(wire, rules(DROP)) == "silence"
    assert counted(wire, "policy_asked") >= 1


def test_a_limit_bounds_the_port_forward(wire: Wire) -> None:
    """nft lets a burst of 5 through, whatever the rate."""
    wire.load(rules({**INTO, "destinations": [OUTSIDE], "limit": "1/hour", "counter": "asked"}))
    seen = [wire.server.probe("connect", "tcp/80", OUTSIDE)["seen"] for _time in range(6)]
    assert seen == ["answer"] * 5 + ["silence"]
    assert (counted(wire, "policy_asked"), counted(wire, "policy_asked_over") >= 1) == (5, True)


def test_a_flow_that_is_open_stays_open(wire: Wire) -> None:
    wire.load(rules())
    command = ["ip", "netns", "exec", wire.server.name, sys.executable, str(HELPER), "hold", OUTSIDE, "80"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as held:
        assert held.stdin is not None
        assert held.stdout is not None
        assert held.stdout.readline() == "open\n"
        assert asked(wire, rules(DROP)) == "silence"
        held.stdin.write("go\n")
        held.stdin.flush()
        assert held.stdout.readline() == "echoed\n"
