# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventories that are well written, and mean what hurts only later: each mistake is one line."""

from __future__ import annotations

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.sections.changed import (
    DUAL_OUTSIDE,
    FORWARD,
    FW1,
    FW2,
    Change,
    another,
    errors,
    fragment,
    gateways,
)

INTO = {"from": "outside", "to": "inside", "services": ["http"]}
WRONG: dict[str, tuple[dict[str, object], str]] = {
    "a guest whose interfaces nobody has written": (
        {FW2: None},
        "fw-2: node_interfaces: (empty): a guest without an interface; declare its interfaces",
    ),
    "a node whose variables nobody has written": (
        {FW2: None, "fw-2:guest": None},
        "fw-2: node_interfaces: (empty): this node of pair ftfw has no interfaces; "
        "declare them in host_vars/fw-2.yml",
    ),
    "a port forward for a family that it is not of": (
        {"all:site_port_forwards": [{**FORWARD, "sources": ["2001:db8::/32"]}]},
        "all: site_port_forwards[0].sources: 2001:db8::/32: has no address of IPv4, which 192.168.0.100 is "
        "of; name addresses of that family",
    ),
    "a port forward for nobody": (
        {"all:site_port_forwards": [{**FORWARD, "sources": []}]},
        "all: site_port_forwards[0].sources: []: an empty list matches nothing; "
        "name addresses, or leave it out for any",
    ),
    "a port forward for what came out empty": (
        {"all:site_port_forwards": [{**FORWARD, "sources": None}]},
        "all: site_port_forwards[0].sources: (empty): is empty; name addresses, or leave the key out for any",
    ),
    "a hairpin for none of its neighbours": (
        {"all:site_port_forwards": [{**FORWARD, "hairpin": True, "sources": ["192.168.0.0/24"]}]},
        "all: site_port_forwards[0].sources: 192.168.0.0/24: has nobody of network inside, for whom hairpin "
        "is; name some, or leave hairpin out",
    ),
}


@pytest.mark.parametrize(("changes", "line"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_one_line(changed: Change, changes: dict[str, object], line: str) -> None:
    assert errors(changed(changes)) == [line]


RIGHT: dict[str, dict[str, object]] = {
    "a gateway on both": gateways("192.168.0.254", "192.168.0.254"),
    "a gateway of each family on both": {
        **DUAL_OUTSIDE,
        "all:site_pairs.ftfw.virtual_routers.outside.addresses": ["192.168.0.100", "2001:db8::100"],
        **gateways(["192.168.0.254", "2001:db8::fe"], ["2001:db8::fe", "192.168.0.254"]),
    },
    "a host's gateway is the pair": {"client:node_interfaces.eth0.gateway": "192.168.2.100"},
    "link-local addresses beside others": {
        "all:site_networks.outside.prefixes": ["192.168.0.0/24", "169.254.9.0/24"],
        f"{FW1}.eth0.addresses": ["192.168.0.1", "169.254.9.1"],
        f"{FW2}.eth0.addresses": ["192.168.0.2", "169.254.9.2"],
    },
    "a name that YAML knows, in quotes": {"all:site_addresses": {"no": ["10.9.0.0/24"]}},
    "an entry about a virtual address": {
        "all:site_policy.1": {**INTO, "sources": ["10.9.0.0/24"], "destinations": ["192.168.0.100"]},
        "all:site_port_forwards": [FORWARD],
        **gateways("192.168.0.254", "192.168.0.254"),
    },
    "an entry about what a fragment may translate": {
        "all:site_policy.1": {**INTO, "destinations": ["192.168.0.100"]},
        **fragment("tcp dport 8080 dnat ip to 192.168.2.3:80", "nat_prerouting"),
    },
    "a port forward whose sources another one shuts out": {
        "all:site_policy.1": {**INTO, "sources": ["10.0.0.0/9"], "action": "drop"},
        "all:site_port_forwards": [{**FORWARD, "sources": ["10.0.0.0/8"]}],
    },
    "a fragment by networks": fragment(
        "# not @interface(nowhere)\n"
        'iifname { @interface(outside), @interface( inside ) } log prefix "@interface(nowhere) " accept'
    ),
    "a fragment with interfaces of others": fragment('iifname { "wg0", "tun*", "lo", "eth*" } accept'),
    "a fragment whose names are no interfaces": fragment('tcp dport 9 log prefix "eth9" counter accept'),
}


@pytest.mark.parametrize("changes", RIGHT.values(), ids=RIGHT)
def test_what_is_meant_so_is_right(changed: Change, changes: dict[str, object]) -> None:
    assert load_site(changed(changes)).warnings == ()


WARNED: dict[str, tuple[dict[str, object], str]] = {
    "another gateway on each": (
        gateways("192.168.0.254", "192.168.0.253"),
        "fw-2: node_interfaces.eth0.gateway: 192.168.0.253: fw-1 has another one, 192.168.0.254 on network "
        "outside, so that a takeover changes the way out; "
        "write gateway: 192.168.0.254, unless both lead to the same places",
    ),
    "a host's gateway is one of the nodes": (
        {"client:node_interfaces.eth0.gateway": "192.168.2.1"},
        "client: node_interfaces.eth0.gateway: 192.168.2.1: is fw-1's own address, so that nothing leads "
        "anywhere once that node has failed; write virtual",
    ),
    "a network on one node only": (
        {
            **another("fw-1", "spare", addresses=["10.9.0.1"]),
            "all:site_networks.spare": {"prefixes": ["10.9.0.0/24"]},
            "omarine:hypervisor_bridges.br9": {"network": "spare"},
        },
        "fw-1: node_interfaces.eth4.network: spare: fw-2 has no interface on this network, so that nobody "
        "routes for it once fw-1 has failed; give fw-2 one, or leave it out",
    ),
    "a management network on one node only": (
        {f"{FW2}.mgmt0": None},
        "fw-1: node_interfaces.mgmt0.network: mgmt: fw-2 has no interface on this network, so that nobody "
        "routes for it once fw-1 has failed; give fw-2 one, or leave it out",
    ),
    "a prefix that the nodes have no address in": (
        {"all:site_networks.inside.prefixes": ["192.168.2.0/24", "2001:db8:2::/64"]},
        "all: site_networks.inside.prefixes: 2001:db8:2::/64: fw-1 and fw-2 have no address in it, so that "
        "nothing is forwarded there; give them one, or leave the prefix out",
    ),
    "no management network": (
        {f"{FW1}.mgmt0": None, f"{FW2}.mgmt0": None, "fw-1:ansible_host": "192.168.0.1"},
        "fw-1: ansible_host: 192.168.0.1: the node has no management network, and the firewall takes ssh on "
        "no other one; give the node an interface on a network with purpose: management, and connect to its "
        "address there",
    ),
    "Ansible comes by a data network": (
        {"fw-1:ansible_host": "192.168.0.1"},
        "fw-1: ansible_host: 192.168.0.1: is on network outside, where the firewall takes no ssh; "
        "connect to 10.255.0.1",
    ),
    "an entry about a virtual address that nothing leads on from": (
        {"all:site_policy.1": {**INTO, "destinations": ["192.168.0.100"]}},
        "all: site_policy[1].destinations: 192.168.0.100: the firewalls' own addresses, and no port forward "
        "leads what comes from outside on to inside, so that the entry matches nothing; "
        "name whoever it is about, or declare the port forward",
    ),
    "addresses that there is no way to": (
        {"all:site_policy.1": {**INTO, "sources": ["10.9.0.0/24", "2001:db8::/32"]}},
        "all: site_policy[1].sources: 10.9.0.0/24, 2001:db8::/32: the firewalls have no way there by "
        "outside, so that no test of the policy tries it; "
        "give their interfaces there a gateway, or see to the route yourself",
    ),
    "an entry from a virtual address": (
        {"all:site_policy.1": {**INTO, "sources": ["192.168.0.100", "192.168.0.2"]}},
        "all: site_policy[1].sources: 192.168.0.100, 192.168.0.2: the firewalls' own addresses, which "
        "nothing is forwarded from; name whoever begins the flows",
    ),
    "a port forward that an entry about its virtual address shuts": (
        {
            "all:site_policy.1": {**INTO, "destinations": ["192.168.0.0/24"], "action": "drop"},
            "all:site_port_forwards": [FORWARD],
        },
        "all: site_port_forwards[0]: http: nothing comes through, because of site_policy[1], which comes "
        "before port forwards; accept it in an entry before that one",
    ),
    "a port forward whose sources an entry shuts out": (
        {
            "all:site_policy.1": {**INTO, "sources": ["10.0.0.0/8"], "action": "drop"},
            "all:site_port_forwards": [{**FORWARD, "sources": ["10.9.0.0/24"]}],
        },
        "all: site_port_forwards[0]: http: nothing comes through, because of site_policy[1], which comes "
        "before port forwards; accept it in an entry before that one",
    ),
    "a fragment's interface that is misspelt": (
        fragment("iifname eth9 accept"),
        "all: site_fragments[0]: eth9: fw-1 and fw-2 have no interface of this name; did you mean eth2?",
    ),
}


@pytest.mark.parametrize(("changes", "line"), WARNED.values(), ids=WARNED)
def test_what_hurts_later_is_told(changed: Change, changes: dict[str, object], line: str) -> None:
    assert load_site(changed(changes)).warnings == (line,)


@pytest.mark.parametrize(
    "way",
    [
        pytest.param({"fw-1:ansible_connection": "containers.podman.podman"}, id="not by ssh"),
        pytest.param(fragment("tcp dport 22 ip saddr 192.168.0.3 accept"), id="by a fragment"),
        pytest.param({"fw-1:ansible_host": "fw-1.example.org"}, id="by a name"),
        pytest.param({"fw-1:ansible_host": "10.255.0.1"}, id="by the management network"),
    ],
)
def test_another_way_in_is_no_warning(changed: Change, way: dict[str, object]) -> None:
    assert load_site(changed({"fw-1:ansible_host": "192.168.0.1", **way})).warnings == ()
