# SPDX-License-Identifier: GPL-3.0-or-later
"""Each server's share of a thousand requests, and what 64 servers cost beside two and a port forward."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from ansible_collections.ftfw.pair.tests.integration.balance.net import VIRTUAL, Net, net, site

MANY = {f"srv-{n}": f"192.168.2.{n}" for n in range(101, 165)}
RATIO = 1.5
"""Of times of the same run: the rules of many servers are as many as those of two."""


def with_servers(servers: list[Any], **changes: Any) -> dict[str, dict[str, Any]]:
    hostvars = site()
    for variables in hostvars.values():
        web = variables["site_balancers"]["web-4"]
        variables["site_balancers"] = {
            "web-4": {**web, "servers": servers, "quorum": 1, "sorry": None, **changes}
        }
    return hostvars


def forwarded() -> dict[str, dict[str, Any]]:
    hostvars = site()
    for variables in hostvars.values():
        variables["site_balancers"] = {}
        variables["site_port_forwards"] = [
            {"to": "outside", "address": VIRTUAL[4], "service": "http", "host": "192.168.2.4"}
        ]
    return hostvars


@pytest.mark.parametrize(
    ("servers", "shares", "changes"),
    [
        (["192.168.2.4", "192.168.2.5"], {"srv-1": 1, "srv-2": 1}, {}),
        (["192.168.2.4", {"host": "192.168.2.5", "weight": 3}], {"srv-1": 1, "srv-2": 3}, {}),
        # one of many that is taken for dead for a moment, as on a busy machine, leaves its turn to others
        ([*MANY.values()], dict.fromkeys(MANY, 1), {"check": "none"}),
    ],
    ids=["two", "weights", "64"],
)
def test_shares_are_as_the_weights_say(
    agent: Path, tmp_path: Path, servers: list[Any], shares: dict[str, int], changes: dict[str, Any]
) -> None:
    """Within a twentieth: numgen counts for each rule, and not for each processor."""
    more = MANY if len(servers) > 2 else None
    with net(tmp_path, agent, with_servers(servers, **changes), more=more) as lab:
        times = 1024
        _seconds, found = lab.count(VIRTUAL[4], times)
    assert sum(found.values()) == times and set(found) == set(shares)
    for name, share in shares.items():
        wanted = times * share / sum(shares.values())
        assert abs(found[name] - wanted) <= max(wanted / 20, 1), found


def test_many_servers_cost_as_little_as_two_or_a_port_forward(agent: Path, tmp_path: Path) -> None:
    rounds, times = 5, 200
    sites: dict[str, Callable[[], dict[str, dict[str, Any]]]] = {
        "forward": forwarded,
        "two": lambda: with_servers(["192.168.2.4", "192.168.2.5"]),
        "64": lambda: with_servers([*MANY.values()]),
    }
    seconds: dict[str, list[float]] = {name: [] for name in sites}
    with net(tmp_path, agent, sites["forward"](), more=MANY) as lab:
        rules: dict[str, Net] = {name: lab.of(hostvars()) for name, hostvars in sites.items()}
        for _round in range(rounds):
            for name, other in rules.items():
                other.load("table inet ftfw\ndelete table inet ftfw\n")
                seconds[name].append(lab.count(VIRTUAL[4], times)[0])
    found = {name: median(of) for name, of in seconds.items()}
    assert found["two"] < RATIO * found["forward"], found
    assert found["64"] < RATIO * found["two"], found
