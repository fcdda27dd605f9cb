# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors of pairs and their virtual routers: each is one line that names host, key and value."""

from __future__ import annotations

import pytest
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.sections.changed import (
    FW2,
    PAIR,
    Change,
    errors,
)

ADVERTS = "use 0.01 to 40.95 seconds, which VRRPv3 counts in hundredths (RFC 9568, section 5.2.7)"


CASES: dict[str, tuple[dict[str, object], str]] = {
    "virtual address equal to a node's": (
        {f"{PAIR}.virtual_routers.inside.addresses": ["192.168.2.1"]},
        "all: site_pairs.ftfw.virtual_routers.inside.addresses: 192.168.2.1: this address is already that of "
        "fw-1's eth1; give a virtual router an address that nobody else has",
    ),
    "virtual address equal to a bridge's": (
        {f"{PAIR}.virtual_routers.outside.addresses": ["192.168.0.3"]},
        "all: site_pairs.ftfw.virtual_routers.outside.addresses: 192.168.0.3: this address is already "
        "that of omarine's br0; give a virtual router an address that nobody else has",
    ),
    "virtual address outside its network": (
        {f"{PAIR}.virtual_routers.inside.addresses": ["192.168.9.100"]},
        "all: site_pairs.ftfw.virtual_routers.inside.addresses: 192.168.9.100: is outside network inside; "
        "use an address of 192.168.2.0/24",
    ),
    "virtual router without an address": (
        {f"{PAIR}.virtual_routers.inside.addresses": []},
        "all: site_pairs.ftfw.virtual_routers.inside.addresses: []: a virtual router without an address; "
        "give it its virtual addresses",
    ),
    "equal priorities": (
        {f"{PAIR}.priorities": {"fw-1": 150, "fw-2": 150}},
        "all: site_pairs.ftfw.priorities: {fw-1: 150, fw-2: 150}: equal priorities; "
        "leave them out (250 and 249 are derived), or make them different",
    ),
    "a priority equal to the derived one": (
        {f"{PAIR}.priorities": {"fw-2": 250}},
        "all: site_pairs.ftfw.priorities: {fw-1: 250, fw-2: 250}: equal priorities; "
        "leave them out (250 and 249 are derived), or make them different",
    ),
    "unknown profile": (
        {f"{PAIR}.profile": "turbo"},
        "all: site_pairs.ftfw.profile: turbo: is unknown; known are: default, fast",
    ),
    "misspelt profile": (
        {f"{PAIR}.profile": "fsat"},
        "all: site_pairs.ftfw.profile: fsat: is unknown; did you mean fast?",
    ),
    "unknown way back": (
        {f"{PAIR}.preempt": "always"},
        "all: site_pairs.ftfw.preempt: always: is unknown; known are: never, when_synced",
    ),
    "unknown kind of replication": (
        {f"{PAIR}.replication": "none"},
        "all: site_pairs.ftfw.replication: none: is unknown; known are: direct, external",
    ),
    "advert interval that VRRPv3 can't say": (
        {f"{PAIR}.advert_interval": 41},
        f"all: site_pairs.ftfw.advert_interval: 41: is out of range; {ADVERTS}",
    ),
    "advert interval of nothing": (
        {f"{PAIR}.advert_interval": 0},
        f"all: site_pairs.ftfw.advert_interval: 0: is out of range; {ADVERTS}",
    ),
    "advert interval between hundredths": (
        {f"{PAIR}.advert_interval": 0.075},
        f"all: site_pairs.ftfw.advert_interval: 0.075: is not a whole number of hundredths; {ADVERTS}",
    ),
    "advert interval that is no number": (
        {f"{PAIR}.advert_interval": "70 ms"},
        f"all: site_pairs.ftfw.advert_interval: 70 ms: is not a number; {ADVERTS}",
    ),
    "advert interval that is no end": (
        {f"{PAIR}.advert_interval": float("inf")},
        f"all: site_pairs.ftfw.advert_interval: inf: is not a number; {ADVERTS}",
    ),
    "a pair of one": (
        {f"{PAIR}.nodes": ["fw-1"]},
        "all: site_pairs.ftfw.nodes: [fw-1]: a pair of 1 node; "
        "name two different hosts, the preferred one first",
    ),
    "a pair of three": (
        {f"{PAIR}.nodes": ["fw-1", "fw-2", "client"]},
        "all: site_pairs.ftfw.nodes: [fw-1, fw-2, client]: a pair of 3 nodes; "
        "name two different hosts, the preferred one first",
    ),
    "a pair of a node and itself": (
        {f"{PAIR}.nodes": ["fw-1", "fw-1"]},
        "all: site_pairs.ftfw.nodes: [fw-1, fw-1]: a pair of 1 node; "
        "name two different hosts, the preferred one first",
    ),
    "grounded sync network": (
        {"omarine:hypervisor_bridges.br2.addresses": ["192.168.100.1/24"]},
        "omarine: hypervisor_bridges.br2.addresses: [192.168.100.1/24]: network sync carries the "
        "replication of pair ftfw and must not be grounded; leave the addresses out",
    ),
    "VRID out of range": (
        {f"{PAIR}.virtual_routers.inside.vrid": 256},
        "all: site_pairs.ftfw.virtual_routers.inside.vrid: 256: is out of range; use 1 to 255",
    ),
    "duplicate VRID on a wire": (
        {
            f"{PAIR}.virtual_routers.second": {
                "network": "inside",
                "vrid": 61,
                "addresses": ["192.168.2.101"],
            }
        },
        "all: site_pairs.ftfw.virtual_routers.second.vrid: 61: ftfw.virtual_routers.inside has it on network "
        "inside too; use another one, 1 to 255",
    ),
    "no interface on a router's network": (
        {f"{FW2}.eth1": None},
        "fw-2: node_interfaces: inside: no interface on this network of pair ftfw; declare one",
    ),
    "no interface on the sync network": (
        {f"{FW2}.eth2": None},
        "fw-2: node_interfaces: sync: no interface on this network of pair ftfw; declare one",
    ),
    "firewall without its DHCP address": (
        {f"{FW2}.eth0.addresses": []},
        "fw-2: node_interfaces.eth0.addresses: []: no IPv4 address on network outside, which pair ftfw uses; "
        "declare it, also where DHCP hands it out",
    ),
    "firewall as its own gateway": (
        {f"{FW2}.eth1.gateway": "virtual"},
        "fw-2: node_interfaces.eth1.gateway: virtual: the pair would be its own gateway; "
        "write another router's address, or leave it out",
    ),
}


@pytest.mark.parametrize(("changes", "line"), CASES.values(), ids=CASES)
def test_bad_input(changed: Change, changes: dict[str, object], line: str) -> None:
    found = errors(changed(changes))
    assert line in found
