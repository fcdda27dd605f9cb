# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventories that are well written, and mean what hurts only later: each mistake is one line."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_network
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_view
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SiteError

HostVars = dict[str, dict[str, Any]]
Change = Callable[[dict[str, object]], HostVars]
PAIR = "all:site_pairs.ftfw"
FW1, FW2 = "fw-1:node_interfaces", "fw-2:node_interfaces"
OWN_GATEWAY = "write another router's address, or leave it out"
DUAL: dict[str, object] = {
    "all:site_networks.outside.prefixes": ["192.168.0.0/24", "2001:db8::/64"],
    f"{FW1}.eth0.addresses": ["192.168.0.1", "2001:db8::1"],
    f"{FW2}.eth0.addresses": ["192.168.0.2", "2001:db8::2"],
}
ROUTERS: dict[str, dict[str, object]] = {
    "inside": {"vrid": 61, "addresses": ["192.168.2.100"]},
    "outside": {"vrid": 62, "addresses": ["192.168.0.100"]},
}
SPARE = {"network": "outside", "mac": "12:34:56:78:9a:41", "tap": "net41"}
HTTP = {"to": "outside", "service": "http", "host": "client"}
TWO_PREFIXES: dict[str, object] = {
    "all:site_networks.outside.prefixes": ["192.168.0.0/24", "203.0.113.0/24"],
}


def gateways(*found: object) -> dict[str, object]:
    return {f"{node}.eth0.gateway": one for node, one in zip((FW1, FW2), found) if one}


def fragment(text: str, place: str = "input") -> dict[str, object]:
    return {"all:site_fragments": [{"place": place, "text": text}]}


def another(node: str, network: str, **more: object) -> dict[str, object]:
    """One interface more on a node."""
    return {f"{node}:node_interfaces.eth4": {**SPARE, "network": network, **more}}


WRONG: dict[str, tuple[dict[str, object], str]] = {
    "an MTU that is too small for IPv6": (
        {**DUAL, "all:site_networks.outside.mtu": 1279},
        "all: site_networks.outside.mtu: 1279: IPv6 needs 1280 (RFC 8200, section 5); "
        "give the network more, or leave its prefixes of IPv6 out",
    ),
    "an MTU that is too small for a link-local address": (
        {"all:site_networks.inside.mtu": 576, "all:site_networks.inside.link_local": True},
        "all: site_networks.inside.mtu: 576: IPv6 needs 1280 (RFC 8200, section 5); "
        "give the network more, or leave link_local out",
    ),
    "a guest whose interfaces nobody has written": (
        {FW2: None},
        "fw-2: node_interfaces: (empty): a guest without an interface; declare its interfaces",
    ),
    "a node whose variables nobody has written": (
        {FW2: None, "fw-2:guest": None},
        "fw-2: node_interfaces: (empty): this node of pair ftfw has no interfaces; "
        "declare them in host_vars/fw-2.yml",
    ),
    "a network's interface in quotes": (
        fragment('iifname { @interface(inside), "@interface(outside)" } log prefix "@interface(x) " drop'),
        'all: site_fragments[0]: "@interface(outside)": stands in quotes, in which nothing is replaced; '
        "write @interface(outside): the quotes come with it",
    ),
    "a gateway on the first node only": (
        gateways("192.168.0.254"),
        "fw-2: node_interfaces.eth0.gateway: (empty): fw-1 has the gateway 192.168.0.254 on network outside, "
        "and this node has none of IPv4, so that after a takeover nothing leads there; "
        "write gateway: 192.168.0.254",
    ),
    "a gateway on the second node only": (
        gateways(None, "192.168.0.254"),
        "fw-1: node_interfaces.eth0.gateway: (empty): fw-2 has the gateway 192.168.0.254 on network outside, "
        "and this node has none of IPv4, so that after a takeover nothing leads there; "
        "write gateway: 192.168.0.254",
    ),
    "a gateway of one family on one node only": (
        {**DUAL, **gateways(["192.168.0.254", "2001:db8::fe"], "192.168.0.254")},
        "fw-2: node_interfaces.eth0.gateway: (empty): fw-1 has the gateway 2001:db8::fe on network outside, "
        "and this node has none of IPv6, so that after a takeover nothing leads there; "
        "write gateway: [192.168.0.254, 2001:db8::fe]",
    ),
    "a gateway that is the pair's virtual address": (
        gateways("192.168.0.254", "192.168.0.100"),
        "fw-2: node_interfaces.eth0.gateway: 192.168.0.100: is a virtual address of its own pair ftfw, which "
        f"would be its own gateway; {OWN_GATEWAY}",
    ),
    "a gateway that is the pair's virtual address of IPv6": (
        {
            **DUAL,
            f"{PAIR}.virtual_routers.outside.addresses": ["192.168.0.100", "2001:db8::100"],
            **gateways("2001:db8::100"),
        },
        "fw-1: node_interfaces.eth0.gateway: 2001:db8::100: is a virtual address of its own pair ftfw, which "
        f"would be its own gateway; {OWN_GATEWAY}",
    ),
    "a gateway that is the peer": (
        gateways("192.168.0.2", "192.168.0.254"),
        "fw-1: node_interfaces.eth0.gateway: 192.168.0.2: is an address of its own pair's other node, which "
        f"routes no better than this one; {OWN_GATEWAY}",
    ),
    "a gateway that is the node itself": (
        gateways("192.168.0.1"),
        "fw-1: node_interfaces.eth0.gateway: 192.168.0.1: is the interface's own address; "
        "name another router",
    ),
    "a gateway on a management network": (
        {f"{FW1}.mgmt0.gateway": "10.255.0.254"},
        "fw-1: node_interfaces.mgmt0.gateway: 10.255.0.254: a management network is not routed; "
        "leave the gateway out",
    ),
    "a gateway on a replication network": (
        {f"{FW1}.eth2.gateway": "192.168.100.1"},
        "fw-1: node_interfaces.eth2.gateway: 192.168.100.1: a network for replication is not routed; "
        "leave the gateway out",
    ),
    "two gateways of one family": (
        {"client:node_interfaces.eth0.gateway": ["192.168.2.254", "192.168.2.253"]},
        "client: node_interfaces.eth0.gateway: [192.168.2.254, 192.168.2.253]: has two of one family; "
        "name one address of each family at most",
    ),
    "a gateway in a prefix that the node has no address in": (
        {
            **TWO_PREFIXES,
            **gateways("203.0.113.1", "203.0.113.1"),
            f"{FW2}.eth0.addresses": ["192.168.0.2", "203.0.113.3"],
        },
        "fw-1: node_interfaces.eth0.gateway: 203.0.113.1: the node has no address in 203.0.113.0/24, and so "
        "no way to its gateway; give it one there, or name a router of another prefix",
    ),
    "a gateway of a family that the node has no address of": (
        {
            "all:site_networks.inside.prefixes": ["192.168.2.0/24", "2001:db8:2::/64"],
            "client:node_interfaces.eth0.gateway": "2001:db8:2::fe",
        },
        "client: node_interfaces.eth0.gateway: 2001:db8:2::fe: the node has no address in 2001:db8:2::/64, "
        "and so no way to its gateway; give it one there, or name a router of another prefix",
    ),
    "a gateway that is a network's broadcast address": (
        gateways("192.168.0.255"),
        "fw-1: node_interfaces.eth0.gateway: 192.168.0.255: is the network's or the broadcast address of "
        "192.168.0.0/24; use another one",
    ),
    "a virtual address in a prefix that the nodes have no address in": (
        {**TWO_PREFIXES, f"{PAIR}.virtual_routers.outside.addresses": ["192.168.0.100", "203.0.113.100"]},
        "all: site_pairs.ftfw.virtual_routers.outside.addresses: 203.0.113.100: fw-1 and fw-2 have no "
        "address in 203.0.113.0/24 of network outside, and so no way there; "
        "give them one, or write an address of another prefix",
    ),
    "a node's address outside its network, which leaves it without a way to others": (
        {f"{FW1}.eth0.addresses": ["192.168.1.1"]},
        "fw-1: node_interfaces.eth0.addresses: 192.168.1.1: is outside network outside; "
        "use an address of 192.168.0.0/24",
    ),
    "a virtual address in a prefix that one node has no address in": (
        {
            "all:site_networks.outside.prefixes": ["192.168.0.0/24", "2001:db8::/64", "2001:db8:9::/64"],
            f"{FW1}.eth0.addresses": ["192.168.0.1", "2001:db8::1", "2001:db8:9::1"],
            f"{FW2}.eth0.addresses": ["192.168.0.2", "2001:db8::2"],
            f"{PAIR}.virtual_routers.outside.addresses": ["192.168.0.100", "2001:db8:9::100"],
        },
        "all: site_pairs.ftfw.virtual_routers.outside.addresses: 2001:db8:9::100: fw-2 has no address in "
        "2001:db8:9::/64 of network outside, and so no way there; "
        "give it one, or write an address of another prefix",
    ),
    "a port forward to a prefix that the nodes have no address in": (
        {
            "all:site_networks.inside.prefixes": ["192.168.2.0/24", "192.168.3.0/24"],
            "all:site_port_forwards": [{"to": "outside", "service": "http", "host": "192.168.3.80"}],
        },
        "all: site_port_forwards[0].host: 192.168.3.80: fw-1 and fw-2 have no address in 192.168.3.0/24 of "
        "network inside, and so no way there; give them one, or write an address of another prefix",
    ),
    "a virtual address that is its prefix's anycast address": (
        {**DUAL, f"{PAIR}.virtual_routers.outside.addresses": ["192.168.0.100", "2001:db8::"]},
        "all: site_pairs.ftfw.virtual_routers.outside.addresses: 2001:db8::: is the anycast address of "
        "2001:db8::/64's routers; use another one",
    ),
    "a virtual address that is its network's own": (
        {f"{PAIR}.virtual_routers.inside.addresses": ["192.168.2.0"]},
        "all: site_pairs.ftfw.virtual_routers.inside.addresses: 192.168.2.0: is the network's or the "
        "broadcast address of 192.168.2.0/24; use another one",
    ),
    "a virtual address on both networks": (
        {f"{PAIR}.virtual_routers.second": {"network": "outside", "vrid": 9, "addresses": ["192.168.0.100"]}},
        "all: site_pairs.ftfw.virtual_routers.second.addresses: 192.168.0.100: this address is already that "
        "of virtual router ftfw.virtual_routers.outside; "
        "give a virtual router an address that nobody else has",
    ),
    "a loopback prefix": (
        {"all:site_networks.spare": {"prefixes": ["127.1.0.0/16"]}},
        "all: site_networks.spare.prefixes: 127.1.0.0/16: has loopback addresses in it; "
        "write the prefix that the hosts have",
    ),
    "IPv6's loopback address": (
        {"all:site_networks.spare": {"prefixes": ["::1/128"]}},
        "all: site_networks.spare.prefixes: ::1/128: has the loopback address in it; "
        "write the prefix that the hosts have",
    ),
    "a multicast prefix": (
        {"all:site_networks.spare": {"prefixes": ["239.1.0.0/16"]}},
        "all: site_networks.spare.prefixes: 239.1.0.0/16: has multicast addresses in it; "
        "write the prefix that the hosts have",
    ),
    "a multicast prefix of IPv6": (
        {"all:site_networks.spare": {"prefixes": ["ff05::/64"]}},
        "all: site_networks.spare.prefixes: ff05::/64: has multicast addresses in it; "
        "write the prefix that the hosts have",
    ),
    "an IPv4-mapped prefix": (
        {"all:site_networks.spare": {"prefixes": ["::ffff:10.9.0.0/112"]}},
        # Python 3.13 writes it as ::ffff:10.9.0.0, earlier ones as ::ffff:a09:0
        f"all: site_networks.spare.prefixes: {ip_network('::ffff:10.9.0.0/112')}: "
        "has IPv4 addresses in IPv6's notation in it; "
        "write the prefix that the hosts have",
    ),
    "every address": (
        {"all:site_networks.spare": {"prefixes": ["0.0.0.0/0"]}},
        "all: site_networks.spare.prefixes: 0.0.0.0/0: has loopback addresses in it; "
        "write the prefix that the hosts have",
    ),
    "an unspecified prefix": (
        {"all:site_networks.spare": {"prefixes": ["0.0.0.0/24"]}},
        "all: site_networks.spare.prefixes: 0.0.0.0/24: has addresses of no host (RFC 1122, section 3.2.1.3) "
        "in it; write the prefix that the hosts have",
    ),
    "nothing but link-local addresses": (
        {"all:site_networks.spare": {"prefixes": ["fe80::/64", "169.254.9.0/24"]}},
        "all: site_networks.spare.prefixes: fe80::/64, 169.254.9.0/24: nothing but link-local addresses, "
        "which no router forwards and each link has; "
        "give the network a prefix of its own, such as 192.168.9.0/24 or fd00:9::/64",
    ),
    "a network named firewall": (
        {"all:site_networks.firewall": {"prefixes": ["10.9.0.0/24"]}},
        "all: site_networks.firewall: firewall: stands for the firewall itself in site_policy_tests; "
        "choose another name",
    ),
    "a network named any": (
        {"all:site_networks.any": {"prefixes": ["10.9.0.0/24"]}},
        "all: site_networks.any: any: reads as each of them; choose another name",
    ),
    "addresses named any": (
        {"all:site_addresses": {"any": ["10.9.0.0/24"]}},
        "all: site_addresses.any: any: reads as each of them; choose another name",
    ),
    "addresses named as a set of the probe's": (
        {"all:site_addresses": {"probe_pings": ["10.9.0.0/24"]}},
        "all: site_addresses.probe_pings: probe_pings: is the beginning of a set of the probe's; "
        "choose another name",
    ),
    "a port forward for a family that it is not of": (
        {"all:site_port_forwards": [{**HTTP, "sources": ["2001:db8::/32"]}]},
        "all: site_port_forwards[0].sources: 2001:db8::/32: has no address of IPv4, which 192.168.0.100 is "
        "of; name addresses of that family",
    ),
    "a port forward for nobody": (
        {"all:site_port_forwards": [{**HTTP, "sources": []}]},
        "all: site_port_forwards[0].sources: []: an empty list matches nothing; "
        "name addresses, or leave it out for any",
    ),
    "a port forward for what came out empty": (
        {"all:site_port_forwards": [{**HTTP, "sources": None}]},
        "all: site_port_forwards[0].sources: (empty): is empty; name addresses, or leave the key out for any",
    ),
    "a hairpin for none of its neighbours": (
        {"all:site_port_forwards": [{**HTTP, "hairpin": True, "sources": ["192.168.0.0/24"]}]},
        "all: site_port_forwards[0].sources: 192.168.0.0/24: has nobody of network inside, for whom hairpin "
        "is; name some, or leave hairpin out",
    ),
    "a network named no": (
        {"all:site_networks.False": {"prefixes": ["10.9.0.0/24"]}},
        "all: site_networks.False: False: YAML takes this name for no text; "
        "write it in quotes, or choose another one",
    ),
    "a service named on": (
        {"all:site_services": {True: {"tcp": [9]}}},
        "all: site_services.True: True: YAML takes this name for no text; "
        "write it in quotes, or choose another one",
    ),
    "addresses named off": (
        {"all:site_addresses": {False: ["10.9.0.0/24"]}},
        "all: site_addresses.False: False: YAML takes this name for no text; "
        "write it in quotes, or choose another one",
    ),
    "a pair named on": (
        {
            "all:site_pairs": {
                True: {"nodes": ["fw-1", "fw-2"], "sync": ["sync"], "virtual_routers": ROUTERS},
            }
        },
        "all: site_pairs.True: True: YAML takes this name for no text; "
        "write it in quotes, or choose another one",
    ),
    "a virtual router named yes": (
        {
            f"{PAIR}.virtual_routers": {
                True: {**ROUTERS["inside"], "network": "inside"},
                "outside": ROUTERS["outside"],
            }
        },
        "all: site_pairs.ftfw.virtual_routers.True: True: YAML takes this name for no text; "
        "write it in quotes, or choose another one",
    ),
    "a bridge named null": (
        {
            "omarine:hypervisor_bridges.None": {"network": "spare"},
            "all:site_networks.spare": {"prefixes": ["10.9.0.0/24"]},
        },
        "omarine: hypervisor_bridges.None: None: YAML takes this name for no text; "
        "write it in quotes, or choose another one",
    ),
    "a virtual router that is named as another one's half": (
        {
            **DUAL,
            f"{PAIR}.virtual_routers.outside.addresses": ["192.168.0.100", "2001:db8::100"],
            f"{PAIR}.virtual_routers.outside_v6": {
                "network": "outside",
                "vrid": 9,
                "addresses": ["192.168.0.101"],
            },
        },
        "all: site_pairs.ftfw.virtual_routers.outside_v6: outside_v6: is what the IPv6 half of outside is "
        "called; choose another name",
    ),
    "an interface named lo": (
        {"client:node_interfaces.lo": SPARE},
        "client: node_interfaces.lo: lo: is the loopback interface, which each host has; choose another name",
    ),
    "an interface named default": (
        {"client:node_interfaces.default": SPARE},
        "client: node_interfaces.default: default: is refused by the kernel, which has settings of this "
        "name; choose another name",
    ),
    "a tap named all": (
        another("client", "outside", tap="all"),
        "client: node_interfaces.eth4.tap: all: is refused by the kernel, which has settings of this name; "
        "choose another name",
    ),
    "a bridge over lo": (
        {"omarine:hypervisor_bridges.br0.uplinks": ["lo"]},
        "omarine: hypervisor_bridges.br0.uplinks: lo: is the loopback interface, which each host has; "
        "choose another name",
    ),
    "an address that two hosts have": (
        {"client:node_interfaces.eth0.addresses": ["192.168.2.2"]},
        "client: node_interfaces.eth0.addresses: 192.168.2.2: this address is already that of fw-2's eth1; "
        "give every interface its own",
    ),
    "a fragment with an interface of the other node": (
        {
            f"{FW1}.wan0": {**SPARE, "network": "spare"},
            "all:site_networks.spare": {"prefixes": ["10.9.0.0/24"]},
            "omarine:hypervisor_bridges.br9": {"network": "spare"},
            **fragment('iifname { "eth0", "wan0" } accept'),
        },
        "all: site_fragments[0]: wan0: fw-2 has no interface of this name; "
        "write @interface(spare), which is each node's own interface there",
    ),
    "a fragment with a chain of the ruleset's own": (
        fragment("set mine {\n    type ifname\n}\nchain input {\n    accept\n}", "table"),
        "all: site_fragments[0]: chain input: is a name of the ruleset's own; "
        "give it another one, or write what is meant at another place",
    ),
    "a fragment with a chain of the policy's": (
        fragment("chain inside_to_outside { accept; }", "table"),
        "all: site_fragments[0]: chain inside_to_outside: is a name of the ruleset's own; "
        "give it another one, or write what is meant at another place",
    ),
    "a fragment with a counter of the policy's": (
        fragment("counter policy_web { }", "table"),
        "all: site_fragments[0]: counter policy_web: is a name of the ruleset's own; "
        "give it another one, or write what is meant at another place",
    ),
    "a fragment with a chain of a limit's": (
        fragment("chain limit_0_0_tcp_v4 { accept; }", "table"),
        "all: site_fragments[0]: chain limit_0_0_tcp_v4: is a name of the ruleset's own; "
        "give it another one, or write what is meant at another place",
    ),
    "a fragment with a network that there is not": (
        fragment("iifname @interface(outsid) accept"),
        "all: site_fragments[0]: @interface(outsid): unknown network; did you mean outside?",
    ),
}


def errors(hostvars: HostVars, **more: Any) -> list[str]:
    with pytest.raises(SiteError) as raised:
        load_site(hostvars, **more)
    return raised.value.problems.lines()


@pytest.mark.parametrize(("changes", "line"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_one_line(changed: Change, changes: dict[str, object], line: str) -> None:
    assert errors(changed(changes)) == [line]


def test_names_are_told_apart_from_groups(lab: HostVars) -> None:
    """A group whose hosts become what its name says is no harm."""
    assert load_site(lab, groups={"site_firewalls": ["fw-1", "fw-2"], "lab_controllers": [], "lab_nodes": []})
    assert errors(lab, groups={"site_guests": ["fw-1", "omarine"]}) == [
        "omarine: groups: site_guests: hosts that become a guest are put in this group, and this one does "
        "not; give the group another name"
    ]
    assert errors(lab, groups={"lab_nodes": ["fw-1"]}) == [
        "all: groups: lab_nodes: is the lab's own group, whose hosts are made as containers; "
        "give the group another name"
    ]


INTO = {"from": "outside", "to": "inside", "services": ["http"]}
RIGHT: dict[str, dict[str, object]] = {
    "a gateway on both": gateways("192.168.0.254", "192.168.0.254"),
    "a gateway of each family on both": {
        **DUAL,
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
        "all:site_port_forwards": [HTTP],
        **gateways("192.168.0.254", "192.168.0.254"),
    },
    "an entry about what a fragment may translate": {
        "all:site_policy.1": {**INTO, "destinations": ["192.168.0.100"]},
        **fragment("tcp dport 8080 dnat ip to 192.168.2.3:80", "nat_prerouting"),
    },
    "a port forward whose sources another one shuts out": {
        "all:site_policy.1": {**INTO, "sources": ["10.0.0.0/9"], "action": "drop"},
        "all:site_port_forwards": [{**HTTP, "sources": ["10.0.0.0/8"]}],
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
        "leads from them to inside, so that the entry matches nothing; "
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
            "all:site_port_forwards": [HTTP],
        },
        "all: site_port_forwards[0]: http: nothing comes through, because of site_policy[1], which comes "
        "before port forwards; accept it in an entry before that one",
    ),
    "a port forward whose sources an entry shuts out": (
        {
            "all:site_policy.1": {**INTO, "sources": ["10.0.0.0/8"], "action": "drop"},
            "all:site_port_forwards": [{**HTTP, "sources": ["10.9.0.0/24"]}],
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


def test_no_name_of_the_rulesets_own_is_free(changed: Change) -> None:
    """Whatever the ruleset declares is refused when a fragment declares it, too."""
    changes: dict[str, object] = {
        f"{PAIR}.replication": "external",
        "all:site_addresses": {"some": ["192.168.2.0/28"]},
        "all:site_policy.0.sources": ["some"],
        "all:site_policy.0.counter": "web",
        "all:site_policy.0.action": "reject",
    }
    hostvars = changed(changes)
    text = host_view(load_site(hostvars), "fw-1")["nftables"]["ruleset"]
    declared = re.findall(r"^    (chain|set|map|counter|flowtable) (\S+) \{", text, re.MULTILINE)
    assert len(declared) > 15
    for variables in hostvars.values():
        variables["site_fragments"] = [
            {"place": "table", "text": f"{kind} {name} {{\n}}"} for kind, name in declared
        ]
    assert len(errors(hostvars)) == len(declared)


def test_an_interface_that_stands_on_another_network_on_each_node(changed: Change) -> None:
    hostvars = changed(fragment('oifname "eth1" accept'))
    interfaces = hostvars["fw-2"]["node_interfaces"]
    interfaces["eth0"], interfaces["eth1"] = interfaces["eth1"], interfaces["eth0"]
    assert errors(hostvars) == [
        "all: site_fragments[0]: eth1: is on inside on fw-1 and on outside on fw-2; "
        "write @interface(NETWORK), which is each node's own interface there"
    ]
    for variables in hostvars.values():
        variables["site_fragments"][0]["text"] = "oifname @interface(inside) accept"
    site = load_site(hostvars)
    for node, device in (("fw-1", "eth1"), ("fw-2", "eth0")):
        assert f'\n        oifname "{device}" accept\n' in host_view(site, node)["nftables"]["ruleset"]
