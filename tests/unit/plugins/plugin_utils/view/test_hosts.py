# SPDX-License-Identifier: GPL-3.0-or-later
"""Views of hosts: how those of other sites differ from the lab's, which tests/sites/ipv4/views.yml has."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_view

Change = Callable[[dict[str, object]], dict[str, dict[str, Any]]]


def test_probes(changed: Change) -> None:
    ports = {"tcp": 7101, "ftp": 2121, "forward": {"udp": 7104}}
    hostvars = changed({"all:site_probes": {"client": "client", "server": "omarine", **ports}})
    assert host_view(load_site(hostvars), "client")["verify"]["probes"] == {
        "client": {"host": "client", "address": "192.168.2.3"},
        "server": {"host": "omarine", "address": "192.168.0.3"},
        "tcp": 7101,
        "udp": 7002,
        "ftp": 2121,
        "rate": 1000,
        "sessions": 20,
        "slack": 1,
        "forward": {"address": "192.168.0.100", "tcp": 7003, "udp": 7104},
        "families": [
            {
                "family": 4,
                "name": "",
                "client": "192.168.2.3",
                "server": "192.168.0.3",
                "forward": "192.168.0.100",
            }
        ],
        "balancers": [],
        "nodes": ["fw-1", "fw-2"],
        "open": [
            "add element inet ftfw probe_ports { tcp . 7101 timeout SECONDSs, udp . 7002 timeout SECONDSs, "
            "tcp . 2121 timeout SECONDSs, tcp . 7003 timeout SECONDSs, udp . 7104 timeout SECONDSs }",
            "add element inet ftfw probe_ftp { 2121 timeout SECONDSs }",
            "add element inet ftfw probe_pings { 192.168.2.3 . 192.168.0.3 timeout SECONDSs }",
            "add element inet ftfw probe_forwards { "
            "192.168.0.100 . tcp . 7003 timeout SECONDSs : 192.168.2.3, "
            "192.168.0.100 . udp . 7104 timeout SECONDSs : 192.168.2.3 }",
        ],
        "close": [
            "flush set inet ftfw probe_ports",
            "flush set inet ftfw probe_ftp",
            "flush set inet ftfw probe_pings",
            "flush map inet ftfw probe_forwards",
        ],
    }


def test_view_is_plain_json(lab: dict[str, dict[str, Any]]) -> None:
    site = load_site(lab)
    views = {host: host_view(site, host) for host in lab}
    assert json.loads(json.dumps(views)) == views


def test_without_source_nat_the_grounded_bridge_gets_the_way_back(changed: Change) -> None:
    view = host_view(load_site(changed({"all:site_source_nat": "none"})), "omarine")
    routes = {bridge["name"]: bridge["routes"] for bridge in view["host_network"]["bridges"]}
    assert routes == {
        "br0": [{"destination": "192.168.2.0/24", "gateway": "192.168.0.100"}],
        "br1": [],
        "br2": [],
        "br-mgmt": [],
    }


@pytest.mark.parametrize(
    ("profile", "advert_interval", "expected"),
    [
        pytest.param(None, None, (0.07, "wanted"), id="nothing-said"),
        pytest.param("default", None, (0.07, "wanted"), id="default"),
        pytest.param("fast", None, (0.03, "required"), id="fast"),
        pytest.param("fast", 0.02, (0.02, "required"), id="fast-with-another-interval"),
        pytest.param(None, 40.95, (40.95, "wanted"), id="longest"),
        pytest.param(None, 1, (1.0, "wanted"), id="whole"),
        pytest.param(None, "0.29", (0.29, "wanted"), id="templated"),
    ],
)
def test_how_soon_a_fault_is_noticed(
    changed: Change, profile: str | None, advert_interval: object, expected: tuple[float, str]
) -> None:
    changes: dict[str, object] = {"all:site_pairs.ftfw.advert_interval": advert_interval}
    if profile is not None:
        changes["all:site_pairs.ftfw.profile"] = profile
    keepalived = host_view(load_site(changed(changes)), "fw-2")["keepalived"]
    assert (keepalived["advert_interval"], keepalived["realtime"]) == expected


def test_with_external_replication_there_is_a_gate_on_the_data_networks(changed: Change) -> None:
    view = host_view(load_site(changed({"all:site_pairs.ftfw.replication": "external"})), "fw-1")
    assert view["conntrackd"]["external_cache"] is True
    assert (view["pair_state"]["replication"], view["pair_state"]["gate"]) == ("external", ["eth0", "eth1"])


def test_priorities_can_be_overridden(changed: Change) -> None:
    site = load_site(changed({"all:site_pairs.ftfw.priorities": {"fw-2": 254}}))
    priorities = {
        node: {i["priority"] for i in host_view(site, node)["keepalived"]["instances"]}
        for node in ("fw-1", "fw-2")
    }
    assert priorities == {"fw-1": {250}, "fw-2": {254}}
    assert host_view(site, "fw-2")["pair"]["preferred"] is True


@pytest.mark.parametrize(
    ("mtu", "listed"), [(None, {4: 255, 6: 89}), (1280, {4: 255, 6: 76}), (9000, {4: 255, 6: 255})]
)
def test_what_exceeds_an_advert_is_excluded(changed: Change, mtu: int | None, listed: dict[int, int]) -> None:
    virtual = [f"10.9.{number // 200}.{number % 200 + 10}" for number in range(300)]
    virtual += [f"2001:db8:2::{number + 256:x}" for number in range(300)]
    network = {"prefixes": ["10.9.0.0/16", "2001:db8:2::/64"]} | ({"mtu": mtu} if mtu else {})
    changes = {
        "all:site_networks.inside": network,
        "all:site_pairs.ftfw.virtual_routers.inside.addresses": virtual,
        "fw-1:node_interfaces.eth1.addresses": ["10.9.0.1", "2001:db8:2::1"],
        "fw-2:node_interfaces.eth1.addresses": ["10.9.0.2", "2001:db8:2::2"],
        "client:node_interfaces.eth0.addresses": ["10.9.0.3", "2001:db8:2::3"],
    }
    view = host_view(load_site(changed(changes)), "fw-1")
    inside = [one for one in view["keepalived"]["instances"] if one["name"].startswith("inside")]
    assert {one["family"]: len(one["addresses"]) for one in inside} == listed
    assert sorted(
        a.partition("/")[0] for one in inside for a in one["addresses"] + one["excluded"]
    ) == sorted(virtual)
    # whoever removes, guards or counts addresses knows all of them
    known = [one["address"].partition("/")[0] for one in view["pair_state"]["addresses"]]
    assert set(virtual) <= set(known)


def test_a_virtual_router_of_two_families_is_two_instances(changed: Change) -> None:
    site = load_site(
        changed(
            {
                "all:site_networks.inside.prefixes": ["192.168.2.0/24", "2001:db8:2::/64"],
                "all:site_pairs.ftfw.virtual_routers.inside.addresses": ["192.168.2.100", "2001:db8:2::100"],
                "fw-1:node_interfaces.eth1.addresses": ["192.168.2.1", "2001:db8:2::1"],
                "fw-2:node_interfaces.eth1.addresses": ["192.168.2.2", "2001:db8:2::2"],
                "client:node_interfaces.eth0.addresses": ["192.168.2.3", "2001:db8:2::3"],
            }
        )
    )
    keepalived = host_view(site, "fw-1")["keepalived"]
    assert keepalived["sync_groups"] == [{"name": "ftfw", "instances": ["inside", "inside_v6", "outside"]}]
    assert keepalived["instances"][1] == {
        "name": "inside_v6",
        "interface": "eth1",
        "family": 6,
        "vrid": 61,
        "priority": 250,
        "source": "2001:db8:2::1",
        "peers": ["2001:db8:2::2"],
        "addresses": ["2001:db8:2::100/128"],
        "excluded": [],
    }
    client = host_view(site, "client")["node_network"]["interfaces"][0]
    assert client["gateways"] == ["192.168.2.100", "2001:db8:2::100"]


def test_bare_metal_has_neither_taps_nor_virtual_machines(changed: Change) -> None:
    changes: dict[str, object] = {"omarine:hypervisor_bridges": None, "all:site_probes": None}
    for host in ("fw-1", "fw-2", "client"):
        changes[f"{host}:guest"] = None
        for name in ("eth0", "mgmt0"):
            changes[f"{host}:node_interfaces.{name}.tap"] = None
    for host in ("fw-1", "fw-2"):
        for name in ("eth1", "eth2"):
            changes[f"{host}:node_interfaces.{name}.tap"] = None
    site = load_site(changed(changes))
    view = host_view(site, "fw-1")
    assert view["roles"] == ["firewall"]
    assert {"host_network", "guest", "lab_services"}.isdisjoint(view)
    assert host_view(site, "omarine")["roles"] == []
    assert view["verify"]["server"] is None
    assert view["verify"]["pair"]["guests"] == {}
    assert "10.255.0.0/24 tcp dport 22 accept" in view["nftables"]["ruleset"]


def test_paths_ask_bridges_and_gateways_first_and_never_the_pair(changed: Change) -> None:
    hostvars = changed(
        {
            "fw-1:node_interfaces.eth0.gateway": "192.168.0.254",
            "fw-2:node_interfaces.eth0.gateway": "192.168.0.254",
            "client:node_interfaces.eth0.gateway": "192.168.2.100",
        }
    )
    paths = {path["network"]: path for path in host_view(load_site(hostvars), "fw-2")["pair_state"]["paths"]}
    assert paths["outside"]["targets"] == ["192.168.0.3", "192.168.0.254"]
    assert paths["inside"]["targets"] == ["192.168.2.3"]
    assert "mgmt" not in paths


def test_a_path_has_the_family_that_both_nodes_have(changed: Change) -> None:
    hostvars = changed(
        {
            "all:site_networks.sync.prefixes": ["fd00:100::/64"],
            "fw-1:node_interfaces.eth2.addresses": ["fd00:100::1"],
            "fw-2:node_interfaces.eth2.addresses": ["fd00:100::2"],
        }
    )
    view = host_view(load_site(hostvars), "fw-1")
    assert view["pair_state"]["paths"][-1] == {
        "network": "sync",
        "interface": "eth2",
        "local": "fd00:100::1",
        "peer": "fd00:100::2",
        "leg": False,
        "targets": [],
    }
    rule = 'iifname "eth2" ip6 saddr fd00:100::2 ip6 daddr fd00:100::1 udp sport 3781 udp dport 3781 accept'
    assert rule in view["nftables"]["ruleset"]


DUAL = {
    "all:site_networks.outside.prefixes": ["192.168.0.0/24", "2001:db8::/64"],
    "all:site_networks.sync.prefixes": ["192.168.100.0/24", "2001:db8:64::/64"],
    "all:site_networks.mgmt.prefixes": ["10.255.0.0/24", "2001:db8:ff::/64"],
}


def link_local(hostvars: dict[str, dict[str, Any]], host: str = "fw-1") -> dict[str, tuple[str | None, bool]]:
    interfaces = host_view(load_site(hostvars), host)["node_network"]["interfaces"]
    return {each["network"]: (each["link_local"], each["kernel_link_local"]) for each in interfaces}


def test_link_local_addresses_are_made_from_the_mac(changed: Change) -> None:
    """RFC 4291, appendix A: on what has IPv6 and on what has not, but on no replication link."""
    assert link_local(changed(DUAL)) == {
        "outside": ("fe80::1034:56ff:fe78:9a01/64", False),
        "inside": ("fe80::1034:56ff:fe78:9a11/64", True),
        "sync": (None, False),
        "mgmt": ("fe80::1034:56ff:fe78:9af1/64", False),
    }


@pytest.mark.parametrize(
    ("changes", "made"),
    [
        pytest.param({}, False, id="IPv4"),
        pytest.param({"prefixes": ["192.168.2.0/24", "2001:db8:2::/64"]}, True, id="both"),
        pytest.param({"link_local": True}, True, id="wanted"),
    ],
)
def test_who_is_no_firewall_has_link_local_addresses_where_the_site_has_ipv6(
    changed: Change, changes: dict[str, object], made: bool
) -> None:
    """It has no rules of ours that would let in neighbour discovery only."""
    hostvars = changed({f"all:site_networks.inside.{key}": value for key, value in changes.items()})
    found = link_local(hostvars, "client")
    assert (found.pop("inside")[0] is not None) is made
    assert set(found.values()) <= {(None, False)}


def test_no_link_local_address_where_the_mtu_is_too_small_for_ipv6(changed: Change) -> None:
    """RFC 8200, section 5: networkd would raise the MTU to what IPv6 needs."""
    found = link_local(changed({"all:site_networks.outside.mtu": 1279}))
    assert found["outside"] == (None, False)
    assert link_local(changed({"all:site_networks.outside.mtu": 1280}))["outside"] != (None, False)


def test_a_site_may_want_link_local_addresses_elsewhere(changed: Change) -> None:
    words = {"all:site_networks.sync.link_local": True, "all:site_networks.mgmt.link_local": False}
    for more in ({}, DUAL):
        found = link_local(changed({**more, **words}))
        assert found["sync"] == ("fe80::1034:56ff:fe78:9a21/64", not more)
        assert found["mgmt"] == (None, False)
        assert found["inside"] == ("fe80::1034:56ff:fe78:9a11/64", True)


def test_without_a_mac_the_kernel_makes_the_link_local_address(changed: Change) -> None:
    hostvars = changed({**DUAL, "fw-1:guest": None})
    for interface in hostvars["fw-1"]["node_interfaces"].values():
        del interface["mac"], interface["tap"]
    assert link_local(hostvars) == {
        "outside": (None, True),
        "inside": (None, True),
        "sync": (None, False),
        "mgmt": (None, True),
    }


NOWHERE = {f"all:site_networks.{name}.link_local": False for name in ("outside", "inside", "mgmt")}


@pytest.mark.parametrize(("changes", "ignored"), [(DUAL, True), ({}, True), (NOWHERE, False)])
def test_flows_of_link_local_addresses_are_not_replicated(
    changed: Change, changes: dict[str, object], ignored: bool
) -> None:
    conntrackd = host_view(load_site(changed(changes)), "fw-1")["conntrackd"]
    assert ("fe80::/10" in conntrackd["ignored_addresses"]) is ignored
