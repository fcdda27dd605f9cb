# SPDX-License-Identifier: GPL-3.0-or-later
"""Derived tests of hosts that have balancers and are in no pair, against the tables compiled for them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.mutants.mutants import Mutant, mutants
from ansible_collections.ftfw.pair.plugins.module_utils.packets.space import Space
from ansible_collections.ftfw.pair.plugins.module_utils.packets.types import PacketProbe
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check import mutation as policy_check_mutation
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check.mutation import mutate
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check.run import check, open_space
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check.spec import read
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_view
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.view import policy_test_view
from ansible_collections.ftfw.pair.tests.integration.balance.net import HOST, SERVERS
from ansible_collections.ftfw.pair.tests.integration.balance.test_host import NEAR, host_site
from ansible_collections.ftfw.pair.tests.integration.policy_check.sites import built, failed

BEYOND = {
    4: {"srv-1": "198.51.100.14", "srv-2": "198.51.100.15", "sorry": "198.51.100.19"},
    6: {"srv-1": "2001:db8:99::14", "srv-2": "2001:db8:99::15", "sorry": "2001:db8:99::19"},
}
"""On no network of the site."""
CARD: dict[str, Any] = {"network": "outside", "addresses": [HOST[4], HOST[6]]}
ROUTED = {"eth0": {**CARD, "gateway": ["192.168.0.254", "2001:db8::fe"]}}
THREE = {
    "eth0": {**CARD, "addresses": ["192.168.0.8", "2001:db8::8", *CARD["addresses"]]},
    "eth1": {"network": "inside", "addresses": ["192.168.2.7", "2001:db8:2::7"]},
    "eth2": {"network": "mgmt", "addresses": ["10.255.0.77"]},
}
SITES: dict[str, dict[str, Any]] = {
    "servers on the client's wire": {"servers": NEAR, "source_nat": True},
    "servers behind the host": {"servers": SERVERS},
    "servers that see the host": {"servers": SERVERS, "source_nat": True, "scheduler": "mh"},
    "one that forwards others": {"servers": SERVERS, "forward_others": True},
    "servers behind a router": {"servers": BEYOND, "source_nat": True, "own": ROUTED},
    "several addresses, and a third network": {"servers": NEAR, "source_nat": True, "own": THREE},
    "sctp": {"servers": SERVERS, "service": "m3ua", "check": None},
    "udp": {"servers": SERVERS, "service": "ntp", "check": None},
}


@contextmanager
def table_of(name: str) -> Iterator[tuple[Space, str, list[PacketProbe]]]:
    options = dict(SITES[name])
    own = options.pop("own", None)
    hosts = host_site(**options)
    if own:
        hosts["lb"]["node_interfaces"] = own
    site = built(hosts)
    view = policy_test_view(site, "lb", [])
    table = host_view(site, "lb")["balancer_table"]
    assert view is not None and table is not None
    wires, probes = read(view["interfaces"], view["tests"])
    with open_space(wires, probes) as space:
        yield space, table["ruleset"], list(probes)


@pytest.mark.parametrize("name", SITES)
def test_the_table_passes_the_derived_tests(name: str) -> None:
    with table_of(name) as (space, rules, probes):
        assert failed(check(space, rules, probes)) == []
    families = {probe.family for probe in probes}
    assert families == {4, 6} and len(probes) > 20
    refused = [probe.name for probe in probes if "drop" in probe.expected]
    assert bool(refused) is (name != "one that forwards others")


@pytest.mark.parametrize(
    ("words", "careless"),
    [
        (r"policy drop", "policy accept"),
        (r"^ +ct original ip6? daddr \S+ ip6? daddr @balancer\S+gone .*$", ""),
        (r"^ +ct state related .*$", ""),
        (r"^ +ct original .* masquerade$", ""),
        (r"^ +ip6? daddr \S+ tcp dport 80 dnat .*$", ""),
    ],
)
def test_a_careless_table_is_noticed(words: str, careless: str) -> None:
    with table_of("servers that see the host") as (space, rules, probes):
        changed = re.sub(words, careless, rules, flags=re.MULTILINE)
        assert changed != rules
        assert failed(check(space, changed, probes)) != []


def test_no_change_of_how_a_flow_is_led_goes_unnoticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def chosen(rules: str) -> list[Mutant]:
        return [one for one in mutants(rules) if one.chain.startswith("nat_") and "@balancer" in one.rule]

    monkeypatch.setattr(policy_check_mutation, "mutants", chosen)
    with table_of("servers that see the host") as (space, rules, probes):
        mutation = mutate(space, rules, probes)
    # at the host's other addresses there would be nobody to tell
    left = [one for one in mutation["unnoticed"] if not re.match("without ip6? daddr", one["change"])]
    assert left == [] and mutation["noticed"] >= 6, mutation
