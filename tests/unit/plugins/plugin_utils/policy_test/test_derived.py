# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that follow from a policy: each entry has some that hit it and some that miss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check.spec import read
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.view import policy_test_view

HostVars = dict[str, dict[str, Any]]
Change = Callable[[dict[str, object]], HostVars]
FORWARD = {"to": "outside", "service": "http", "host": "client"}


def view(hostvars: HostVars, host: str = "fw-1") -> dict[str, Any]:
    found = policy_test_view(load_site(hostvars), host, ())
    assert found is not None
    return found


def named(hostvars: HostVars, part: str) -> dict[str, list[str]]:
    """Names of tests that have this part, with what they expect."""
    return {test["name"]: test["expected"] for test in view(hostvars)["tests"] if part in test["name"]}


@pytest.fixture
def dual(changed: Change) -> HostVars:
    """The lab with IPv6 on both data networks."""
    return changed(
        {
            "all:site_networks.outside.prefixes": ["192.168.0.0/24", "2001:db8::/64"],
            "all:site_networks.inside.prefixes": ["192.168.2.0/24", "2001:db8:2::/64"],
            "all:site_pairs.ftfw.virtual_routers.outside.addresses": ["192.168.0.100", "2001:db8::100"],
            "all:site_pairs.ftfw.virtual_routers.inside.addresses": ["192.168.2.100", "2001:db8:2::100"],
            "fw-1:node_interfaces.eth0.addresses": ["192.168.0.1", "2001:db8::1"],
            "fw-1:node_interfaces.eth1.addresses": ["192.168.2.1", "2001:db8:2::1"],
            "fw-2:node_interfaces.eth0.addresses": ["192.168.0.2", "2001:db8::2"],
            "fw-2:node_interfaces.eth1.addresses": ["192.168.2.2", "2001:db8:2::2"],
        }
    )


def test_a_host_that_is_no_firewall_has_none(lab: HostVars) -> None:
    assert policy_test_view(load_site(lab), "client", ()) is None


@pytest.mark.parametrize("host", ["fw-1", "fw-2"])
def test_the_module_takes_them_and_no_two_have_one_name(lab: HostVars, host: str) -> None:
    found = view(lab, host)
    _wires, probes = read(found["interfaces"], found["tests"])
    assert len({probe.name for probe in probes}) == len(probes) > 200


def test_devices_have_their_addresses_and_a_prefix_of_the_family_that_is_lacking(lab: HostVars) -> None:
    [outside] = [one for one in view(lab)["interfaces"] if one["name"] == "eth0"]
    assert outside == {
        "name": "eth0",
        "network": "outside",
        "prefixes": ["192.168.0.0/24", "2001:db8:ffff::/64"],
        "addresses": [
            "192.168.0.1/24",
            "fe80::1034:56ff:fe78:9a01/64",
            "192.168.0.100/32",
            "2001:db8:ffff::1/64",
        ],
    }


def test_hits_and_misses_of_a_service(lab: HostVars) -> None:
    snat = "snat to 192.168.0.100"
    assert {
        name.removesuffix(" (IPv4)"): expected
        for name, expected in named(lab, "tcp/22").items()
        if "site_policy" in name
    } == {
        "site_policy[0]: inside to outside: ssh, tcp/22": ["accept", snat, "no helper"],
        "site_policy[0]: inside to outside: tcp/22 not the other way": ["drop"],
        "site_policy[0]: inside to outside: tcp/22 not within inside": ["drop"],
        "site_policy[0]: inside to outside: tcp/22 not within outside": ["drop"],
    }
    assert named(lab, "not udp/22") == {"site_policy[0]: inside to outside: ssh: not udp/22 (IPv4)": ["drop"]}
    assert named(lab, "not tcp/23") == {"site_policy[0]: inside to outside: ssh: not tcp/23 (IPv4)": ["drop"]}


def test_a_reply_is_spoofed_only_for_whom_may_open_the_flow(changed: Change) -> None:
    mail = {"from": "inside", "to": "outside", "services": ["smtp"]}
    anybody = named(changed({"all:site_policy": [mail], "all:site_probes": None}), "tcp: no reply to")
    assert anybody and set(map(str, anybody.values())) == {"['drop']"}
    listed = [{**mail, "sources": ["192.168.2.3"]}, {**mail, "action": "reject"}]
    assert named(changed({"all:site_policy": listed}), "tcp: no reply to") == {}


def test_helper_and_limit(lab: HostVars) -> None:
    assert "helper ftp" in named(lab, "ftp, tcp/21")["site_policy[1]: inside to outside: ftp, tcp/21 (IPv4)"]
    assert named(lab, "at most 1/second") == {
        "site_policy[2]: inside to outside: at most 1/second, echo-request (IPv4)": ["limited"]
    }


def test_no_helper_is_expected_in_a_family_that_it_is_not_for(dual: HostVars) -> None:
    for variables in dual.values():
        variables["site_policy"] = [{"from": "inside", "to": "outside", "services": ["pptp", "tftp"]}]
        variables["site_port_forwards"] = [
            {"to": "outside", "service": "irc", "host": host, "address": address}
            for host, address in (("client", "192.168.0.100"), ("2001:db8:2::3", "2001:db8::100"))
        ]
    name = "site_policy[0]: inside to outside"
    places = (", tcp/1723 (", ", udp/69 (", ", tcp/6667 (")
    found = {key: words[-1] for place in places for key, words in named(dual, place).items()}
    assert found == {
        f"{name}: pptp, tcp/1723 (IPv4)": "helper pptp",
        f"{name}: pptp, tcp/1723 (IPv6)": "no helper",
        f"{name}: tftp, udp/69 (IPv4)": "helper tftp",
        f"{name}: tftp, udp/69 (IPv6)": "helper tftp",
        "site_port_forwards[0]: irc, tcp/6667 (IPv4)": "helper irc",
        "site_port_forwards[1]: irc, tcp/6667 (IPv6)": "no helper",
    }


def test_a_miss_is_no_hit_of_another_entry(changed: Change) -> None:
    lab = changed(
        {
            "all:site_services": {"next": {"tcp": ["23-30"], "udp": [22]}},
            "all:site_policy": [
                {"from": "inside", "to": "outside", "services": ["ssh", "next"]},
                {"from": "outside", "to": "inside", "services": ["ssh"]},
            ],
        }
    )
    assert list(named(lab, "ssh: not")) == ["site_policy[0]: inside to outside: ssh: not tcp/31 (IPv4)"]
    assert not named(lab, "tcp/22 not the other way")
    assert "site_policy[0]: inside to outside: next, tcp/30 (IPv4)" in named(lab, "next, tcp")


def test_port_forwards(changed: Change) -> None:
    lab = changed({"all:site_port_forwards": [FORWARD]})
    # that nothing goes around the virtual address is already a miss of the entry that lets http out
    name = "site_port_forwards[0]: http, tcp/80"
    found = {key.removesuffix(" (IPv4)"): expected for key, expected in named(lab, name).items()}
    assert found == {
        name: ["accept", "dnat to 192.168.2.3", "no snat", "no helper"],
        f"{name}: not tcp/81": ["drop"],
        f"{name}: not udp": ["drop"],
        f"{name}: no flow begins with ack": ["drop"],
        f"{name}: not at another address": ["drop"],
        f"{name}: not from inside": ["drop"],
    }


def test_port_forwards_of_one_port_are_each_for_their_own(changed: Change) -> None:
    """Whoever is just beside one's sources may be among the other's, and is then no miss."""
    near, far = ["192.168.0.16/29"], ["192.168.0.24/29"]
    lab = changed(
        {
            "all:site_port_forwards": [
                {**FORWARD, "sources": near},
                {**FORWARD, "host": "192.168.2.9", "sources": far},
            ]
        }
    )
    found = named(lab, "http, tcp/80")
    expected = {
        f"site_port_forwards[{number}]: http, tcp/80 from {sender} (IPv4)": f"dnat to {host}"
        for number, host, senders in (
            (0, "192.168.2.3", ("192.168.0.16", "192.168.0.23")),
            (1, "192.168.2.9", ("192.168.0.24", "192.168.0.31")),
        )
        for sender in senders
    }
    assert {name: found[name][1] for name in expected} == expected
    missed = {name.split(" not from ")[1].removesuffix(" (IPv4)") for name in found if " not from " in name}
    assert {"192.168.0.15", "192.168.0.32", "inside"} <= missed
    assert not missed & {"192.168.0.16", "192.168.0.23", "192.168.0.24", "192.168.0.31"}


def test_a_port_forward_opens_nothing_that_entries_let_through(changed: Change) -> None:
    usual = {"all:site_port_forwards": [FORWARD], "all:site_probes": None}
    back = {"from": "outside", "to": "inside"}
    elsewhere = {**back, "services": ["ssh"], "destinations": ["192.168.2.7"]}
    assert not named(changed({**usual, "all:site_policy": [elsewhere]}), "which is open to inside")
    lab = changed({"all:site_policy": [{**back, "services": ["http", "smtp"]}]})
    assert named(lab, "which is open to inside") == {
        "site_port_forwards[0]: http, tcp/80: not tcp/25, which is open to inside (IPv4)": ["drop"]
    }


def test_both_families_where_both_networks_have_them(dual: HostVars) -> None:
    name = "site_policy[0]: inside to outside: ssh, tcp/22"
    assert named(dual, "ssh, tcp/22") == {
        f"{name} (IPv4)": ["accept", "snat to 192.168.0.100", "no helper"],
        f"{name} (IPv6)": ["accept", "snat to 2001:db8::100", "no helper"],
    }
    assert not named(dual, "a family that they don't both have")


OUT = {"from": "inside", "to": "outside"}
NAME = "site_policy[0]: inside to outside"


def short(found: dict[str, list[str]]) -> dict[str, str]:
    return {name.removesuffix(" (IPv4)"): expected[0] for name, expected in found.items()}


@pytest.mark.parametrize("action", ["drop", "reject"])
def test_an_entry_that_refuses_comes_before_one_that_accepts(changed: Change, action: str) -> None:
    refusing = {**OUT, "services": ["ssh"], "action": action}
    lab = changed({"all:site_policy": [refusing, {**OUT, "services": ["ssh", "http"]}]})
    assert short(named(lab, "ssh, tcp/22")) == {f"{NAME}: ssh, tcp/22": action}
    assert short(named(lab, "outside: http, tcp/80")) == {
        "site_policy[1]: inside to outside: http, tcp/80": "accept"
    }


def test_addresses_inside_and_outside_of_a_list(changed: Change) -> None:
    lab = changed(
        {
            "all:site_addresses": {"few": ["192.168.2.64/28", "198.51.100.8/31"]},
            "all:site_policy": [{**OUT, "services": ["ssh"], "sources": ["few"]}],
            "fw-1:node_interfaces.eth1.gateway": "192.168.2.254",
            "fw-2:node_interfaces.eth1.gateway": "192.168.2.254",
        }
    )
    found = {name: " ".join(expected[:2]) for name, expected in named(lab, "ssh, tcp/22").items()}
    assert {name.removeprefix(NAME): seen for name, seen in found.items()} == {
        ": ssh, tcp/22 from 192.168.2.64 (IPv4)": "accept snat to 192.168.0.100",
        ": ssh, tcp/22 from 198.51.100.8 (IPv4)": "accept no snat",
        ": ssh, tcp/22 from 198.51.100.9 (IPv4)": "accept no snat",
        ": ssh, tcp/22 not from 192.168.2.63 (IPv4)": "drop",
        ": ssh, tcp/22 not from 198.51.100.10 (IPv4)": "drop",
    }
    [inside] = [one for one in view(lab)["interfaces"] if one["network"] == "inside"]
    assert inside["prefixes"][-1] == "0.0.0.0/0"


def test_what_the_firewall_has_no_way_to_is_in_no_test(changed: Change) -> None:
    """Behind a network is only what a gateway leads to: a test with a way of its own would be a lie."""
    lab = changed({"all:site_policy": [{**OUT, "services": ["ssh"], "destinations": ["198.51.100.8"]}]})
    assert not [test for test in view(lab)["tests"] if "198.51.100.8" in test.values()]
    assert not [one for each in view(lab)["interfaces"] for one in each["prefixes"] if "198.51.100" in one]
    assert not [one for each in view(lab)["interfaces"] for one in each["prefixes"] if one.endswith("/0")]


@pytest.mark.parametrize(
    ("network", "prefix", "device"),
    [
        ("inside", "192.168.3.0/24", "eth1"),
        ("inside", "2001:db8:2::/64", "eth1"),
        ("sync", "fd00::/64", "eth2"),
    ],
)
def test_a_prefix_without_the_node_is_no_route(
    changed: Change, network: str, prefix: str, device: str
) -> None:
    lab = changed({})
    for variables in lab.values():
        variables["site_networks"][network]["prefixes"].append(prefix)
    [found] = [one for one in view(lab)["interfaces"] if one["name"] == device]
    assert prefix not in found["prefixes"]
    start = prefix.partition("/")[0].rstrip("0")
    assert not [one for one in found["addresses"] if one.startswith(start)]
    about = [test for test in view(lab)["tests"] if test["destination"].startswith(start)]
    assert not [test for test in about if test.get("to") == "firewall" and test["expected"][0] == "accept"]


def test_any_service(changed: Change) -> None:
    lab = changed({"all:site_policy": [{**OUT, "services": "any"}]})
    assert short(named(lab, f"{NAME}: any, p")) == {f"{NAME}: any, protocol 47": "accept"}
    assert set(short(named(lab, "no flow begins with")).values()) == {"drop"}
    assert not named(lab, "not another protocol")


def test_a_time_is_tested_at_its_edges(changed: Change) -> None:
    window = {"days": ["friday", "saturday"], "from": "22:00", "to": "06:00"}
    lab = changed({"all:site_policy": [{**OUT, "services": ["rdp"], "time": window}]})
    assert short(named(lab, f"{NAME}: rdp, tcp/3389, on ")) == {
        f"{NAME}: rdp, tcp/3389, on {moment}": verdict
        for moment, verdict in (
            ("friday 22:00", "accept"),
            ("saturday 22:00", "accept"),
            ("saturday 05:59", "accept"),
            ("sunday 05:59", "accept"),
            # where nft needs a rule of its own, as good as any
            ("saturday 00:00", "accept"),
            ("friday 21:59", "drop"),
            ("sunday 06:00", "drop"),
            ("monday 22:00", "drop"),
            ("tuesday 05:59", "drop"),
        )
    }


def test_the_same_service_at_other_times_is_decided_by_the_next_entry(changed: Change) -> None:
    window = {"days": ["monday"], "from": "08:00", "to": "17:00"}
    entries = [
        {**OUT, "services": ["rdp"], "time": window},
        {**OUT, "services": ["rdp"], "action": "reject"},
    ]
    lab = changed({"all:site_policy": entries})
    found = short(named(lab, "rdp, tcp/3389"))
    assert found[f"{NAME}: rdp, tcp/3389, on monday 16:59"] == "accept"
    assert found[f"{NAME}: rdp, tcp/3389, by site_policy[1], on monday 17:00"] == "reject"
    # what says nothing of the time is sent on Monday at noon
    assert found["site_policy[1]: inside to outside: rdp, tcp/3389, by site_policy[0]"] == "accept"


def test_without_times_nothing_is_said_of_the_clock(lab: HostVars) -> None:
    assert not any("at" in each for each in view(lab)["tests"])


def test_neighbours_ask_a_virtual_address(dual: HostVars) -> None:
    assert named(dual, "nd-neighbor-solicit to 2001:db8::100") == {
        "outside: nd-neighbor-solicit to 2001:db8::100 (IPv6)": ["accept"]
    }


def test_a_family_that_they_lack_is_dropped(lab: HostVars) -> None:
    found = named(lab, "a family that they don't both have")
    assert found
    assert all(expected == ["drop"] for expected in found.values())


def test_without_source_nat_addresses_stay(changed: Change) -> None:
    lab = changed({"all:site_source_nat": "none"})
    assert named(lab, "ssh, tcp/22") == {
        "site_policy[0]: inside to outside: ssh, tcp/22 (IPv4)": ["accept", "no snat", "no helper"]
    }


def test_the_gate_is_opened_first_and_tested_shut(changed: Change) -> None:
    lab = changed({"all:site_pairs.ftfw.replication": "external"})
    tests = view(lab)["tests"]
    shut = [test for test in tests if "while the gate is shut" in test["name"]]
    assert len(shut) >= 5
    assert all("setup" not in test for test in shut)
    opened = [test for test in tests if test not in shut]
    assert all(test["setup"][0] == "flush set inet ftfw gate" for test in opened)


@pytest.mark.parametrize("backwards", [False, True])
def test_the_next_closed_port_is_beyond_all_neighbours(changed: Change, backwards: bool) -> None:
    ports = [10000, 10001, 10002, 10004, 65534, 65535]
    names = {f"s{port}": {"tcp": [port]} for port in (reversed(ports) if backwards else ports)}
    policy = [{"from": "inside", "to": "outside", "services": list(names)}]
    found = named(changed({"all:site_services": names, "all:site_policy": policy}), "site_policy[0]")
    beside = {int(name.partition("not tcp/")[2].split()[0]) for name in found if "not tcp/" in name}
    assert beside == {10003, 10005, 65533}, sorted(found)
