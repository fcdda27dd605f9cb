# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole sites against expectations that are written by hand."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.tests import written_tests
from ansible_collections.ftfw.pair.tests.integration.policy_check.sites import (
    AGENTS,
    BACK,
    DUAL_HAIRPINS,
    HELPERS_OF_IPV4,
    OUT,
    SITES,
    VIRTUAL,
    HostVars,
    built,
    checked,
    dual_served,
    failed,
    three,
    with_site,
)

WEB = {"service": "http", "destination": "192.168.0.100"}
IN_DMZ = {"service": "http", "destination": "192.168.3.80"}
BY_HAND: list[dict[str, Any]] = [
    {"from": "inside", "to": "outside", "service": "ssh", "expected": ["accept", "snat to 192.168.0.100"]},
    {"from": "inside", "to": "dmz", "service": "ssh", "expected": ["accept", "no snat"]},
    {"from": "inside", "to": "dmz", "service": "ftp", "expected": ["accept", "helper ftp"]},
    {"from": "inside", "to": "dmz", **WEB, "expected": "drop", "name": "another network's hairpin"},
    {"from": "inside", "to": "dmz", **IN_DMZ, "expected": "drop"},
    {"from": "dmz", "to": "outside", "service": "ntp", "expected": ["accept", "snat to 192.168.0.100"]},
    {"from": "dmz", "to": "inside", "service": "ssh", "expected": "drop"},
    {"from": "outside", "to": "dmz", **WEB, "expected": ["accept", "dnat to 192.168.3.80", "no snat"]},
    {
        **{"from": "dmz", "to": "dmz", "source": "192.168.3.9", **WEB},
        "expected": ["accept", "dnat to 192.168.3.80", "snat to 192.168.3.100"],
    },
    {"from": "outside", "to": "dmz", **IN_DMZ, "source": "192.168.0.8", "expected": "drop"},
    {"from": "outside", "to": "dmz", **IN_DMZ, "source": "192.168.0.9", "expected": ["accept", "no snat"]},
    {
        **{"from": "outside", "to": "inside", "service": "ssh", "destination": "192.168.0.100"},
        "expected": ["accept", "dnat to 192.168.2.3", "no snat"],
    },
]


AT_THE_PUBLIC = {**BACK, "destination": VIRTUAL[0]}
AT_THE_SIXTH = {**BACK, "destination": VIRTUAL[1]}
TO_CLIENT = ["accept", "dnat to 192.168.2.3", "no snat"]
TO_ANOTHER = ["accept", "dnat to 192.168.2.9", "no snat"]
TO_ANOTHER_SIX = ["accept", "dnat to 2001:db8:2::9", "no snat"]
AT_NIGHT, BY_DAY = "sunday 05:59", "saturday 12:00"
ASKED_BY_HAND: list[dict[str, Any]] = [
    {**AT_THE_PUBLIC, "service": "game", "source": "192.168.0.4", "at": AT_NIGHT, "expected": "reject"},
    {**AT_THE_PUBLIC, "service": "game", "source": "192.168.0.5", "at": AT_NIGHT, "expected": TO_CLIENT},
    {**AT_THE_PUBLIC, "service": "game", "source": "192.168.0.5", "at": BY_DAY, "expected": "drop"},
    {**AT_THE_PUBLIC, "service": "http", "source": "192.168.0.9", "expected": TO_CLIENT},
    {**AT_THE_PUBLIC, "service": "http", "source": "192.168.0.8", "expected": "drop"},
    {**AT_THE_SIXTH, "service": "http", "source": "2001:db8::9", "expected": ["accept", "no snat"]},
    {**AT_THE_SIXTH, "service": "http", "source": "2001:db8::8", "expected": "drop"},
    {**AT_THE_SIXTH, "port": "tcp/21", "expected": ["accept", "helper ftp"]},
    {**BACK, "service": "http", "destination": "192.168.2.3", "source": "192.168.0.9", "expected": "drop"},
    {**BACK, "service": "ssh", "destination": "192.168.2.3", "expected": ["accept", "no dnat"]},
]
FRIEND = ["192.168.0.6"]
AT_DMZ = {"from": "outside", "to": "dmz", "service": "http", "destination": "192.168.0.100"}
INSIDE_FIRST: list[dict[str, Any]] = [
    {
        "from": "outside",
        "to": "dmz",
        "services": ["http"],
        "destinations": ["192.168.3.80"],
        "sources": FRIEND,
    },
    {"from": "outside", "to": "dmz", "services": "any", "destinations": ["192.168.0.100"], "action": "drop"},
]
FIRST_BY_HAND: list[dict[str, Any]] = [
    {**AT_DMZ, "source": FRIEND[0], "expected": ["accept", "dnat to 192.168.3.80"]},
    {**AT_DMZ, "source": "192.168.0.7", "expected": "drop"},
    {**AT_DMZ, "to": "inside", "service": "ssh", "source": "192.168.0.7", "expected": ["accept", "no snat"]},
]
FOR_SOME_BY_HAND: list[dict[str, Any]] = [
    {**AT_THE_PUBLIC, "service": "http", "source": "192.168.0.4", "expected": TO_CLIENT},
    {**AT_THE_PUBLIC, "service": "http", "source": "192.168.0.127", "expected": TO_CLIENT},
    {**AT_THE_PUBLIC, "service": "http", "source": "192.168.0.128", "expected": TO_ANOTHER},
    {**AT_THE_PUBLIC, "service": "http", "source": "192.168.0.191", "expected": TO_ANOTHER},
    {**AT_THE_PUBLIC, "service": "http", "source": "192.168.0.192", "expected": "drop"},
    {**AT_THE_SIXTH, "service": "http", "source": "2001:db8::4", "expected": ["accept", "no snat"]},
    {**AT_THE_SIXTH, "service": "http", "source": "2001:db8:0:0:41::1", "expected": TO_ANOTHER_SIX},
    {**AT_THE_SIXTH, "service": "http", "source": "2001:db8::5", "expected": "drop"},
]
SIX = {"family": 6}
TO_SIX = {"destination": "2001:db8::100", **SIX}
IN_IPV6: list[dict[str, Any]] = [
    {**OUT, "service": "pptp", "family": 4, "expected": ["accept", "helper pptp"]},
    {**OUT, "service": "pptp", **SIX, "expected": ["accept", "snat to 2001:db8::100", "no helper"]},
    {**OUT, "service": "irc", **SIX, "expected": ["accept", "no helper"]},
    {**OUT, "service": "tftp", **SIX, "expected": ["accept", "helper tftp"]},
    {**BACK, "service": "http", **TO_SIX, "expected": ["accept", "dnat to 2001:db8:2::3", "no snat"]},
    {**BACK, "service": "ftp", **TO_SIX, "expected": ["accept", "dnat to 2001:db8:2::3", "helper ftp"]},
    {
        **{"from": "inside", "to": "inside", "source": "2001:db8:2::9", "service": "http", **TO_SIX},
        "expected": ["accept", "dnat to 2001:db8:2::3", "snat to 2001:db8:2::100"],
    },
    {**BACK, "service": "smtp", **TO_SIX, "expected": "drop"},
    {**BACK, "service": "http", "destination": "2001:db8:2::3", **SIX, "expected": "drop"},
]


@pytest.mark.parametrize(
    ("hostvars", "by_hand"),
    [
        pytest.param(SITES["what was asked for"](), ASKED_BY_HAND, id="what was asked for"),
        pytest.param(three(site_policy=INSIDE_FIRST), FIRST_BY_HAND, id="hosts before the virtual address"),
        pytest.param(SITES["port forwards for some"](), FOR_SOME_BY_HAND, id="port forwards for some"),
        pytest.param(three(site_source_nat={"outside": "virtual_address"}), BY_HAND, id="three networks"),
        pytest.param(
            dual_served(
                site_policy=HELPERS_OF_IPV4[1:], site_services=AGENTS, site_port_forwards=DUAL_HAIRPINS
            ),
            IN_IPV6,
            id="both families",
        ),
    ],
)
def test_a_site_does_what_is_written_by_hand(hostvars: HostVars, by_hand: list[dict[str, Any]]) -> None:
    """Nothing of these expectations comes from the code that compiles the rules, or derives tests."""
    for variables in hostvars.values():
        variables["site_policy_tests"] = by_hand
    site = built(hostvars)
    rows = checked(site, tests=written_tests(site), first=len(by_hand))
    assert len(rows) == len(by_hand)
    assert failed(rows) == []


def test_the_tests_of_a_site_come_first() -> None:
    hostvars = with_site(
        site_policy_tests=[
            {
                "from": "inside",
                "to": "outside",
                "service": "ssh",
                "expected": ["accept", "snat to 192.168.0.100"],
            },
            {"from": "inside", "to": "outside", "port": "tcp/25", "expected": "accept", "name": "wrong"},
        ]
    )
    site = built(hostvars)
    rows = checked(site, tests=written_tests(site))
    assert failed(rows) == ["wrong (IPv4)"]
    assert rows[1]["seen"] == "drop"


ON_A_NIGHT = {"at": "saturday 23:00"}
AT_TIMES: list[dict[str, Any]] = [
    {**OUT, "port": "tcp/22", "family": 4, "at": "monday 17:29", "expected": "accept"},
    {**OUT, "port": "tcp/22", "family": 4, "at": "monday 17:30", "expected": "drop"},
    {**OUT, "port": "tcp/22", "family": 4, "at": "tuesday 09:00", "expected": "drop"},
    {**OUT, "port": "tcp/22", "family": 6, "at": "tuesday 03:59", "expected": "reject"},
    {**OUT, "port": "tcp/80", **ON_A_NIGHT, "family": 4, "expected": "drop"},
    {**OUT, "port": "tcp/80", "at": "sunday 06:00", "family": 4, "expected": "accept"},
    {**BACK, "port": "udp/9", **ON_A_NIGHT, "family": 6, "expected": "accept"},
    {**BACK, "port": "udp/9", "at": "sunday 23:00", "family": 6, "expected": "drop"},
]


def test_helpers_do_what_is_written_by_hand() -> None:
    ends = {"from": "dmz", "to": "outside", "service": "ftp"}
    by_hand: list[dict[str, Any]] = [
        {"from": "inside", "to": "dmz", "service": "ftp", "expected": ["accept", "helper ftp"]},
        {**OUT, "port": "tcp/21", "expected": ["accept", "no helper"]},
        {**ends, "expected": ["accept", "helper ftp"]},
        {**ends, "destination": "192.168.0.9", "expected": ["accept", "no helper"]},
    ]
    test_a_site_does_what_is_written_by_hand(SITES["a helper on one way"](), by_hand)


def test_times_do_what_is_written_by_hand() -> None:
    hostvars = SITES["times"]()
    test_a_site_does_what_is_written_by_hand(hostvars, AT_TIMES)
