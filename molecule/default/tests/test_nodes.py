# SPDX-License-Identifier: GPL-3.0-or-later
"""What the guests are, as their kernels tell it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from kernel import Ansible, addresses

ADDRESSES = {
    "fw-1": {
        "eth0": ("192.168.0.1/24", "2001:db8::1/64"),
        "eth1": ("192.168.2.1/24", "2001:db8:2::1/64"),
        "eth2": ("192.168.100.100/24",),
        "mgmt0": ("10.255.0.1/24",),
    },
    "fw-2": {
        "eth0": ("192.168.0.2/24", "2001:db8::2/64"),
        "eth1": ("192.168.2.2/24", "2001:db8:2::2/64"),
        "eth2": ("192.168.100.200/24",),
        "mgmt0": ("10.255.0.2/24",),
    },
    "client": {"eth0": ("192.168.2.3/24", "2001:db8:2::3/64"), "mgmt0": ("10.255.0.3/24",)},
}
VIRTUAL = {"192.168.0.100/32": "eth0", "192.168.2.100/32": "eth1"}
VIRTUAL |= {"2001:db8::100/128": "eth0", "2001:db8:2::100/128": "eth1"}
# made from the MAC (RFC 4291, appendix A); a firewall has one on networks without a prefix of IPv6, too
NEAR = "fe80::1034:56ff:fe78:9a{}/64"
LINK_LOCAL = {
    "fw-1": {"eth0": "01", "eth1": "11", "mgmt0": "f1"},
    "fw-2": {"eth0": "02", "eth1": "12", "mgmt0": "f2"},
    "client": {"eth0": "13"},
}
VLAN_BRIDGE = {"name": "brv", "vlan_filtering": True, "vlans": [{"vid": 100, "pvid": True}], "up": True}


@pytest.mark.parametrize("name", ADDRESSES)
def test_each_interface_has_its_own_addresses(guest: Callable[[str], Any], name: str) -> None:
    near = {}
    for interface, expected in ADDRESSES[name].items():
        found = addresses(guest(name), interface)
        assert set(expected) <= set(found)
        near[interface] = [address for address in found if address.startswith("fe80:")]
    own = LINK_LOCAL[name]
    assert near == {each: [NEAR.format(own[each])] if each in own else [] for each in ADDRESSES[name]}


def test_the_virtual_addresses_are_on_one_node_together(guest: Callable[[str], Any]) -> None:
    holders = [
        {address: address in addresses(guest(name), interface) for address, interface in VIRTUAL.items()}
        for name in ("fw-1", "fw-2")
    ]
    everything, nothing = dict.fromkeys(VIRTUAL, True), dict.fromkeys(VIRTUAL, False)
    assert holders in ([everything, nothing], [nothing, everything])


@pytest.mark.parametrize("name", ADDRESSES)
def test_no_unit_has_failed(guest: Callable[[str], Any], name: str) -> None:
    assert guest(name).check_output("systemctl --failed --plain --no-legend") == ""


@pytest.mark.parametrize("name", ADDRESSES)
def test_a_kernel_that_gives_up_starts_anew(guest: Callable[[str], Any], name: str) -> None:
    assert guest(name).file("/proc/sys/kernel/panic").content_string == "10\n"
    # an emulated one does not look at its timer, or it gives up where the emulator stood still meanwhile
    line = guest(name).file("/proc/cmdline").content_string.split()
    assert ("no_timer_check" in line) == ("mitigations=off" in line)


@pytest.mark.parametrize("name", ["fw-1", "fw-2"])
def test_the_kernel_has_the_rules_of_the_file(guest: Callable[[str], Any], name: str) -> None:
    """Flowtables and all: what the health check loads aside has the devices that they name."""
    told = json.loads(guest(name).check_output("pair-health"))["ruleset"]
    assert (told["loaded"], told["same"], told["why"]) == (True, True, None)


def test_nobody_reaches_another_guest_over_management(guest: Callable[[str], Any]) -> None:
    client = guest("client")
    # without an answer of the hypervisor the silence of the others would prove nothing
    assert client.run("ping -c 1 -W 2 -I mgmt0 10.255.0.254").rc == 0
    for other in ("10.255.0.1", "10.255.0.2"):
        assert client.run(f"ping -c 1 -W 2 -I mgmt0 {other}").rc == 1
        # not by way of the firewalls either
        assert client.run(f"ping -c 1 -W 2 -I eth0 {other}").rc == 1


def test_a_bridge_filters_vlans_in_a_kernel_that_can(guest: Callable[[str], Any], ansible: Ansible) -> None:
    arguments = json.dumps({"bridges": [VLAN_BRIDGE]})
    try:
        assert "CHANGED" in ansible("ansible", "client", "-m", "ftfw.pair.bridge", "-a", arguments)
        shown = json.loads(guest("client").check_output("bridge -json vlan show dev brv"))
        assert [(vlan["vlan"], vlan["flags"]) for vlan in shown[0]["vlans"]] == [(100, ["PVID"])]
        assert "SUCCESS" in ansible("ansible", "client", "-m", "ftfw.pair.bridge", "-a", arguments)
    finally:
        absent = json.dumps({"bridges": [{"name": "brv", "state": "absent"}]})
        ansible("ansible", "client", "-m", "ftfw.pair.bridge", "-a", absent)
    assert not guest("client").interface("brv").exists
