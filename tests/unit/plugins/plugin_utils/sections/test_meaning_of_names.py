# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that are well written, and mean something else to YAML, the kernel or Ansible."""

from __future__ import annotations

from datetime import date

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.sections.changed import (
    DUAL_OUTSIDE,
    PAIR,
    SPARE,
    Change,
    HostVars,
    another,
    errors,
)

ROUTERS: dict[str, dict[str, object]] = {
    "inside": {"vrid": 61, "addresses": ["192.168.2.100"]},
    "outside": {"vrid": 62, "addresses": ["192.168.0.100"]},
}


WRONG: dict[str, tuple[dict[str, object], str]] = {
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
    "a pair named 010": (
        {
            "all:site_pairs": {
                8: {"nodes": ["fw-1", "fw-2"], "sync": ["sync"], "virtual_routers": ROUTERS},
            }
        },
        "all: site_pairs.8: 8: YAML takes this name for no text; write it in quotes, or choose another one",
    ),
    "a service named 1e3": (
        {"all:site_services": {1000.0: {"tcp": [9]}}},
        "all: site_services.1000.0: 1000.0: YAML takes this name for no text; "
        "write it in quotes, or choose another one",
    ),
    "an interface named as a day": (
        {"client:node_interfaces": {date(2026, 1, 1): {"network": "inside", "addresses": ["192.168.2.3"]}}},
        "client: node_interfaces.2026-01-01: 2026-01-01: YAML takes this name for no text; "
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
            **DUAL_OUTSIDE,
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
}


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
