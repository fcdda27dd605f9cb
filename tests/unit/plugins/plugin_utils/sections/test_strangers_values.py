# SPDX-License-Identifier: GPL-3.0-or-later
"""Values as strangers have written them: each can be read, and none can be meant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SiteError

Change = Callable[[dict[str, object]], dict[str, dict[str, Any]]]

TARGETS = "pair_state_path_targets"
NO_THIRD = "and no third party; name a router or a server that is not of the pair"
TWO_HELPERS = {"call": {"tcp": [21], "helper": "pptp"}}
FORWARD = {"to": "outside", "address": "192.168.0.100", "service": "http", "host": "client"}
TEST = {"from": "inside", "to": "outside", "service": "http"}

WRONG = {
    "a third party that is the node itself": (
        {f"fw-1:{TARGETS}": {"eth0": ["192.168.0.1"]}},
        f"fw-1: {TARGETS}.eth0: 192.168.0.1: is an address of fw-1, {NO_THIRD}",
    ),
    "a third party that is the peer": (
        {f"fw-1:{TARGETS}": {"eth0": ["192.168.0.2"]}},
        f"fw-1: {TARGETS}.eth0: 192.168.0.2: is an address of fw-2, {NO_THIRD}",
    ),
    "a third party that is a virtual address, on both": (
        {f"{node}:{TARGETS}": {"eth1": ["192.168.2.100"]} for node in ("fw-1", "fw-2")},
        f"fw-1: {TARGETS}.eth1: 192.168.2.100: is a virtual address of pair ftfw, {NO_THIRD}",
    ),
    "a third party on another wire": (
        {f"fw-2:{TARGETS}": {"eth1": ["192.168.0.3"]}},
        f"fw-2: {TARGETS}.eth1: 192.168.0.3: is outside network inside; use an address of 192.168.2.0/24",
    ),
    "dhcp where replication is": (
        {"fw-1:node_interfaces.eth2.dhcp": True},
        "fw-1: node_interfaces.eth2.dhcp: true: network sync carries replication, and nobody leases "
        "addresses there; leave dhcp out",
    ),
    "an address of a bridge twice": (
        {"omarine:hypervisor_bridges.br0.addresses": ["192.168.0.3/24", "192.168.0.3/24"]},
        "omarine: hypervisor_bridges.br0.addresses: 192.168.0.3/24: is named twice; name each address once",
    ),
    "two helpers on a port": (
        {
            "all:site_services": TWO_HELPERS,
            "all:site_policy": [{"from": "inside", "to": "outside", "services": ["ftp", "call"]}],
        },
        "all: site_policy[0].services: call: gives tcp port 21 the helper pptp, and ftp ftp; leave one of "
        "them out, or write an entry for each with its destinations",
    ),
    "senders of a port forward on the host's own network": (
        {"all:site_port_forwards": [{**FORWARD, "sources": ["192.168.2.0/25"]}], "all:site_probes": None},
        "all: site_port_forwards[0].sources: 192.168.2.0/25: are all on network inside, and only what comes "
        "in by outside is forwarded; name senders beyond outside, or add hairpin: true where it is the "
        "host's network",
    ),
    "two fates of one packet": (
        {"all:site_policy_tests": [{**TEST, "expected": "accept"}, {**TEST, "expected": ["drop"]}]},
        "all: site_policy_tests[1].expected: drop: site_policy_tests[0] expects accept of the same packet; "
        "leave one of them out, or say where they differ",
    ),
}


@pytest.mark.parametrize(("changes", "line"), WRONG.values(), ids=WRONG)
def test_one_line_each(changed: Change, changes: dict[str, object], line: str) -> None:
    with pytest.raises(SiteError) as error:
        load_site(changed(changes))
    assert error.value.problems.lines() == [line]


SOUND = {
    "a third party that is one": {f"fw-1:{TARGETS}": {"eth0": ["192.168.0.3"]}},
    "senders on the host's own network with hairpin": {
        "all:site_port_forwards": [{**FORWARD, "hairpin": True, "sources": ["192.168.2.0/25"]}],
        "all:site_probes": None,
    },
    "senders on both sides": {
        "all:site_port_forwards": [{**FORWARD, "sources": ["192.168.2.0/25", "192.168.0.0/25"]}],
        "all:site_probes": None,
    },
    "one helper on a port": {
        "all:site_services": {"files": {"tcp": [21], "helper": "ftp"}},
        "all:site_policy": [{"from": "inside", "to": "outside", "services": ["ftp", "files"]}],
    },
    "two helpers in two entries": {
        "all:site_services": TWO_HELPERS,
        "all:site_policy": [
            {"from": "inside", "to": "outside", "services": [name], "destinations": [f"198.51.100.{last}"]}
            for name, last in (("ftp", 1), ("call", 2))
        ],
    },
    "two packets": {
        "all:site_policy_tests": [
            {**TEST, "expected": "accept"},
            {**TEST, "expected": ["drop"], "at": "saturday 22:30"},
        ]
    },
}


@pytest.mark.parametrize("changes", SOUND.values(), ids=SOUND)
def test_what_is_like_it_and_sound(changed: Change, changes: dict[str, object]) -> None:
    load_site(changed(changes))


@pytest.mark.parametrize(
    "variable", ["all:site_policy", "all:site_source_nat", "fw-1:node_resolvers", "fw-1:node_interfaces"]
)
def test_a_variable_without_a_value(changed: Change, variable: str) -> None:
    """A list whose lines were lost: without a word the firewalls would let nothing through."""
    host, _colon, name = variable.partition(":")
    hostvars = changed({})
    for node in ("fw-1", "fw-2", "omarine", "client") if host == "all" else [host]:
        hostvars[node][name] = None
    with pytest.raises(SiteError) as error:
        load_site(hostvars)
    assert error.value.problems.lines() == [
        f"{host}: {name}: (empty): is empty; write a value, or leave the variable out"
    ]


IPV6: dict[str, object] = {
    "all:site_networks.outside.prefixes": ["192.168.0.0/24", "2001:db8::/64"],
    "all:site_networks.inside.prefixes": ["192.168.2.0/24", "2001:db8:2::/64"],
    "fw-1:node_interfaces.eth0.addresses": ["192.168.0.1", "2001:db8::1"],
    "fw-2:node_interfaces.eth0.addresses": ["192.168.0.2", "2001:db8::2"],
    "fw-1:node_interfaces.eth1.addresses": ["192.168.2.1", "2001:db8:2::1"],
    "fw-2:node_interfaces.eth1.addresses": ["192.168.2.2", "2001:db8:2::2"],
}
VIRTUAL: dict[str, object] = {
    "all:site_pairs.ftfw.virtual_routers.outside.addresses": ["192.168.0.100", "2001:db8::100"],
    "all:site_pairs.ftfw.virtual_routers.inside.addresses": ["192.168.2.100", "2001:db8:2::100"],
}
NO_VIRTUAL = [
    f"all: site_networks.{name}.prefixes: {prefix}: pair ftfw has no virtual address of IPv6 on it, so that "
    "a takeover leaves its hosts without a gateway there; give a virtual router one of IPv6, or leave the "
    "prefix out"
    for name, prefix in (("inside", "2001:db8:2::/64"), ("outside", "2001:db8::/64"))
]


def gateways(*found: str) -> dict[str, object]:
    return {f"{node}:node_interfaces.eth0.gateway": list(found) for node in ("fw-1", "fw-2")}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        pytest.param({**IPV6, **VIRTUAL}, [], id="both-families"),
        pytest.param(IPV6, NO_VIRTUAL, id="no-virtual-address"),
        pytest.param(
            {**IPV6, **VIRTUAL, **gateways("192.168.0.254")},
            [
                "fw-1: node_interfaces.eth0.gateway: 192.168.0.254: none of IPv6, so that what the policy "
                "lets out in IPv6 by network outside gets no further than its own hosts; add a gateway of "
                "IPv6, or leave that family out"
            ],
            id="a-gateway-of-one-family",
        ),
        pytest.param(
            {**IPV6, **VIRTUAL, **gateways("192.168.0.254", "2001:db8::254")}, [], id="gateways-of-both"
        ),
    ],
)
def test_a_family_that_has_no_way_out(changed: Change, changes: dict[str, object], told: list[str]) -> None:
    before = set(load_site(changed({})).warnings)
    found = [line for line in load_site(changed(changes)).warnings if line not in before]
    assert sorted(line for line in found if "of IPv6" in line) == told
