# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input: every error is one line that names host, key and value, and all are found in one run."""

from __future__ import annotations

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SiteError
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.sections.changed import (
    FW2,
    PAIR,
    Change,
    HostVars,
    errors,
)


def test_lab_is_without_problems(lab: HostVars) -> None:
    assert list(load_site(lab).hosts) == ["omarine", "fw-1", "fw-2", "client"]


CASES: dict[str, tuple[dict[str, object], str]] = {
    "duplicate MAC": (
        {f"{FW2}.eth1.mac": "12:34:56:78:9A:11"},
        "fw-2: node_interfaces.eth1.mac: 12:34:56:78:9a:11: this MAC address is already that of fw-1's eth1; "
        "give every interface its own",
    ),
    "duplicate tap": (
        {f"{FW2}.eth1.tap": "net11"},
        "fw-2: node_interfaces.eth1.tap: net11: this interface name is already that of fw-1's eth1; "
        "names are unique on omarine",
    ),
    "tap named as a bridge": (
        {f"{FW2}.eth1.tap": "br0"},
        "fw-2: node_interfaces.eth1.tap: br0: this interface name is already that of bridge br0; "
        "names are unique on omarine",
    ),
    "duplicate address": (
        {f"{FW2}.eth1.addresses": ["192.168.2.1"]},
        "fw-2: node_interfaces.eth1.addresses: 192.168.2.1: this address is already that of fw-1's eth1; "
        "give every interface its own",
    ),
    "address outside its subnet": (
        {f"{FW2}.eth1.addresses": ["192.168.3.2"]},
        "fw-2: node_interfaces.eth1.addresses: 192.168.3.2: is outside network inside; "
        "use an address of 192.168.2.0/24",
    ),
    "broadcast address": (
        {f"{FW2}.eth1.addresses": ["192.168.2.255"]},
        "fw-2: node_interfaces.eth1.addresses: 192.168.2.255: "
        "is the network's or the broadcast address of 192.168.2.0/24; use another one",
    ),
    "unknown network": (
        {f"{FW2}.eth1.network": "insid"},
        "fw-2: node_interfaces.eth1.network: insid: unknown network; did you mean inside?",
    ),
    "bridge on an unknown network": (
        {"omarine:hypervisor_bridges.br9": {"network": "dmz"}},
        "omarine: hypervisor_bridges.br9.network: dmz: unknown network; "
        "known are: inside, mgmt, outside, sync",
    ),
    "bridge name too long": (
        {"omarine:hypervisor_bridges.bridge-to-nowhere": {"network": "sync2"}},
        "omarine: hypervisor_bridges.bridge-to-nowhere: bridge-to-nowhere: "
        "an interface name of 17 bytes is too long; use up to 15 bytes",
    ),
    "tap name too long": (
        {f"{FW2}.eth1.tap": "net12-of-the-pair"},
        "fw-2: node_interfaces.eth1.tap: net12-of-the-pair: an interface name of 17 bytes is too long; "
        "use up to 15 bytes",
    ),
    "bridge address with another prefix length": (
        {"omarine:hypervisor_bridges.br0.addresses": ["192.168.0.3/16"]},
        "omarine: hypervisor_bridges.br0.addresses: 192.168.0.3/16: "
        "has another prefix length than network outside; write 192.168.0.3/24",
    ),
    "misspelt option": (
        {f"{FW2}.eth1.adresses": ["192.168.2.9"]},
        "fw-2: node_interfaces.eth1.adresses: [192.168.2.9]: unknown option; did you mean addresses?",
    ),
    "wrong type": (
        {"fw-2:guest.cpus": "many"},
        "fw-2: guest.cpus: many: is not a whole number; use 1 to 255",
    ),
    "mapping instead of list": (
        {"all:site_policy": {"from": "inside"}},
        "all: site_policy: {from: inside}: is not a list; write [VALUE, …]",
    ),
    "address with prefix length": (
        {f"{FW2}.eth1.addresses": ["192.168.2.2/24"]},
        "fw-2: node_interfaces.eth1.addresses[0]: 192.168.2.2/24: has a prefix length; "
        "write the address alone: the network knows its prefix",
    ),
    "prefix with host bits": (
        {"all:site_networks.inside.prefixes": ["192.168.2.1/24"]},
        "all: site_networks.inside.prefixes[0]: 192.168.2.1/24: has host bits set; write 192.168.2.0/24",
    ),
    "overlapping prefixes": (
        {"all:site_networks.inside.prefixes": ["192.168.0.0/16"]},
        "all: site_networks.inside.prefixes: 192.168.0.0/16: overlaps 192.168.0.0/24 of network outside; "
        "each wire needs a prefix of its own",
    ),
    "missing MAC on a guest": (
        {f"{FW2}.eth1.mac": None},
        "fw-2: node_interfaces.eth1.mac: (empty): is missing; mac is required here",
    ),
    "missing MAC on a machine whose other cards are named by theirs": (
        {"fw-2:guest": None, **{f"{FW2}.{name}.tap": None for name in ("eth0", "eth1", "eth2", "mgmt0")}}
        | {f"{FW2}.eth1.mac": None},
        "fw-2: node_interfaces.eth1.mac: (empty): is missing, while eth0 is named by its MAC: the kernel "
        "gives such names in any order; give it one too, or one to no interface of this node",
    ),
    "MAC read as a number by YAML": (
        {f"{FW2}.eth1.mac": 9_623_652},
        "fw-2: node_interfaces.eth1.mac: 9623652: is not a MAC address; write six octets in quotes, such as "
        '"12:34:56:78:9a:01"',
    ),
    "multicast MAC": (
        {f"{FW2}.eth1.mac": "13:34:56:78:9a:12"},
        "fw-2: node_interfaces.eth1.mac: 13:34:56:78:9a:12: cannot be an interface's own MAC address; "
        "use a unicast one: an even first octet",
    ),
    "unknown hypervisor": (
        {"fw-2:guest.hypervisor": "omarin"},
        "fw-2: guest.hypervisor: omarin: is not in the inventory; did you mean omarine?",
    ),
    "hypervisor without a bridge there": (
        {"omarine:hypervisor_bridges.br2": None},
        "omarine: hypervisor_bridges: sync: no bridge is on this network, which stands in "
        "fw-1: node_interfaces.eth2.network, fw-2: node_interfaces.eth2.network; declare one on omarine",
    ),
    "site variable that differs": (
        {"fw-2:site_source_nat": "none", "fw-1:site_source_nat": "virtual_address"},
        "fw-2: site_source_nat: none: differs from what fw-1 has; "
        "a site-wide variable is written once, for the group all",
    ),
    "guest of a host without bridges": (
        {"fw-2:guest.hypervisor": "fw-2"},
        "fw-2: guest.hypervisor: fw-2: has no hypervisor_bridges; known are: omarine",
    ),
}


@pytest.mark.parametrize(("changes", "line"), CASES.values(), ids=CASES)
def test_bad_input(changed: Change, changes: dict[str, object], line: str) -> None:
    found = errors(changed(changes))
    assert line in found


def test_all_errors_are_found_in_one_run(changed: Change) -> None:
    lines = errors(
        changed(
            {
                f"{FW2}.eth1.mac": "12:34:56:78:9a:11",
                f"{FW2}.eth1.addresses": ["10.0.0.1"],
                f"{PAIR}.virtual_routers.outside.addresses": ["192.168.0.1"],
                "all:site_policy.0.services": ["telnett"],
                "omarine:hypervisor_bridges.br2.addresses": ["192.168.100.1/24"],
                "client:guest.memory_mib": -1,
            }
        )
    )
    places = {tuple(line.split(": ")[:3]) for line in lines}
    assert {
        ("fw-2", "node_interfaces.eth1.mac", "12:34:56:78:9a:11"),
        ("fw-2", "node_interfaces.eth1.addresses", "10.0.0.1"),
        ("all", "site_pairs.ftfw.virtual_routers.outside.addresses", "192.168.0.1"),
        ("all", "site_policy[0].services", "telnett"),
        ("omarine", "hypervisor_bridges.br2.addresses", "[192.168.100.1/24]"),
        ("client", "guest.memory_mib", "-1"),
    } <= places
    assert all("\n" not in line for line in lines)


def test_a_line_break_in_a_key_does_not_break_the_line(changed: Change) -> None:
    lines = errors(changed({"client:node_interfaces.eth0.a\nb": "c\nd"}))
    assert lines == [
        "client: node_interfaces.eth0.a b: c d: unknown option; "
        "known are: addresses, dhcp, gateway, mac, network, tap"
    ]


def test_one_misspelt_network_gives_no_dozen_of_errors(changed: Change) -> None:
    assert len(errors(changed({"client:node_interfaces.eth0.network": "insid"}))) <= 2


def test_misspelt_variable_name(lab: HostVars) -> None:
    with pytest.raises(SiteError) as raised:
        load_site(lab, {"fw-1": ["site_network", "node_network_interfaces", "site_view", "node_resolvers"]})
    assert raised.value.problems.lines() == [
        "fw-1: site_network: …: no variable of this collection has this name; did you mean site_networks?"
    ]


def test_misspelt_name_of_the_tests(lab: HostVars) -> None:
    names = {"fw-1": ["site_policy_test", "site_policy_tests"]}
    with pytest.raises(SiteError, match=r"site_policy_test: .* did you mean site_policy_tests"):
        load_site(lab, names)
