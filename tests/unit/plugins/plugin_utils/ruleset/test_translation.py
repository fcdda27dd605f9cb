# SPDX-License-Identifier: GPL-3.0-or-later
"""Source NAT, hairpins, and what is known by the address that it is translated to."""

from __future__ import annotations

from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_view
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.ruleset.rulesets import (
    DROPS,
    OPENS,
    Change,
    check,
    ruleset,
)


def test_without_source_nat_there_is_none(changed: Change) -> None:
    assert "snat" not in ruleset(changed({"all:site_source_nat": "none"}))


def test_masquerade_shows_the_nodes_own_address(changed: Change) -> None:
    text = ruleset(changed({"all:site_source_nat": {"outside": "masquerade"}}))
    assert 'oifname "eth0" ip saddr 192.168.2.0/24 masquerade' in text
    assert "snat" not in text
    check(text)


def test_source_nat_can_name_an_address_of_a_network(changed: Change) -> None:
    changes = {
        "all:site_pairs.ftfw.virtual_routers.outside.addresses": ["192.168.0.100", "192.168.0.101"],
        "all:site_source_nat": {"outside": "192.168.0.101"},
        "all:site_port_forwards": [],
    }
    assert 'oifname "eth0" ip saddr 192.168.2.0/24 snat ip to 192.168.0.101' in ruleset(changed(changes))
    elsewhere = {**changes, "all:site_source_nat": {"inside": "virtual_address"}}
    assert "snat" not in ruleset(changed(elsewhere))


def test_a_hairpin_leads_back_by_way_of_the_pair(changed: Change) -> None:
    forward = {"to": "outside", "service": "http", "host": "client", "hairpin": True}
    text = ruleset(changed({"all:site_port_forwards": [forward]}))
    lines = [line.strip() for line in text.splitlines()]
    both = 'iifname { "eth0", "eth1" }'
    assert f"{both} ip daddr 192.168.0.100 tcp dport 80 dnat ip to 192.168.2.3" in lines
    assert 'oifname "eth1" ip saddr 192.168.2.0/24 ct status dnat snat ip to 192.168.2.100' in lines
    assert any(line.startswith(f'{both} oifname "eth1" ip daddr 192.168.2.3 tcp dport 80') for line in lines)
    check(text)


def test_what_a_fragment_leads_in_is_known_by_where_it_goes(changed: Change) -> None:
    """A fragment may lead it in from an address that is none of the pair's."""
    text = ruleset(
        changed(
            {
                "all:site_fragments": [
                    {"place": "nat_prerouting", "text": "ip daddr 198.51.100.7 dnat ip to 192.168.2.3"}
                ],
                "all:site_probes": None,
                "all:site_policy": [
                    {
                        "from": "outside",
                        "to": "inside",
                        "services": ["http"],
                        "destinations": ["192.168.0.100", "192.168.2.100", "192.168.2.3"],
                        "action": "drop",
                    }
                ],
            }
        )
    )
    addresses = "{ 192.168.0.100, 192.168.2.3, 192.168.2.100 }"
    for match in ("ct original ip daddr", "ip daddr"):
        assert f"\n        {match} {addresses} tcp dport 80 {OPENS} drop\n" in text


def test_what_is_refused_needs_no_way_back_and_no_source_nat(changed: Change) -> None:
    hostvars = changed({"all:site_policy": DROPS, "all:site_probes": None})
    site = load_site(hostvars)
    assert "snat" not in host_view(site, "fw-1")["nftables"]["ruleset"]
    assert host_view(site, "client")["verify"]["client"] is None
    for variables in hostvars.values():
        variables["site_source_nat"] = "none"
    bridges = host_view(load_site(hostvars), "omarine")["host_network"]["bridges"]
    assert not any(bridge["routes"] for bridge in bridges)
