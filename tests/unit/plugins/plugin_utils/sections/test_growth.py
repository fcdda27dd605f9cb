# SPDX-License-Identifier: GPL-3.0-or-later
"""The work grows with the site, and not with its square. What Python calls is counted: no clock is fair."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_views
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.view import policy_test_view
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Site

Inventory = dict[str, dict[str, Any]]


def pairs(count: int) -> Inventory:
    """So many pairs, each between two networks of its own, with a guest behind it."""
    site: dict[str, Any] = {"site_networks": {}, "site_pairs": {}, "site_policy": []}
    hosts: Inventory = {}
    for number in range(count):
        inside, outside, sync = (f"{what}{number}" for what in ("in", "out", "sync"))
        for start, network in ((10, inside), (11, outside), (12, sync)):
            site["site_networks"][network] = {"prefixes": [f"{start}.0.{number}.0/24"]}
        site["site_pairs"][f"p{number}"] = {
            "nodes": [f"a{number}", f"b{number}"],
            "sync": [sync],
            "virtual_routers": {
                inside: {"vrid": 1, "addresses": [f"10.0.{number}.1"]},
                outside: {"vrid": 2, "addresses": [f"11.0.{number}.1"]},
            },
        }
        site["site_policy"].append(
            {"from": inside, "to": outside, "services": ["http"], "sources": [f"10.0.{number}.9"]}
        )
        for last, node in ((2, f"a{number}"), (3, f"b{number}")):
            hosts[node] = {
                "ansible_host": f"10.0.{number}.{last}",
                "node_interfaces": {
                    "eth0": {"network": inside, "addresses": [f"10.0.{number}.{last}"]},
                    "eth1": {
                        "network": outside,
                        "addresses": [f"11.0.{number}.{last}"],
                        "gateway": f"11.0.{number}.254",
                    },
                    "eth2": {"network": sync, "addresses": [f"12.0.{number}.{last}"]},
                },
            }
        interface = {"network": inside, "addresses": [f"10.0.{number}.9"], "gateway": "virtual"}
        hosts[f"c{number}"] = {"node_interfaces": {"eth0": interface}}
    return {name: {**site, **variables} for name, variables in hosts.items()}


def entries(count: int) -> Inventory:
    """One pair with so many entries about hosts, and so many virtual addresses that each may be about."""
    hosts = pairs(1)
    routers = {"vrid": 2, "addresses": [f"11.0.0.{1 + number}" for number in range(count)]}
    site = {
        "site_pairs": {
            "p0": {
                "nodes": ["a0", "b0"],
                "sync": ["sync0"],
                "virtual_routers": {"in0": {"vrid": 1, "addresses": ["10.0.0.1"]}, "out0": routers},
            }
        },
        "site_policy": [
            {"from": "in0", "to": "out0", "services": ["http"], "destinations": [f"192.0.2.{number}"]}
            for number in range(count)
        ],
    }
    for last, node in ((252, "a0"), (253, "b0")):
        hosts[node]["node_interfaces"]["eth1"]["addresses"] = [f"11.0.0.{last}"]
    return {name: {**variables, **site} for name, variables in hosts.items()}


def services(count: int) -> Inventory:
    """One pair with an entry about so many services, at neighbouring ports."""
    names = {f"s{number}": {"tcp": [10000 + number]} for number in range(count)}
    policy = [{"from": "in0", "to": "out0", "services": list(names)}]
    site = {"site_services": names, "site_policy": policy}
    return {name: {**variables, **site} for name, variables in pairs(1).items()}


def nothing(site: Site) -> None:
    """The check alone."""


def all_views(site: Site) -> None:
    host_views(site, site.hosts)


def all_tests(site: Site) -> None:
    """What playbooks/policy_test.yml sends through the rules of each firewall."""
    for pair in site.pairs:
        for node in pair.nodes:
            policy_test_view(site, node, [])


def calls(inventory: Inventory, more: Callable[[Site], None]) -> int:
    counted = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal counted
        # generators are resumed by calls, too
        counted += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        more(load_site(inventory))
    finally:
        sys.setprofile(None)
    return counted


@pytest.mark.parametrize("more", [nothing, all_views, all_tests])
@pytest.mark.parametrize(("make", "count"), [(pairs, 10), (entries, 20), (services, 50)])
def test_four_times_the_site_is_four_times_the_work(
    make: Callable[[int], Inventory], count: int, more: Callable[[Site], None]
) -> None:
    calls(make(4), more)  # what is read once, such as patterns
    small, large = calls(make(count), more), calls(make(4 * count), more)
    assert large < 4.2 * small
