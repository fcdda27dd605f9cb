# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventories as strangers write them: each mistake is one line, which says what would be right."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.read import read_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import Problems
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.sections.changed import errors

HostVars = dict[str, dict[str, Any]]
Change = Callable[[dict[str, object]], HostVars]
OUT = {"from": "inside", "to": "outside", "services": ["ssh"]}
FORWARD = {"to": "outside", "address": "192.168.0.100", "service": "http", "host": "client"}
INSIDE, OUTSIDE = "all:site_networks.inside", "all:site_networks.outside"
PAIR = "all:site_pairs.ftfw"
BETWEEN = "all: site_policy[0].sources[0]"


@pytest.fixture
def lab(_lab: HostVars) -> HostVars:
    """The lab with both families inside and outside."""
    found = {host: copy.deepcopy(variables) for host, variables in _lab.items()}
    networks: dict[str, Any] = {"outside": "2001:db8::", "inside": "2001:db8:2::"}
    for variables in found.values():
        for name, prefix in networks.items():
            variables["site_networks"][name]["prefixes"].append(f"{prefix}/64")
            router = variables["site_pairs"]["ftfw"]["virtual_routers"][name]
            router["addresses"].append(f"{prefix}100")
        for port in variables.get("node_interfaces", {}).values():
            if port["network"] in networks:
                own = port["addresses"][0].rpartition(".")[2]
                port["addresses"].append(f"{networks[port['network']]}{own}")
    return found


CASES: dict[str, tuple[dict[str, object], str]] = {
    "a misspelt key with a value that does not fit the right one": (
        {"all:site_port_forwards": [{"to": "outside", "services": ["http"], "host": "client"}]},
        "all: site_port_forwards[0].services: [http]: unknown option; did you mean service?",
    ),
    "a misspelt key with a value that does not fit, in a network": (
        {INSIDE: {"prefix": "192.168.2.0/24"}},
        "all: site_networks.inside.prefix: 192.168.2.0/24: unknown option; did you mean prefixes?",
    ),
    "a misspelt key with a value that does not fit, in an interface": (
        {
            "client:node_interfaces.eth0": {
                "network": "inside",
                "mac": "12:34:56:78:9a:41",
                "tap": "net19",
                "address": 5,
            }
        },
        "client: node_interfaces.eth0.address: 5: unknown option; did you mean addresses?",
    ),
    "a network for replication that has a virtual router": (
        {f"{PAIR}.sync": ["inside"]},
        "all: site_pairs.ftfw.sync: inside: has the virtual router inside: where replication goes, nothing "
        "else "
        "does; name a network of its own",
    ),
    "a prefix that no wire has": (
        {f"{INSIDE}.prefixes": ["224.0.0.0/24", "2001:db8:2::/64"]},
        "all: site_networks.inside.prefixes: 224.0.0.0/24: has multicast addresses in it; "
        "write the prefix that the hosts have",
    ),
    "a prefix that overlaps another one, without the addresses": (
        {"all:site_networks.sync.prefixes": ["192.168.2.128/25"]},
        "all: site_networks.sync.prefixes: 192.168.2.128/25: overlaps 192.168.2.0/24 of network inside; "
        "each wire needs a prefix of its own",
    ),
    "a prefix twice": (
        {f"{INSIDE}.prefixes": ["192.168.2.0/24", "2001:db8:2::/64", "2001:db8:2::/65"]},
        "all: site_networks.inside.prefixes: 2001:db8:2::/65: overlaps 2001:db8:2::/64 of the same network; "
        "leave one of them out",
    ),
    "an interface's address twice": (
        {"client:node_interfaces.eth0.addresses": ["192.168.2.3", "2001:db8:2::3", "2001:db8:2:0::3"]},
        "client: node_interfaces.eth0.addresses: 2001:db8:2::3: is named twice; name each address once",
    ),
    "a virtual router's MAC, of IPv4": (
        {"client:node_interfaces.eth0.mac": "00:00:5E:00:01:3d"},
        "client: node_interfaces.eth0.mac: 00:00:5E:00:01:3d: belongs to a virtual router (RFC 9568, "
        "section 7.3); "
        "write the card's own address",
    ),
    "a virtual router's MAC, of IPv6": (
        {"client:node_interfaces.eth0.mac": "00:00:5e:00:02:3d"},
        "client: node_interfaces.eth0.mac: 00:00:5e:00:02:3d: belongs to a virtual router (RFC 9568, "
        "section 7.3); "
        "write the card's own address",
    ),
    "a number that is none": (
        {f"{PAIR}.advert_interval": float("nan")},
        "all: site_pairs.ftfw.advert_interval: nan: is not a number; use 0.01 to 40.95 seconds, which "
        "VRRPv3 counts "
        "in hundredths (RFC 9568, section 5.2.7)",
    ),
    "any network": (
        {"all:site_policy": [{**OUT, "from": "any"}]},
        "all: site_policy[0].from: any: unknown network; no word stands for all of them: name those that "
        "you mean, "
        "of inside, mgmt, outside, sync",
    ),
    "the firewall itself": (
        {"all:site_policy": [{**OUT, "to": "firewall"}]},
        "all: site_policy[0].to: firewall: unknown network; what the firewalls themselves take is said by a "
        "fragment: "
        "{place: input, text: …}",
    ),
    "an exception": (
        {"all:site_policy": [{**OUT, "sources": ["!client"]}]},
        f"{BETWEEN}: !client: a list has no exceptions; write an entry about these addresses before this one",
    ),
    "a range of IPv4": (
        {"all:site_policy": [{**OUT, "sources": ["192.168.2.16 - 192.168.2.24"]}]},
        f"{BETWEEN}: 192.168.2.16 - 192.168.2.24: is a range, and a list has prefixes; "
        "write 192.168.2.16/29, 192.168.2.24/32",
    ),
    "a range of IPv6": (
        {"all:site_policy": [{**OUT, "sources": ["2001:db8:2::10-2001:db8:2::1f"]}]},
        f"{BETWEEN}: 2001:db8:2::10-2001:db8:2::1f: is a range, and a list has prefixes; write "
        f"2001:db8:2::10/124",
    ),
    "a port forward to a virtual address's other family": (
        {"all:site_port_forwards": [{**FORWARD, "host": "2001:db8:2::3"}]},
        "all: site_port_forwards[0].host: 2001:db8:2::3: is an address of IPv6, and 192.168.0.100 one of "
        "IPv4; "
        "write two of one family",
    ),
    "a site-wide variable of one node": (
        {"fw-2:site_reverse_path": "loose"},
        "fw-2: site_reverse_path: loose: fw-1 does not have it, and a site has one value for all; "
        "write it for the group all",
    ),
    "a name that is another thing to YAML": (
        {"all:site_networks.inside": None, "all:site_networks": {"False": {"prefixes": ["192.168.2.0/24"]}}},
        "all: site_networks.False: False: YAML takes this name for no text; write it in quotes, or choose "
        "another one",
    ),
}


@pytest.mark.parametrize(("changes", "expected"), CASES.values(), ids=CASES)
def test_one_mistake_is_one_line(changed: Change, changes: dict[str, object], expected: str) -> None:
    assert errors(changed(changes)) == [expected]


def test_a_networks_name_that_is_none_is_told_where_it_is_declared(lab: HostVars) -> None:
    for variables in lab.values():
        networks, pair = variables["site_networks"], variables["site_pairs"]["ftfw"]
        networks["büro"] = networks.pop("inside")
        pair["virtual_routers"]["büro"] = pair["virtual_routers"].pop("inside")
        variables["site_policy"] = [{"from": "büro", "to": "outside", "services": ["ssh"]}]
        for port in variables.get("node_interfaces", variables.get("hypervisor_bridges")).values():
            port["network"] = port["network"].replace("inside", "büro")
    assert [line.split(": ")[1] for line in errors(lab)] == ["site_networks.büro"]


def test_a_node_is_not_called_as_the_controller_is(lab: HostVars) -> None:
    lab["localhost"] = lab.pop("fw-2")
    for variables in lab.values():
        variables["site_pairs"]["ftfw"]["nodes"] = ["fw-1", "localhost"]
    assert errors(lab) == [
        "localhost: inventory_hostname: localhost: is the controller, where plays of their own run, "
        "and cannot be a node; choose another name"
    ]


def test_a_hypervisor_may_be_the_controller(lab: HostVars) -> None:
    lab["localhost"] = lab.pop("omarine")
    for variables in lab.values():
        variables.pop("site_probes", None)
        if "guest" in variables:
            variables["guest"]["hypervisor"] = "localhost"
    load_site(lab)


@pytest.mark.parametrize("word", [True, 5, {"accept": True}])
def test_what_is_expected_of_a_test_is_a_word(lab: HostVars, word: object) -> None:
    problems = Problems()
    for variables in lab.values():
        variables["site_policy_tests"] = [
            {"from": "inside", "to": "outside", "service": "ssh", "expected": word}
        ]
    read_site(lab, problems, Problems())
    (line,) = problems.lines()
    assert line.endswith(": is no expectation; write accept, drop or reject")


@pytest.mark.parametrize(
    ("own", "wrong"),
    [
        pytest.param(
            None,
            "fw-2 has the gateways 192.168.0.9 and 2001:db8::9 on network outside, and this node has none, "
            "so that "
            "after a takeover nothing leads there; write gateway: [192.168.0.9, 2001:db8::9]",
            id="of both families",
        ),
        pytest.param(
            "192.168.0.9",
            "fw-2 has the gateway 2001:db8::9 on network outside, and this node has none of IPv6, so that "
            "after a "
            "takeover nothing leads there; write gateway: [192.168.0.9, 2001:db8::9]",
            id="of IPv6",
        ),
        pytest.param(
            "2001:db8::9",
            "fw-2 has the gateway 192.168.0.9 on network outside, and this node has none of IPv4, so that "
            "after a "
            "takeover nothing leads there; write gateway: [2001:db8::9, 192.168.0.9]",
            id="of IPv4",
        ),
    ],
)
def test_a_gateway_that_one_node_lacks_is_one_line(lab: HostVars, own: str | None, wrong: str) -> None:
    lab["fw-2"]["node_interfaces"]["eth0"]["gateway"] = ["192.168.0.9", "2001:db8::9"]
    if own:
        lab["fw-1"]["node_interfaces"]["eth0"]["gateway"] = own
    assert errors(lab) == [f"fw-1: node_interfaces.eth0.gateway: (empty): {wrong}"]


def test_a_gateway_where_none_may_be_is_not_told_as_a_second_one_too(lab: HostVars) -> None:
    for node in ("fw-1", "fw-2"):
        lab[node]["node_interfaces"]["eth0"]["gateway"] = "192.168.0.9"
    lab["fw-1"]["node_interfaces"]["mgmt0"]["gateway"] = "10.255.0.254"
    lab["fw-2"]["node_interfaces"]["eth2"]["gateway"] = "192.168.100.9"
    assert [line.partition(": ")[2] for line in errors(lab)] == [
        "node_interfaces.mgmt0.gateway: 10.255.0.254: a management network is not routed; leave the gateway "
        "out",
        "node_interfaces.eth2.gateway: 192.168.100.9: a network for replication is not routed; leave the "
        "gateway out",
    ]


def test_nothing_wrong_is_ever_told_by_no_line(lab: HostVars) -> None:
    """A misspelt key hides what is wrong with its value, but not itself."""
    for key, meant in (("site_policy", OUT), ("site_port_forwards", FORWARD)):
        for name in meant:
            # an address of another kind is one more mistake
            for value in () if name == "address" else (True, [], {"a": 1}):
                hostvars = {host: copy.deepcopy(variables) for host, variables in lab.items()}
                entry = {(f"{one}s" if one == name else one): what for one, what in meant.items()}
                for variables in hostvars.values():
                    variables[key] = [{**entry, f"{name}s": value}]
                assert len(errors(hostvars)) == 1, (key, name, value)


@pytest.mark.parametrize(
    ("host", "place", "network", "key"),
    [
        ("client", "node_interfaces", "inside", "client"),
        ("omarine", "hypervisor_bridges", "outside", "server"),
    ],
)
@pytest.mark.parametrize("family", [4, 6])
def test_a_family_that_the_drill_would_not_measure(
    lab: HostVars, host: str, place: str, network: str, key: str, family: int
) -> None:
    hosts = lab["omarine"]["hypervisor_bridges"]["br0"]["addresses"]
    hosts.append("2001:db8::3/64")
    assert load_site(lab).warnings == ()
    (port,) = (one for one in lab[host][place].values() if one["network"] == network)
    port["addresses"] = [one for one in port["addresses"] if (":" in one) == (family == 4)]
    assert [line for line in load_site(lab).warnings if "drill" in line] == [
        f"all: site_probes.{key}: {host}: has no IPv{family} address on network {network}, so that the drill "
        "measures none of it; give it one, or name a host that has one"
    ]
