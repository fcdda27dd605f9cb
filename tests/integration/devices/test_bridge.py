# SPDX-License-Identifier: GPL-3.0-or-later
"""The module bridge against the real kernel."""

from __future__ import annotations

import json
import subprocess

import pytest

GROUNDED = {
    "name": "br0",
    "mac": "02:00:00:00:00:AA",
    "mtu": 1400,
    "addresses": ["192.168.0.3/24", "fd00::3/64"],
    "ports": ["port1"],
    "stp": False,
    "ageing_time": 100,
    "forward_delay": 0,
    "multicast_snooping": False,
}


@pytest.fixture
def ports(ip):
    for name in ("port1", "port2"):
        ip(f"link add {name} type veth peer name {name}-peer")


def addresses(link):
    return sorted(
        f"{a['local']}/{a['prefixlen']}" for a in link["addr_info"] if not a["local"].startswith("fe80:")
    )


def test_a_bridge_is_made_kept_changed_and_removed(bridges, links, ports):
    predicted = bridges(GROUNDED, check=True)
    assert predicted["changed"]
    assert "br0" not in links()

    made = bridges(GROUNDED)
    assert made["changes"] == predicted["changes"]
    assert made["diff"] == predicted["diff"]
    bridge = links()["br0"]
    assert bridge["address"] == "02:00:00:00:00:aa"
    assert bridge["mtu"] == 1400
    assert "UP" in bridge["flags"]
    assert addresses(bridge) == ["192.168.0.3/24", "fd00::3/64"]
    # its port has no carrier
    assert not [a for a in bridge["addr_info"] if a["local"] == "fd00::3" and a.get("tentative")]
    data = bridge["linkinfo"]["info_data"]
    assert (data["stp_state"], data["forward_delay"], data["ageing_time"]) == (0, 0, 10000)
    assert data["mcast_snooping"] == 0
    assert links()["port1"]["master"] == "br0"

    again = bridges(GROUNDED)
    assert not again["changed"]
    assert again["changes"] == []
    assert again["diff"]["before"] == again["diff"]["after"]
    assert again["devices"]["br0"] == made["devices"]["br0"]

    changed = bridges({"name": "br0", "ports": ["port2"], "purge_ports": True, "addresses": [], "up": False})
    assert changed["changes"] == [
        "bridge br0: remove port port1",
        "bridge br0: bring down",
        "bridge br0: remove address 192.168.0.3/24",
        "bridge br0: remove address fd00::3/64",
        "bridge br0: add port port2",
    ]
    assert addresses(links()["br0"]) == []
    assert "master" not in links()["port1"]
    assert links()["br0"]["mtu"] == 1400, "what is not given is left alone"

    gone = {"name": "br0", "state": "absent"}
    assert bridges(gone, check=True)["changed"]
    assert "br0" in links()
    assert bridges(gone)["changes"] == ["bridge br0: remove port port2", "bridge br0: delete"]
    assert "br0" not in links()
    assert not bridges(gone)["changed"]


def test_link_local_addresses_are_never_removed(bridges, links, ip, ports):
    bridges({"name": "br0", "ports": ["port1"]})
    ip("link set port1 up")
    ip("link set port1-peer up")
    ip("address add fe80::5/64 dev br0")
    before = {a["local"] for a in links()["br0"]["addr_info"]}
    assert not bridges({"name": "br0", "addresses": []})["changed"]
    assert {a["local"] for a in links()["br0"]["addr_info"]} >= before
    assert bridges({"name": "br0", "addresses": ["fe80::7/64"]})["changes"] == [
        "bridge br0: add address fe80::7/64"
    ]


def test_a_secondary_address_outlives_its_primary(bridges, links):
    bridges({"name": "br0", "addresses": ["10.0.0.1/24", "10.0.0.2/24", "10.0.0.3/24"]})
    kept = {"name": "br0", "addresses": ["10.0.0.3/24", "10.0.0.2/24"]}
    assert bridges(kept)["changes"] == ["bridge br0: remove address 10.0.0.1/24"]
    assert addresses(links()["br0"]) == ["10.0.0.2/24", "10.0.0.3/24"]
    assert not bridges(kept)["changed"]


def test_addresses_stay_when_a_bridge_goes_down(bridges, links):
    bridges({"name": "br0", "addresses": ["10.0.0.1/24", "fd00::1/64"]})
    down = {"name": "br0", "addresses": ["10.0.0.1/24", "fd00::1/64"], "up": False}
    assert bridges(down)["changes"] == ["bridge br0: bring down"]
    assert addresses(links()["br0"]) == ["10.0.0.1/24", "fd00::1/64"]
    assert not bridges(down)["changed"]


def test_many_bridges_in_one_task_and_a_port_that_moves(bridges, links, ports):
    bridges({"name": "br0", "ports": ["port1"]}, {"name": "br1", "ports": ["port2"]})
    moved = [
        {"name": "br0", "ports": ["port2"], "purge_ports": True},
        {"name": "br1", "ports": ["port1"], "purge_ports": True},
    ]
    assert bridges(*moved)["changed"]
    assert (links()["port1"]["master"], links()["port2"]["master"]) == ("br1", "br0")
    assert not bridges(*moved)["changed"]


def test_stp_can_be_turned_on_and_off(bridges, links):
    off = {"name": "br0", "stp": False, "forward_delay": 0}
    on = {"name": "br0", "stp": True, "forward_delay": 4}
    for wanted in (off, on, off):
        assert bridges(wanted)["changed"]
        assert not bridges(wanted)["changed"]
        data = links()["br0"]["linkinfo"]["info_data"]
        assert (bool(data["stp_state"]), data["forward_delay"]) == (
            wanted["stp"],
            wanted["forward_delay"] * 100,
        )


def test_a_refused_change_undoes_the_others(bridges, links, ip, ports):
    bridges({"name": "br0", "mtu": 1400, "ports": ["port1"]})
    ip("link set port1 type bridge_slave isolated on")
    before = links()
    # the kernel refuses a bridge as port of a bridge
    answer = bridges(
        {"name": "br1", "addresses": ["10.1.0.1/24"]},
        {
            "name": "br0",
            "mtu": 1300,
            "addresses": ["10.0.0.1/24"],
            "ports": ["port2", "br1"],
            "purge_ports": True,
        },
    )
    assert answer["msg"].startswith("bridge br0: cannot add port br1: Too many levels of symbolic links; ")
    assert answer["msg"].endswith(" changes before it were undone")
    after = links()
    assert "br1" not in after
    assert after["br0"]["mtu"] == 1400
    assert addresses(after["br0"]) == []
    assert after["port1"]["master"] == "br0"
    assert after["port1"]["linkinfo"]["info_slave_data"]["isolated"]
    assert "master" not in after["port2"]
    assert set(after) == set(before)


def test_a_removed_bridge_comes_back_when_a_later_change_is_refused(bridges, links, ports):
    bridges({**GROUNDED, "stp": True, "forward_delay": 5}, {"name": "br2"})
    answer = bridges({"name": "br0", "state": "absent"}, {"name": "br1", "ports": ["br2"]})
    assert "cannot add port br2" in answer["msg"]
    bridge = links()["br0"]
    assert (bridge["address"], bridge["mtu"]) == ("02:00:00:00:00:aa", 1400)
    assert addresses(bridge) == GROUNDED["addresses"]
    assert not bridges({**GROUNDED, "stp": True, "forward_delay": 5})["changed"]


@pytest.mark.parametrize(
    ("item", "message"),
    [
        pytest.param(
            {"name": "b" * 16},
            f"bridge {'b' * 16}: the name has 16 bytes, and the kernel takes 15 at most",
            id="long name",
        ),
        pytest.param(
            {"name": "port1"},
            "bridge port1: a device of this name exists, and its kind is veth",
            id="other kind",
        ),
        pytest.param(
            {"name": "port1", "state": "absent"},
            "bridge port1: a device of this name exists, and its kind is veth",
            id="other kind is not removed",
        ),
        pytest.param(
            {"name": "br0", "ports": ["port2"]},
            "bridge br0: cannot add port port2: already a member of br1",
            id="port of another bridge",
        ),
        pytest.param(
            {"name": "br0", "ports": ["port9"]},
            "bridge br0: cannot add port port9: no such device: port9",
            id="no such port",
        ),
    ],
)
def test_what_cannot_be_had_is_told_and_nothing_is_changed(bridges, links, ports, item, message):
    bridges({"name": "br1", "ports": ["port2"]})
    before = links()
    answer = bridges(item)
    assert answer["failed"]
    assert answer["msg"] == message
    assert set(links()) == set(before)


def test_check_mode_warns_of_a_port_that_is_not_there_yet(bridges, links):
    answer = bridges({"name": "br0", "ports": ["port9"]}, check=True)
    assert answer["changed"]
    assert "bridge br0: cannot add port port9: no such device: port9" in str(answer["warnings"])
    assert set(links()) == {"lo"}


def test_an_unknown_namespace_is_told(module):
    answer = module("bridge", {"bridges": [{"name": "br0"}], "netns": "ftfw-test-none"})
    assert answer["msg"] == "netns ftfw-test-none: no such network namespace"


VLAN_100_ONLY = {"name": "br0", "vlan_filtering": True, "vlans": [{"vid": 100, "pvid": True}]}


@pytest.fixture
def filters_vlans(ip):
    try:
        ip("link add probe type bridge vlan_filtering 1")
    except subprocess.CalledProcessError as error:
        assert "not supported" in error.stderr
        return False
    ip("link delete probe")
    return True


def test_a_kernel_without_vlan_filtering_is_told(bridges, links, filters_vlans):
    if filters_vlans:
        pytest.skip("this kernel has VLAN filtering")
    answer = bridges(VLAN_100_ONLY)
    assert answer["msg"] == (
        "bridge br0: cannot set vlan_filtering to true (was false): this kernel has no VLAN filtering"
        " (CONFIG_BRIDGE_VLAN_FILTERING); 1 change before it was undone"
    )
    assert "br0" not in links()


def test_vlans_of_the_bridge_itself(bridges, namespace, filters_vlans):
    """`vid 100 pvid` on the bridge, and VLAN 1 removed; then others, and a refusal that brings them back."""
    if not filters_vlans:
        pytest.skip("this kernel has no VLAN filtering: run this test in a guest with Debian's kernel")
    assert bridges(VLAN_100_ONLY)["changed"]
    assert shown_vlans(namespace) == [{"vlan": 100, "flags": ["PVID"]}]
    assert not bridges(VLAN_100_ONLY)["changed"]
    vlans = [{"vid": 1, "untagged": True}, {"vid": 7, "pvid": True, "untagged": True}]
    two = {**VLAN_100_ONLY, "vlans": vlans}
    assert bridges(two)["changed"]
    shown = [
        {"vlan": 1, "flags": ["Egress Untagged"]},
        {"vlan": 7, "flags": ["PVID", "Egress Untagged"]},
    ]
    assert shown_vlans(namespace) == shown
    assert not bridges(two)["changed"]
    refused = bridges({"name": "br1"}, {**VLAN_100_ONLY, "ports": ["br1"]})
    assert "cannot add port br1" in refused["msg"]
    assert shown_vlans(namespace) == shown
    assert bridges({"name": "br0", "state": "absent"}, {"name": "br1", "ports": ["br2"]})["failed"]
    refused = bridges({"name": "br0", "state": "absent"}, {"name": "br1"}, {"name": "br2", "ports": ["br1"]})
    assert "cannot add port br1" in refused["msg"]
    assert shown_vlans(namespace) == shown


def shown_vlans(namespace):
    command = ["bridge", "-netns", namespace, "-json", "vlan", "show", "dev", "br0"]
    shown = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return shown[0]["vlans"]


def test_without_permission_the_kernel_is_asked_and_the_answer_told(unprivileged_module, namespace):
    in_namespace = ("ip", "netns", "exec", namespace)
    answer = unprivileged_module("bridge", {"bridges": [{"name": "br0"}]}, *in_namespace)
    assert (
        answer["msg"]
        == "bridge br0: cannot create: Operation not permitted (root or CAP_NET_ADMIN is needed)"
    )
