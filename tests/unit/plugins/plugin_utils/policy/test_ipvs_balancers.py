# SPDX-License-Identifier: GPL-3.0-or-later
"""site_balancers with method dr or tun: what the host gets, and one line for each mistake."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_view
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.sections.changed import (
    DUAL,
    Change,
    errors,
)

ADDRESSES = "omarine:hypervisor_bridges.br0.addresses"
OWN = {
    "host": "omarine",
    "address": "192.168.0.6",
    "method": "dr",
    "service": "http",
    "servers": ["192.168.0.14", "192.168.0.15"],
    "check": "tcp",
}


def of_host(**changes: object) -> dict[str, object]:
    """Changes of the lab's variables; a key with None is left out."""
    one = {key: value for key, value in {**OWN, **changes}.items() if value is not None}
    return {"all:site_balancers": {"own": one}, ADDRESSES: ["192.168.0.3/24", "192.168.0.6/24"]}


@pytest.mark.parametrize("method", ["dr", "tun"])
def test_what_the_host_gets(changed: Change, method: str) -> None:
    changes = of_host(method=method, scheduler="sed", persistence_timeout=300, persistence_granularity=24)
    site = load_site(changed(changes))
    view: Any = host_view(site, "omarine")
    # servers answer clients themselves, and that is no matter for a warning
    assert site.warnings == ()
    (one,) = view["balancers"]
    assert one["scheduler"] == "sed"
    persistence = {"persistence_timeout": 300, "persistence_granularity": 24}
    assert one["ipvs"] == {"method": method, "asks_from": ["192.168.0.3"], **persistence}
    table = view["balancer_table"]
    assert (table["families"], table["forward_others"]) == ([], True)
    assert "table inet ftfw_balancer" in table["ruleset"] and "chain" not in table["ruleset"]


def test_rules_are_for_the_others_alone(changed: Change) -> None:
    changes = of_host()
    plain = {**OWN, "method": "nat", "service": "ssh", "source_nat": True}
    changes["all:site_balancers"] = {"own": OWN, "plain": plain}
    table: Any = host_view(load_site(changed(changes)), "omarine")["balancer_table"]  # type: ignore[typeddict-item]
    assert (table["families"], table["forward_others"]) == ([4], False)
    assert "balancer.plain" in table["ruleset"] and "balancer.own" not in table["ruleset"]


WRONG: dict[str, tuple[dict[str, object], str]] = {
    "another port of a server": (
        {"servers": ["192.168.0.14", {"host": "192.168.0.15", "port": 8080}]},
        "servers[1].port: 8080: is another port than is asked for, 80, and dr changes none; leave it out, or "
        "write method: nat",
    ),
    "another port of the sorry server": (
        {"sorry": {"host": "192.168.0.16", "port": 8080}, "method": "tun"},
        "sorry.port: 8080: is another port than is asked for, 80, and tun changes none; leave it out, or "
        "write method: nat",
    ),
    "another service of the sorry server": (
        {"sorry": {"host": "192.168.0.16", "service": "https"}},
        "sorry.service: 443: is another port than is asked for, 80, and dr changes none; leave it out, or "
        "write method: nat",
    ),
    "a server behind a router": (
        {"servers": ["client"]},
        "servers[0]: client: is on network inside, and omarine has no address there: dr sends frames, which "
        "no router leads on; name a host on one of its networks, or write method: tun",
    ),
    "a server far away": (
        {"servers": ["203.0.113.7"]},
        "servers[0]: 203.0.113.7: is on no network of the site, and omarine has no address there: dr sends "
        "frames, which no router leads on; name a host on one of its networks, or write method: tun",
    ),
    "a server that is the host itself": (
        {"servers": ["omarine"]},
        "servers[0]: omarine: is an address of omarine itself, to which dr leads nothing; name another host, "
        "or write method: nat",
    ),
    "the sorry server at the balancer's own address": (
        {"sorry": "omarine"},
        "sorry: omarine: is an address of omarine itself, to which dr leads nothing; name another host, or "
        "write method: nat",
    ),
    "source NAT": (
        {"source_nat": True},
        "source_nat: true: is for NAT, and by dr servers answer clients themselves; leave it out, or write "
        "method: nat",
    ),
    "forwarding": (
        {"forward_others": True},
        "forward_others: true: is for NAT, and by dr servers answer clients themselves; leave it out, or "
        "write method: nat",
    ),
    "a prefix without a time": (
        {"persistence_granularity": 24},
        "persistence_granularity: 24: is about clients that come again, and by IPVS none keeps its server "
        "for that; add persistence_timeout, such as 300",
    ),
    "a time that is too long": (
        {"persistence_timeout": 2678401},
        "persistence_timeout: 2678401: is out of range; use 1 to 2678400",
    ),
    "a scheduler of nobody": (
        {"scheduler": "twos"},
        "scheduler: twos: is unknown; known are: dh, fo, lblc, lblcr, lc, mh, nq, ovf, rr, sed, sh, wlc, wrr",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_mistakes(changed: Change, case: str) -> None:
    changes, line = WRONG[case]
    found = errors(changed(of_host(**changes)))
    assert found == [f"all: site_balancers.own.{line}"]


def test_many_ports_are_many_services(changed: Change) -> None:
    changes = of_host(service="many")
    changes["all:site_services"] = {"many": {"tcp": ["1000-1256"]}}
    assert errors(changed(changes)) == [
        "all: site_balancers.own.service: many: has 257 ports, and each would be a service of IPVS; name one "
        "with 256 at most, or write method: nat"
    ]


def test_tun_leads_beyond_routers(changed: Change) -> None:
    site = load_site(changed(of_host(method="tun", servers=["client", "203.0.113.7"])))
    (one,) = host_view(site, "omarine")["balancers"]  # type: ignore[typeddict-item]
    assert [each["address"] for each in one["servers"]] == ["192.168.2.3", "203.0.113.7"]


BOTH: dict[str, object] = {
    **DUAL,
    "client:node_interfaces.eth0.addresses": ["192.168.2.3", "2001:db8:2::3"],
    ADDRESSES: ["192.168.0.3/24", "192.168.0.6/24", "2001:db8::3/64", "2001:db8::6/64"],
}


def test_a_tunnel_leads_to_the_other_family(changed: Change) -> None:
    """Somebody who has both is reached by that which is asked for."""
    servers = ["192.168.0.14", "client", "2001:db8::15"]
    for address, host, order in (
        ("2001:db8::6", "2001:db8:2::3", ["192.168.0.3", "2001:db8::3"]),
        ("192.168.0.6", "192.168.2.3", ["192.168.0.3", "2001:db8::3"]),
    ):
        changes = of_host(method="tun", address=address, servers=servers)
        changes.update(BOTH)
        (one,) = host_view(load_site(changed(changes)), "omarine")["balancers"]  # type: ignore[typeddict-item]
        assert [each["address"] for each in one["servers"]] == ["192.168.0.14", host, "2001:db8::15"]
        assert one["ipvs"] is not None and one["ipvs"]["asks_from"] == order


def test_several_addresses_have_servers_of_their_own_family_where_there_are_any(changed: Change) -> None:
    for servers, theirs in (
        (["192.168.0.14"], [["192.168.0.14"], ["192.168.0.14"]]),
        (["192.168.0.14", "2001:db8::15"], [["192.168.0.14"], ["2001:db8::15"]]),
    ):
        changes = of_host(
            method="tun", address=["192.168.0.6", "2001:db8::6"], servers=servers, sorry="192.168.0.16"
        )
        changes.update(BOTH)
        found = host_view(load_site(changed(changes)), "omarine")["balancers"]  # type: ignore[typeddict-item]
        assert [[each["address"] for each in one["servers"]] for one in found] == theirs
        assert [one["sorry"] for one in found] == ["192.168.0.16"] * 2


def test_other_methods_lead_to_one_family(changed: Change) -> None:
    for method in ("dr", "nat"):
        changes = of_host(method=method, address="2001:db8::6", source_nat=method == "nat" or None)
        changes.update(BOTH)
        assert errors(changed(changes)) == [
            f"all: site_balancers.own.servers[{number}]: {host}: is an address of IPv4, and 2001:db8::6 one "
            "of IPv6; write two of one family, or method: tun"
            for number, host in enumerate(("192.168.0.14", "192.168.0.15"))
        ]


def test_each_family_of_servers_needs_an_address_to_ask_from(changed: Change) -> None:
    changes = of_host(method="tun", servers=["2001:db8::15"])
    assert errors(changed(changes)) == [
        "all: site_balancers.own.host: omarine: has no IPv6 address for data, so that it can't ask its "
        "servers whether they are well; give it one"
    ]


@pytest.mark.parametrize("addresses", [["192.168.0.3/24"], ["192.168.0.3/24", "192.168.0.6/24"]])
def test_servers_can_not_be_asked_from_the_address_that_they_have(
    changed: Change, addresses: list[str]
) -> None:
    """One for management is not reached by them, and a balancer beside it may take the other one."""
    changes = of_host(address="192.168.0.3")
    changes[ADDRESSES] = addresses
    if len(addresses) > 1:
        changes["all:site_balancers"] = {"own": OWN, "other": {**OWN, "address": "192.168.0.3"}}
    found = errors(changed(changes))
    assert len(found) == len(addresses)
    assert (
        "host: omarine: has no IPv4 address for data but 192.168.0.3, which its servers have, too"
        in found[-1]
    )


@pytest.mark.parametrize(
    ("changes", "together"),
    [({}, True), ({"persistence_timeout": 300}, False), ({"scheduler": "sed"}, False)],
)
def test_one_client_may_have_one_server(changed: Change, changes: dict[str, object], together: bool) -> None:
    """Who verifies asks from one host."""
    (one,) = host_view(load_site(changed(of_host(**changes))), "fw-1")["verify"]["balancers"]
    assert (one["name"], one["together"]) == ("own", together)
