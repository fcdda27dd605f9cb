# SPDX-License-Identifier: GPL-3.0-or-later
"""Sites as strangers have written them: several prefixes on a network, empty names, and other mistakes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_view
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SiteError

Change = Callable[[dict[str, object]], dict[str, dict[str, Any]]]
INSIDE = ["192.168.2.0/24", "192.168.7.0/24", "2001:db8:2::/64", "2001:db8:7::/64"]
SYNC = ["192.168.100.0/24", "192.168.107.0/24"]
SYNC_6 = ["2001:db8:100::/64", "2001:db8:107::/64"]


def inside(first: list[str], second: list[str]) -> dict[str, object]:
    return {
        "all:site_networks.inside.prefixes": INSIDE,
        "all:site_pairs.ftfw.virtual_routers.inside.addresses": ["192.168.2.100", "2001:db8:2::100"],
        "fw-1:node_interfaces.eth1.addresses": first,
        "fw-2:node_interfaces.eth1.addresses": second,
    }


BOTH = (
    ["192.168.7.1", "192.168.2.1", "2001:db8:7::1", "2001:db8:2::1"],
    ["192.168.2.2", "2001:db8:2::2"],
)


@pytest.mark.parametrize("turned", [False, True], ids=["first-has-more", "second-has-more"])
def test_adverts_go_between_addresses_of_one_prefix(changed: Change, turned: bool) -> None:
    """The other node would drop what comes from a prefix that it has no address in (RFC 3704)."""
    own = BOTH if not turned else ([*BOTH[1]], [*BOTH[0]])
    site = load_site(changed(inside(*own)))
    ends = {}
    for node in ("fw-1", "fw-2"):
        view = host_view(site, node)
        for one in view["keepalived"]["instances"]:
            if one["interface"] == "eth1":
                ends[node, one["family"]] = one["source"], one["peers"]
    for family in (4, 6):
        (source, peers), (other, others) = ends["fw-1", family], ends["fw-2", family]
        assert peers == [other] and others == [source]
        assert source.startswith(("192.168.2.", "2001:db8:2::")), source
    for node in ("fw-1", "fw-2"):
        (path,) = (one for one in host_view(site, node)["pair_state"]["paths"] if one["network"] == "inside")
        assert path["local"].startswith("192.168.2.") and path["peer"].startswith("192.168.2.")


def test_the_first_nodes_first_address_is_taken_where_both_have_its_prefix(changed: Change) -> None:
    site = load_site(
        changed(inside(["192.168.7.1", *BOTH[0][1:]], ["192.168.2.2", "192.168.7.2", *BOTH[1][1:]]))
    )
    (one,) = (
        one
        for one in host_view(site, "fw-2")["keepalived"]["instances"]
        if (one["interface"], one["family"]) == ("eth1", 4)
    )
    assert (one["source"], one["peers"]) == ("192.168.7.2", ["192.168.7.1"])


@pytest.mark.parametrize(
    ("prefixes", "first", "second", "family"),
    [
        pytest.param(SYNC, "192.168.100.1", "192.168.107.2", 4, id="IPv4"),
        pytest.param(SYNC_6, "2001:db8:100::1", "2001:db8:107::2", 6, id="IPv6"),
    ],
)
def test_replication_between_two_prefixes(
    changed: Change, prefixes: list[str], first: str, second: str, family: int
) -> None:
    changes: dict[str, object] = {
        "all:site_networks.sync.prefixes": prefixes,
        "fw-1:node_interfaces.eth2.addresses": [first],
        "fw-2:node_interfaces.eth2.addresses": [second],
    }
    with pytest.raises(SiteError) as raised:
        load_site(changed(changes))
    assert raised.value.problems.lines() == [
        f"all: site_pairs.ftfw.nodes: [fw-1, fw-2]: have no IPv{family} address of one prefix on network "
        f"sync (fw-1: {first}; fw-2: {second}); give both one in the same prefix, for they speak to each "
        "other by it"
    ]


@pytest.mark.parametrize(
    ("priorities", "told"),
    [
        pytest.param({"fw-1": 150}, "249 and 150", id="one-is-lowered"),
        pytest.param({"fw-1": 100, "fw-2": 200}, "200 and 100", id="both-are-given"),
        pytest.param({"fw-1": 150, "fw-2": 100}, None, id="in-order"),
    ],
)
def test_priorities_that_turn_the_order_of_nodes(
    changed: Change, priorities: dict[str, int], told: str | None
) -> None:
    warnings = load_site(changed({"all:site_pairs.ftfw.priorities": priorities})).warnings
    found = [line for line in warnings if "priorities" in line]
    assert len(found) == (told is not None)
    if told:
        assert f"fw-2 is preferred, though fw-1 stands first: their priorities are {told}" in found[0]
        assert found[0].endswith("; write fw-2 first, or give fw-1 the higher one")


def test_a_network_that_is_called_otherwise_and_a_port_forward(changed: Change) -> None:
    """Nothing of it is looked up under a name that is told as unknown."""
    networks = changed({})["fw-1"]["site_networks"]
    forward = {"to": "outside", "address": "192.168.0.100", "service": "http", "host": "client"}
    renamed = {("Inside" if name == "inside" else name): one for name, one in networks.items()}
    with pytest.raises(SiteError) as raised:
        load_site(changed({"all:site_networks": renamed, "all:site_port_forwards": [forward]}))
    (line,) = raised.value.problems.lines()
    assert "inside: unknown network" in line and "did you mean Inside?" in line


def test_a_card_that_is_an_uplink_twice(changed: Change) -> None:
    with pytest.raises(SiteError) as raised:
        load_site(changed({"omarine:hypervisor_bridges.br1.uplinks": ["enp1s0", "enp1s0"]}))
    assert raised.value.problems.lines() == [
        "omarine: hypervisor_bridges.br1.uplinks: enp1s0: is named twice; name each card once"
    ]


@pytest.mark.parametrize(
    ("place", "value", "key"),
    [
        pytest.param("fw-1:node_interfaces.", {"network": "inside"}, "fw-1: node_interfaces.", id="card"),
        pytest.param(
            "omarine:hypervisor_bridges.", {"network": "inside"}, "omarine: hypervisor_bridges.", id="bridge"
        ),
    ],
)
def test_an_empty_name(changed: Change, place: str, value: object, key: str) -> None:
    hostvars = changed({})
    host, variable = place.rstrip(".").split(":")
    for one in hostvars.values() if host == "all" else [hostvars[host]]:
        one[variable] = {**one[variable], "": value}
    with pytest.raises(SiteError) as raised:
        load_site(hostvars)
    assert raised.value.problems.lines() == [f"{key}: (empty): is an empty name; write a name there"]


def test_a_virtual_gateway_is_one_of_the_nodes_own_prefix(changed: Change) -> None:
    virtual = ["192.168.2.100", "192.168.7.100", "2001:db8:2::100", "2001:db8:7::100"]
    changes = inside(BOTH[0], ["192.168.7.2", "192.168.2.2", "2001:db8:7::2", "2001:db8:2::2"])
    changes["all:site_pairs.ftfw.virtual_routers.inside.addresses"] = virtual
    changes["client:node_interfaces.eth0.addresses"] = ["192.168.7.3", "2001:db8:7::3"]
    (interface,) = (
        one
        for one in host_view(load_site(changed(changes)), "client")["node_network"]["interfaces"]
        if one["network"] == "inside"
    )
    assert interface["gateways"] == ["192.168.7.100", "2001:db8:7::100"]


@pytest.mark.parametrize(
    ("addresses", "virtual", "prefix"),
    [
        pytest.param(["192.168.7.3"], "192.168.2.100", "192.168.2.0/24", id="IPv4"),
        pytest.param(["192.168.2.3", "2001:db8:7::3"], "2001:db8:2::100", "2001:db8:2::/64", id="IPv6"),
    ],
)
def test_a_virtual_gateway_without_a_way(
    changed: Change, addresses: list[str], virtual: str, prefix: str
) -> None:
    changes = inside(BOTH[0], ["192.168.7.2", "192.168.2.2", "2001:db8:7::2", "2001:db8:2::2"])
    changes |= {"client:node_interfaces.eth0.addresses": addresses, "all:site_probes": None}
    with pytest.raises(SiteError) as raised:
        load_site(changed(changes))
    assert raised.value.problems.lines() == [
        f"client: node_interfaces.eth0.gateway: virtual: is {virtual}, and the node has no address in "
        f"{prefix}, and so no way there; give it one, or the pair a virtual address in a prefix of the node's"
    ]


def test_a_disk_that_is_all_swap(changed: Change) -> None:
    with pytest.raises(SiteError) as raised:
        load_site(changed({"fw-1:guest.swap_mib": 1537}))
    assert raised.value.problems.lines() == [
        "fw-1: guest.swap_mib: 1537: leaves too little of disk_mib, 2048, for the system; "
        "use up to 1536, or a larger disk"
    ]
    load_site(changed({"fw-1:guest.swap_mib": 1536}))


OUT = {"from": "inside", "to": "outside", "services": ["ssh"]}


@pytest.mark.parametrize(
    ("source", "told"),
    [
        pytest.param(
            "0.0.0.0",  # noqa: S104 - nothing listens there
            "is the unspecified address, which no packet has; leave it out for any",
            id="any",
        ),
        pytest.param(
            "::", "is the unspecified address, which no packet has; leave it out for any", id="any-IPv6"
        ),
        pytest.param(
            "::ffff:192.168.2.5",
            "is an IPv4-mapped address, which no packet has (RFC 4291, section 2.5.5.2); write 192.168.2.5",
            id="mapped",
        ),
        pytest.param(
            "::ffff:c0a8:200/120",
            "is an IPv4-mapped address, which no packet has (RFC 4291, section 2.5.5.2); "
            "write 192.168.2.0/24",
            id="mapped-prefix",
        ),
    ],
)
@pytest.mark.parametrize("key", ["sources", "destinations"])
def test_addresses_that_no_packet_has(changed: Change, key: str, source: str, told: str) -> None:
    with pytest.raises(SiteError) as raised:
        load_site(changed({"all:site_policy": [{**OUT, key: [source]}]}))
    assert raised.value.problems.lines() == [f"all: site_policy[0].{key}[0]: {source}: {told}"]


@pytest.mark.parametrize("prefix", ["::ffff:0:0/96", "0.0.0.0/0", "0.0.0.0/8", "::/0"])
def test_lists_of_what_is_never_routed_may_have_them(changed: Change, prefix: str) -> None:
    """Such as RFC 6890 has them; and any address is any."""
    sources = [prefix, "10.0.0.0/8"]
    load_site(changed({"all:site_policy": [{**OUT, "action": "drop", "sources": sources}, OUT]}))


@pytest.mark.parametrize("text", ["192.168.2.100 ", " 192.168.2.100", "192.168.2.100\n"])
def test_blanks_around_a_value_are_seen(changed: Change, text: str) -> None:
    with pytest.raises(SiteError) as raised:
        load_site(changed({"all:site_pairs.ftfw.virtual_routers.inside.addresses": [text]}))
    (line,) = raised.value.problems.lines()
    assert f"addresses[0]: {text!r}: is not an IP address" in line


def test_a_long_value_is_cut(changed: Change) -> None:
    many = [f"10.{number >> 8}.{number & 255}.1" for number in range(5000)]
    # the firewalls of the lab have no way there
    warnings = load_site(changed({"all:site_policy": [{**OUT, "sources": many}]})).warnings
    assert len(warnings) == 1 and len(warnings[0]) < 700
    assert "… (" in warnings[0] and " characters): the firewalls have no way there" in warnings[0]


FORWARDED: dict[str, object] = {
    "all:site_port_forwards": [
        {"to": "outside", "address": "192.168.0.100", "service": "http", "host": "client"}
    ]
}
BALANCED: dict[str, object] = {
    "all:site_balancers": {
        "web": {"network": "outside", "service": "http", "servers": ["client"], "check": "tcp"}
    }
}


@pytest.mark.parametrize(
    ("gateway", "wrong"),
    [
        ("virtual", None),
        (None, "has no gateway of IPv4, so that no answer of its comes back"),
        (
            "192.168.2.9",
            "has the gateway 192.168.2.9, so that its answers do not come back through pair ftfw",
        ),
    ],
)
@pytest.mark.parametrize(
    ("changes", "place"),
    [(FORWARDED, "site_port_forwards[0].host"), (BALANCED, "site_balancers.web.servers[0]")],
)
def test_a_node_without_a_way_back(
    changed: Change, changes: dict[str, object], place: str, gateway: str | None, wrong: str | None
) -> None:
    hostvars = changed({**changes, "all:site_probes": None})
    for interface in hostvars["client"]["node_interfaces"].values():
        interface.pop("gateway", None)
        if gateway and interface["network"] == "inside":
            interface["gateway"] = gateway
    found = [line for line in load_site(hostvars).warnings if place in line]
    right = "give it gateway: virtual, or see to the route yourself"
    assert found == ([f"all: {place}: client: {wrong}; {right}"] if wrong else [])
