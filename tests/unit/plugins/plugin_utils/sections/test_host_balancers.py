# SPDX-License-Identifier: GPL-3.0-or-later
"""site_balancers of a host that is in no pair: what it gets, and one line for each mistake."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_view
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.sections.changed import Change, errors

OWN = {"host": "omarine", "service": "http", "servers": ["192.168.0.14", "192.168.0.15"], "check": "tcp"}
GATEWAY = "client:node_interfaces.eth0.gateway"


def of_host(**changes: object) -> dict[str, object]:
    """Changes of the lab's variables; a key with None is left out."""
    one = {key: value for key, value in {**OWN, "source_nat": True, **changes}.items() if value is not None}
    return {"all:site_balancers": {"own": one}}


def test_what_the_host_gets(changed: Change) -> None:
    site = load_site(changed(of_host()))
    view: Any = host_view(site, "omarine")
    assert site.warnings == ()
    assert view["roles"] == ["hypervisor", "balancer"]
    (one,) = view["balancers"]
    assert (one["address"], one["map"], one["last"]) == ("192.168.0.3", "balancer.own", None)
    table = view["balancer_table"]
    assert (table["families"], table["forward_others"]) == ([4], False)
    rules = table["ruleset"]
    assert "policy drop;" in rules and "masquerade" in rules
    # the host may forward frames of its bridges through rules of IP
    assert 'iifname "br0" oifname "br0" accept' in rules


def test_firewalls_get_nothing_of_it(changed: Change) -> None:
    plain: Any = host_view(load_site(changed({"all:site_balancers": {}})), "fw-1")
    seen: Any = host_view(load_site(changed(of_host())), "fw-1")
    # who verifies has to know whom to ask
    assert [one["nodes"] for one in seen["verify"].pop("balancers")] == [["omarine"]]
    assert plain["verify"].pop("balancers") == []
    assert seen == plain
    assert plain["balancers"] == [] and plain["balancer_table"] is None


def test_a_host_that_answers_itself_forwards_nothing(changed: Change) -> None:
    """Its check of itself must not be led to somebody else."""
    view: Any = host_view(load_site(changed(of_host(servers=["omarine"], source_nat=None))), "omarine")
    table = view["balancer_table"]
    assert table["families"] == []
    assert "chain nat_prerouting" in table["ruleset"] and "chain nat_output" not in table["ruleset"]


def test_a_host_that_forwards_for_others_goes_on(changed: Change) -> None:
    view: Any = host_view(load_site(changed(of_host(forward_others=True))), "omarine")
    table = view["balancer_table"]
    assert table["forward_others"] and "policy drop" not in table["ruleset"]
    assert "balancer.own.gone reject" not in table["ruleset"] and "@balancer.own.gone" in table["ruleset"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (of_host(source_nat=True), []),
        # a server that is not in the inventory, elsewhere
        (
            of_host(servers=["203.0.113.4"], source_nat=None),
            [
                "site_balancers.own.servers[0]: 203.0.113.4: has to send its answers back through omarine, "
                "and nothing is known of its routes; add source_nat: true, or see to the route yourself"
            ],
        ),
        (
            of_host(check=None),
            [
                "site_balancers.own.check: (empty): its servers are not checked, so that new flows go to one "
                "that has failed, too; write one, such as check: tcp"
            ],
        ),
    ],
)
def test_warnings(changed: Change, changes: dict[str, object], expected: list[str]) -> None:
    assert load_site(changed(changes)).warnings == tuple(f"all: {one}" for one in expected)


def test_a_neighbour_of_the_servers_is_told(changed: Change) -> None:
    """The host is their gateway, and clients of their wire are answered directly all the same."""
    hosts = changed(of_host(host="client", servers=["omarine"], source_nat=None))
    hosts["omarine"]["node_interfaces"] = {
        "eth9": {"network": "inside", "addresses": ["192.168.2.9"], "gateway": "192.168.2.3"}
    }
    del hosts["omarine"]["hypervisor_bridges"]["br0"]["addresses"]
    for variables in hosts.values():
        variables.pop("site_probes")
    warnings = [one for one in load_site(hosts).warnings if "site_balancers" in one]
    assert warnings == [
        "all: site_balancers.own.servers[0]: omarine: answers clients on network inside directly, and they "
        "know nothing of it; add source_nat: true, or see to the route yourself"
    ]


WRONG: dict[str, tuple[dict[str, object], str]] = {
    "an unknown host": (
        {"host": "omarin"},
        "host: omarin: is no host of the inventory; did you mean omarine?",
    ),
    "a node of a pair": (
        {"host": "fw-1"},
        "host: fw-1: is a node of pair ftfw, whose balancers are at its virtual addresses; write network: "
        "inside or outside instead of host",
    ),
    "a network beside it": (
        {"network": "outside"},
        "host: omarine: stands beside a network; write network for a pair's balancer, host for another's",
    ),
    "an address of somebody else": (
        {"address": "192.168.0.100"},
        "address: 192.168.0.100: is no address of omarine that is not for management; those are: 192.168.0.3",
    ),
    "an address for management": (
        {"address": "10.255.0.254"},
        "address: 10.255.0.254: is no address of omarine that is not for management; those are: 192.168.0.3",
    ),
    "a server of the other family": (
        {"servers": ["2001:db8::4"]},
        "servers[0]: 2001:db8::4: is an address of IPv6, and 192.168.0.3 one of IPv4; write two of one "
        "family, or method: tun",
    ),
    "a server that nobody knows": (
        {"servers": ["clint"]},
        "servers[0]: clint: is no address, and no host of the inventory; did you mean client?",
    ),
    "a neighbour that answers the client": (
        {"source_nat": None},
        "servers[0]: 192.168.0.14: answers clients past omarine, which is not its gateway, and they know "
        "nothing of it; add source_nat: true, so that servers see the balancer's host instead, or give it "
        "gateway: 192.168.0.3",
    ),
    "a server with another gateway": (
        {"source_nat": None, "servers": ["client"]},
        "servers[0]: client: answers clients past omarine, which is not its gateway, and they know "
        "nothing of it; add source_nat: true, so that servers see the balancer's host instead, or give it "
        "gateway: 192.168.0.3",
    ),
    "a server twice": (
        {"servers": ["192.168.0.14", "192.168.0.14"]},
        "servers[1]: 192.168.0.14: is servers[0] already; name each server once",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_mistakes(changed: Change, case: str) -> None:
    changes, line = WRONG[case]
    found = errors(changed(of_host(**changes)))
    assert f"all: site_balancers.own.{line}" in found, found


def test_a_balancer_without_a_place(changed: Change) -> None:
    (line,) = errors(changed(of_host(host=None)))
    assert line.endswith("has no place; add network, that of a virtual address, or host, which is in no pair")


def test_a_pair_forwards_what_the_policy_says(changed: Change) -> None:
    changes = of_host(host=None, network="outside", servers=["client"], source_nat=None, forward_others=True)
    assert errors(changed(changes)) == [
        "all: site_balancers.own.forward_others: true: is about a host that is in no pair, and a pair "
        "forwards what site_policy lets in; leave it out"
    ]


def test_two_at_one_port(changed: Change) -> None:
    changes = of_host()
    changes["all:site_balancers"] = {"own": {**OWN, "source_nat": True}, "other": {**OWN, "source_nat": True}}
    (line,) = errors(changed(changes))
    assert "site_balancers.own already takes tcp port 80 of 192.168.0.3" in line


@pytest.mark.parametrize("addresses", [["192.168.0.3/24", "192.168.0.9/24"], []])
def test_which_address_it_is_has_to_be_clear(changed: Change, addresses: list[str]) -> None:
    changes = of_host()
    if addresses:
        changes["omarine:hypervisor_bridges.br0.addresses"] = addresses
        (line,) = errors(changed(changes))
        assert "host: omarine: has several addresses; choose one with address: 192.168.0.3, 192.168" in line
    else:
        changes["omarine:hypervisor_bridges.br0.addresses"] = None
        changes["all:site_probes"] = None
        found = [one for one in errors(changed(changes)) if "site_balancers" in one]
        assert len(found) == 1 and "has no address that is not for management" in found[0]
