# SPDX-License-Identifier: GPL-3.0-or-later
"""The derived tests of whole sites against the rules that are compiled for them."""

from __future__ import annotations

import re

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.packets.space import TableError
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check.run import check
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.tests import written_tests
from ansible_collections.ftfw.pair.tests.integration.policy_check.sites import (
    BACK,
    SITES,
    built,
    checked,
    dual,
    failed,
    judged,
    lab,
    with_site,
)


@pytest.mark.parametrize("node", ["fw-1", "fw-2"])
@pytest.mark.parametrize("name", SITES)
def test_the_compiled_rules_pass_the_derived_tests(name: str, node: str) -> None:
    assert failed(checked(built(SITES[name]()), node)) == []


def test_a_fragment_without_a_family_opens_nothing_of_one_that_a_network_lacks() -> None:
    """The node has a link-local address there, and answers for all of its others."""
    opened = [{"place": "input", "text": "tcp dport 22 accept\nicmpv6 type echo-request accept"}]
    with judged(built(with_site(site_fragments=opened))) as (space, rules, probes):
        careless = re.sub(r'iifname \{ [^}]*"eth2"[^}]* \} meta nfproto ipv6 drop\n', "\n", rules)
        assert careless != rules
        names = [set(failed(check(space, text, probes))) for text in (rules, careless)]
    shut, let_in = ({name for name in each if "IPv6" in name} for each in names)
    assert (shut, names[0] != set()) == (set(), True)
    assert "outside does not have this family: tcp (IPv6)" in let_in
    assert any("22 of fe80::" in name for name in let_in)


GRE = "inside to outside: not another protocol (IPv4)"
BGP = "tcp/179"


def test_a_fragment_may_let_in_what_the_site_says_it_does() -> None:
    """Derived tests hold against a fragment, unless the site has other words for one of them."""
    opened = [
        {"place": "forward", "text": 'iifname "eth1" oifname "eth0" ip protocol gre ct state new accept'},
        {"place": "input", "text": 'iifname "eth0" ip saddr 192.168.0.3 tcp dport 179 accept'},
    ]
    hostvars = with_site(site_fragments=opened)
    names = failed(checked(built(hostvars)))
    assert GRE in names and len(names) > 1
    assert all(name == GRE or BGP in name for name in names), names
    said = [
        {"derived": name, "to": "outside" if name == GRE else "firewall", "expected": "accept"}
        for name in names
    ]
    for variables in hostvars.values():
        variables["site_policy_tests"] = said
    tests = written_tests(built(hostvars))
    rows = checked(built(hostvars), tests=tests)
    assert failed(rows) == []
    assert sum(str(row["name"]).startswith("site_policy_tests[") for row in rows) == len(names)
    # without the fragment these words are wrong
    for variables in hostvars.values():
        variables["site_fragments"] = []
    assert len(failed(checked(built(hostvars), tests=tests))) == len(names)


def test_an_error_in_a_fragment_is_told_by_the_sites_own_line() -> None:
    site = built(with_site(site_fragments=[{"place": "forward", "text": "# mine\nip saddr 10.0.0.1 acept"}]))
    with pytest.raises(TableError, match=r"^site_fragments\[0\] line 2: nft refuses it, .*: ip saddr 10"):
        checked(site)


@pytest.mark.parametrize("family", [4, 6])
def test_what_the_nodes_have_no_way_to_does_not_pass(family: int) -> None:
    """A site that can't work fails: a prefix of a network in which the firewalls have no address."""
    hosts = dual()
    prefix, host = (("192.168.9.0/24", "192.168.9.3"), ("2001:db8:9::/64", "2001:db8:9::3"))[family == 6]
    for variables in hosts.values():
        variables["site_networks"]["inside"]["prefixes"].append(prefix)
        variables["site_policy"] = [{**BACK, "services": ["ssh"], "destinations": [host]}]
        variables["site_probes"] = None
    beginning = f"site_policy[0]: outside to inside: ssh, tcp/22 to {host}"
    assert any(name.startswith(beginning) for name in failed(checked(built(hosts))))


def test_a_port_of_the_nodes_may_be_a_clients_by_chance() -> None:
    """Its flow is tracked as any other; rules that look at the port alone would lose the answers."""
    with judged(built(lab())) as (space, rules, probes):
        careless = re.sub(r"ip saddr \S+ ip daddr \S+ udp sport 3781 (udp dport 3781 notrack)", r"\1", rules)
        assert careless != rules
        names = failed(check(space, careless, probes))
    assert names
    assert all("from port 3781" in name for name in names)
