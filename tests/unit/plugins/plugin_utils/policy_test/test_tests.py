# SPDX-License-Identifier: GPL-3.0-or-later
"""site_policy_tests: what it may say, and what is told of each mistake."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.read import read_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.tests import (
    VARIABLE,
    Otherwise,
    PolicyTest,
    read_policy_tests,
    written_tests,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.view import (
    check_derived,
    policy_test_view,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SITE, Problems, SiteError
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.values import Value

HostVars = dict[str, dict[str, Any]]
SSH: dict[str, Any] = {"from": "inside", "to": "outside", "service": "ssh", "expected": "accept"}


def read(lab: HostVars, *tests: object) -> tuple[tuple[PolicyTest | Otherwise, ...], list[str]]:
    problems = Problems()
    value = Value(SITE, VARIABLE, list(tests), problems)
    found = read_policy_tests(value, read_site(lab, Problems(), Problems()))
    return found.tests, problems.lines()


def cases(lab: HostVars, *tests: object) -> list[dict[str, Any]]:
    """The cases of these tests alone."""
    found, wrong = read(lab, *tests)
    assert wrong == []
    view = policy_test_view(load_site(lab), "fw-1", found)
    assert view is not None
    derived = policy_test_view(load_site(lab), "fw-1", ())
    assert derived is not None
    count = len(view["tests"]) - len(derived["tests"])
    assert view["tests"][count:] == derived["tests"]
    made: list[dict[str, Any]] = view["tests"][:count]
    return made


def test_without_the_variable_there_are_none(lab: HostVars) -> None:
    assert written_tests(load_site(lab)) == ()


def test_a_service_goes_between_hosts_that_the_site_knows(lab: HostVars) -> None:
    assert cases(lab, SSH) == [
        {
            "name": "site_policy_tests[0]: inside to outside: tcp/22 (IPv4)",
            "from": "inside",
            "to": "outside",
            "source": "192.168.2.3",
            "destination": "192.168.0.3",
            "protocol": "tcp",
            "port": 22,
            "expected": ["accept"],
        }
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"service": "dns"}, [("tcp", 53), ("udp", 53)]),
        ({"service": None, "port": "udp/53-60"}, [("udp", 53), ("udp", 60)]),
        ({"service": None, "port": "tcp/80"}, [("tcp", 80)]),
        ({"service": "ping"}, [("icmp", "echo-request")]),
        ({"service": None, "port": "icmp/timestamp-request"}, [("icmp", "timestamp-request")]),
    ],
)
def test_ports(lab: HostVars, change: dict[str, Any], expected: list[tuple[str, object]]) -> None:
    found = [(case["protocol"], case.get("port", case.get("type"))) for case in cases(lab, {**SSH, **change})]
    assert found == expected


@pytest.mark.parametrize(
    ("change", "ends"),
    [
        ({"source": "192.168.2.77"}, ("192.168.2.77", "192.168.0.3")),
        ({"source": "client", "destination": "omarine"}, ("192.168.2.3", "192.168.0.3")),
        ({"destination": "192.168.0.100"}, ("192.168.2.3", "192.168.0.100")),
        ({"to": "firewall"}, ("192.168.2.3", "192.168.2.1")),
        ({"from": "firewall"}, ("192.168.0.1", "192.168.0.3")),
        ({"from": "mgmt", "to": "firewall"}, ("10.255.0.254", "10.255.0.1")),
    ],
)
def test_ends(lab: HostVars, change: dict[str, Any], ends: tuple[str, str]) -> None:
    [case] = cases(lab, {**SSH, **change})
    assert (case["source"], case["destination"]) == ends


def test_a_name_of_its_own_and_several_expectations(lab: HostVars) -> None:
    test = {**SSH, "name": "we see ourselves", "expected": ["accept", "snat to 192.168.0.100", "no helper"]}
    [case] = cases(lab, test)
    assert case["name"] == "we see ourselves (IPv4)"
    assert case["expected"] == ["accept", "snat to 192.168.0.100", "no helper"]


def test_a_family_that_a_network_lacks_is_tested_where_addresses_name_it(lab: HostVars) -> None:
    named = {**SSH, "source": "2001:db8::3", "destination": "2001:db8::4", "expected": "drop"}
    assert [case["name"] for case in cases(lab, named)] == [
        "site_policy_tests[0]: inside to outside: tcp/22 (IPv6)"
    ]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"from": "insdie"}, "[0].from: insdie: unknown network; did you mean inside?"),
        ({"to": "firewal"}, "[0].to: firewal: unknown network; did you mean firewall?"),
        ({"service": "shs"}, "[0].service: shs: unknown service; did you mean ssh?"),
        (
            {"family": 6},
            "these networks have no such family in common; name another family, or leave it out",
        ),
        ({"service": None}, "needs either service or port; name a service, or write port: tcp/80"),
        ({"port": "tcp/22"}, "needs either service or port; name a service, or write port: tcp/80"),
        ({"service": None, "port": 80}, "[0].port: 80: is no port; write it with its protocol"),
        ({"service": None, "port": "tcp/0"}, "[0].port: tcp/0: is no port; use 1 to 65535"),
        ({"service": None, "port": "tcp/9-8"}, "[0].port: tcp/9-8: is no port; use 1 to 65535"),
        (
            {"service": None, "port": "icmp/echo-requst"},
            "[0].port: icmp/echo-requst: unknown type of ICMP; did you mean echo-request?",
        ),
        ({"expected": "acept"}, "[0].expected: acept: acept is no expectation; did you mean accept?"),
        ({"expected": ["accept", "drop"]}, "a packet has one fate; expect one of accept, drop"),
        ({"expected": "snat to outside"}, "snat to outside is no expectation"),
        ({"expected": None}, "[0].expected: (empty): is missing"),
        (
            {"source": "clinet"},
            "[0].source: clinet: is no address, and no host of the inventory; did you mean client?",
        ),
        ({"source": "192.168.2"}, "[0].source: 192.168.2: is not an IP address"),
        ({"destination": "client"}, "[0].destination: client: has no address on network outside"),
        ({"family": 5}, "[0].family: 5: is no family; write 4 or 6"),
        ({"family": 6, "source": "192.168.2.3"}, "are of different families; use one family"),
        ({"expected": "snat to 2001:db8::1", "source": "192.168.2.3"}, "are of different families"),
        ({"soruce": "client"}, "[0].soruce: client: unknown option; did you mean source?"),
        ({"from": "firewall", "to": "firewall"}, "leads from the firewall to itself"),
    ],
)
def test_mistakes(lab: HostVars, change: dict[str, Any], told: str) -> None:
    found, lines = read(lab, {**SSH, **change})
    assert found == ()
    assert len(lines) == 1, lines
    assert told in lines[0]
    assert lines[0].startswith("all: site_policy_tests")


def test_all_mistakes_are_told(lab: HostVars) -> None:
    _found, lines = read(lab, {**SSH, "from": "x"}, SSH, {**SSH, "service": "x"}, "no test")
    assert len(lines) == 3


def test_networks_of_two_pairs(changed: Callable[[dict[str, object]], HostVars]) -> None:
    lab = changed({"all:site_networks.lonely": {"prefixes": ["203.0.113.0/24"]}})
    _found, lines = read(lab, {**SSH, "to": "lonely"})
    assert lines[0].endswith("no pair has interfaces on both networks; name networks of one pair")


GRE = "inside to outside: not another protocol (IPv4)"


def test_a_derived_test_is_expected_to_be_otherwise(lab: HostVars) -> None:
    found, wrong = read(lab, {"derived": GRE, "to": "outside", "expected": ["accept", "no snat"]})
    assert wrong == []
    before, after = (
        policy_test_view(load_site(lab), "fw-1", ()),
        policy_test_view(load_site(lab), "fw-1", found),
    )
    assert before is not None and after is not None
    changed = [pair for pair in zip(before["tests"], after["tests"], strict=True) if pair[0] != pair[1]]
    assert changed == [
        (
            {
                "name": GRE,
                "from": "inside",
                "source": "192.168.2.3",
                "destination": "192.168.0.3",
                "protocol": "47",
                "expected": ["drop"],
            },
            {
                "name": f"site_policy_tests[0]: {GRE}",
                "from": "inside",
                "to": "outside",
                "source": "192.168.2.3",
                "destination": "192.168.0.3",
                "protocol": "47",
                "expected": ["accept", "no snat"],
            },
        )
    ]


@pytest.mark.parametrize(
    ("test", "told"),
    [
        ({"derived": GRE, "expected": "accept"}, "does not say where the packet comes out; name a network"),
        (
            {"derived": GRE, "expected": "acept", "to": "outside"},
            "acept is no expectation; did you mean accept?",
        ),
        ({"derived": GRE, "expected": "accept", "to": "outsid"}, "unknown network; did you mean outside?"),
        ({"derived": GRE, "expected": "drop", "from": "inside"}, "[0].from: inside: unknown option"),
        ({"derived": GRE}, "[0].expected: (empty): is missing"),
    ],
)
def test_mistakes_about_a_derived_test(lab: HostVars, test: dict[str, Any], told: str) -> None:
    found, lines = read(lab, test)
    assert found == ()
    assert len(lines) == 1, lines
    assert told in lines[0]


@pytest.mark.parametrize(
    ("name", "right"),
    [
        (GRE.replace("another", "anothr"), f"did you mean {GRE}?"),
        ("x", "playbooks/policy_test.yml prints the names of all tests"),
    ],
)
def test_a_test_that_does_not_follow(lab: HostVars, name: str, right: str) -> None:
    found, _wrong = read(lab, {"derived": name, "expected": "drop"})
    with pytest.raises(SiteError) as told:
        check_derived(load_site(lab), found)
    assert str(told.value) == (
        f"all: site_policy_tests[0].derived: {name}: no test with this name follows from the policy; {right}"
    )


def test_a_test_that_follows_for_one_firewall_is_known(lab: HostVars) -> None:
    found, _wrong = read(lab, {"derived": GRE, "expected": "drop"})
    check_derived(load_site(lab), found)
