# SPDX-License-Identifier: GPL-3.0-or-later
"""Gateways that are well written, and lead nowhere after a takeover: each mistake is one line."""

from __future__ import annotations

import pytest
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.sections.changed import (
    DUAL_OUTSIDE,
    FW1,
    FW2,
    PAIR,
    TWO_PREFIXES,
    Change,
    errors,
    gateways,
)

OWN_GATEWAY = "write another router's address, or leave it out"


WRONG: dict[str, tuple[dict[str, object], str]] = {
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
        {**DUAL_OUTSIDE, **gateways(["192.168.0.254", "2001:db8::fe"], "192.168.0.254")},
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
            **DUAL_OUTSIDE,
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
}


@pytest.mark.parametrize(("changes", "line"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_one_line(changed: Change, changes: dict[str, object], line: str) -> None:
    assert errors(changed(changes)) == [line]
