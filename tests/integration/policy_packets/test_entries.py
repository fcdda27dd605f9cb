# SPDX-License-Identifier: GPL-3.0-or-later
"""What entries of a policy do to real packets: the first match wins, and what is refused is told."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator

import pytest
from ansible_collections.ftfw.pair.tests.integration.policy_packets.wire import (
    OUTSIDE,
    SERVER,
    Wire,
    lab_wire,
    ruleset,
)

OUT = {"from": "inside", "to": "outside"}
POLICY = [
    {**OUT, "services": ["ssh"], "sources": ["elsewhere"], "action": "drop", "counter": True},
    {**OUT, "services": ["ssh"], "sources": ["client"], "destinations": ["omarine"], "counter": True},
    {**OUT, "services": ["smtp"], "destinations": ["192.168.0.4"]},
    {**OUT, "services": ["smtp", "ntp"], "action": "reject", "log": True},
    {**OUT, "services": ["http"], "action": "drop", "counter": True},
    {**OUT, "services": ["ping"], "sources": ["client"], "limit": "1/hour", "counter": True},
    {**OUT, "services": "any"},
]
RULESET = ruleset(
    site_addresses={"elsewhere": ["192.168.2.64/26", "198.51.100.0/24"]},
    site_policy=POLICY,
    site_port_forwards=[],
)


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    with lab_wire(RULESET) as made:
        yield made


@pytest.mark.parametrize(
    ("service", "seen"),
    [
        pytest.param("tcp/22", "answer", id="accepted by its addresses"),
        pytest.param("tcp/25", "reset", id="tcp, refused with a reset"),
        pytest.param("udp/123", "EHOSTUNREACH", id="udp, refused by ICMP"),
        pytest.param("tcp/80", "silence", id="dropped, although any is accepted later"),
        pytest.param("udp/53", "answer", id="any"),
    ],
)
def test_the_first_match_wins(wire: Wire, service: str, seen: str) -> None:
    assert wire.client.probe("connect", service, SERVER)["seen"] == seen


def counted(wire: Wire, name: str) -> int:
    listed = json.loads(wire.firewall("nft", "-j", "list", "counter", "inet", "ftfw", name))
    packets: int = listed["nftables"][-1]["counter"]["packets"]
    return packets


def test_a_limit_on_pings_is_not_undone_by_a_later_entry(wire: Wire) -> None:
    assert wire.client.probe("echo", SERVER, 9)["received"] == 5
    # what came through is a flow, and counted once; what is over the limit has a counter of its own
    assert {name: counted(wire, name) for name in ("policy_5", "policy_5_over")} == {
        "policy_5": 1,
        "policy_5_over": 4,
    }


def test_a_counter_counts_what_its_entry_decides(wire: Wire) -> None:
    before = {name: counted(wire, name) for name in ("policy_0", "policy_1")}
    assert wire.client.probe("connect", "tcp/22", SERVER) == {"seen": "answer", "peer": OUTSIDE}
    after = {name: counted(wire, name) for name in before}
    assert after == {"policy_0": before["policy_0"], "policy_1": before["policy_1"] + 1}


def test_from_one_of_the_addresses_of_a_set_nothing_comes(wire: Wire) -> None:
    wire.client("ip", "address", "add", "192.168.2.70/24", "dev", "eth0")
    assert wire.client.probe("connect", "tcp/22", SERVER, "192.168.2.70") == {"seen": "silence"}
    assert wire.client.probe("connect", "udp/53", SERVER, "192.168.2.70")["seen"] == "answer"


def window(first: int, last: int) -> dict[str, str]:
    """From so many hours after now to so many, by the clock that nft goes by when it loads."""
    now = datetime.datetime.now().astimezone()
    ends = (now + datetime.timedelta(hours=hours) for hours in (first, last))
    return dict(zip(("from", "to"), (f"{end:%H:%M}" for end in ends)))


def test_an_entry_is_there_in_its_time_only() -> None:
    policy = [
        {**OUT, "services": ["ssh"], "time": window(-2, 2)},
        {**OUT, "services": ["smtp"], "time": window(3, 5)},
        {**OUT, "services": ["http"], "time": window(-2, 2), "action": "drop"},
        {**OUT, "services": ["http"]},
    ]
    with lab_wire(ruleset(site_policy=policy, site_port_forwards=[])) as timed:
        seen = {port: timed.client.probe("connect", f"tcp/{port}", SERVER)["seen"] for port in (22, 25, 80)}
    assert seen == {22: "answer", 25: "silence", 80: "silence"}
