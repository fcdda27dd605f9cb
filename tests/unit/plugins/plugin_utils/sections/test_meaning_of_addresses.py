# SPDX-License-Identifier: GPL-3.0-or-later
"""Prefixes and addresses that are well written, and that no host can have: each mistake is one line."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.sections.changed import (
    DUAL_OUTSIDE,
    FW1,
    FW2,
    PAIR,
    TWO_PREFIXES,
    Change,
    errors,
)

WRONG: dict[str, tuple[dict[str, object], str]] = {
    "an MTU that is too small for IPv6": (
        {**DUAL_OUTSIDE, "all:site_networks.outside.mtu": 1279},
        "all: site_networks.outside.mtu: 1279: IPv6 needs 1280 (RFC 8200, section 5); "
        "give the network more, or leave its prefixes of IPv6 out",
    ),
    "an MTU that is too small for a link-local address": (
        {"all:site_networks.inside.mtu": 576, "all:site_networks.inside.link_local": True},
        "all: site_networks.inside.mtu: 576: IPv6 needs 1280 (RFC 8200, section 5); "
        "give the network more, or leave link_local out",
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
        {**DUAL_OUTSIDE, f"{PAIR}.virtual_routers.outside.addresses": ["192.168.0.100", "2001:db8::"]},
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
    "an address that two hosts have": (
        {"client:node_interfaces.eth0.addresses": ["192.168.2.2"]},
        "client: node_interfaces.eth0.addresses: 192.168.2.2: this address is already that of fw-2's eth1; "
        "give every interface its own",
    ),
}


@pytest.mark.parametrize(("changes", "line"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_one_line(changed: Change, changes: dict[str, object], line: str) -> None:
    assert errors(changed(changes)) == [line]
