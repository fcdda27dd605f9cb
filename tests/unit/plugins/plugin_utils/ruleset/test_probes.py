# SPDX-License-Identifier: GPL-3.0-or-later
"""What a probe adds to the ruleset: its sets and rules, and the commands that open and close them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_view
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.ruleset.rulesets import (
    DROPS,
    DUAL,
    PROBES,
    Change,
    chain,
    check,
    ruleset,
)

PROBE_RULES = [
    'iifname "eth0" ip saddr 192.168.0.3 dnat ip to ip daddr . meta l4proto . th dport map @probe_forwards',
    'iifname "eth1" ip saddr 192.168.2.3 ip daddr 192.168.0.3 tcp dport @probe_ftp ct state new '
    'ct helper set "ftp"',
    'iifname "eth1" oifname "eth0" ip saddr . ip daddr @probe_pings icmp type echo-request accept',
    'iifname "eth1" oifname "eth0" ip saddr 192.168.2.3 ip daddr 192.168.0.3 '
    "tcp flags & (fin | syn | rst | ack) == syn meta l4proto . th dport @probe_ports "
    'ct state new counter name "probed" accept',
    'iifname "eth1" oifname "eth0" ip saddr 192.168.2.3 ip daddr 192.168.0.3 '
    "meta l4proto udp meta l4proto . th dport @probe_ports "
    'ct state new counter name "probed" accept',
    'iifname "eth0" oifname "eth1" ip saddr 192.168.0.3 ip daddr 192.168.2.3 ct status dnat '
    "tcp flags & (fin | syn | rst | ack) == syn meta l4proto . th dport @probe_ports "
    'ct state new counter name "probed" accept',
    'iifname "eth0" oifname "eth1" ip saddr 192.168.0.3 ip daddr 192.168.2.3 ct status dnat '
    "meta l4proto udp meta l4proto . th dport @probe_ports "
    'ct state new counter name "probed" accept',
]
PROBE_SETS = """\
    # what a probe opens while it runs
    set probe_ports {
        type inet_proto . inet_service
        flags timeout
    }

    # control connections of a probe's downloads
    set probe_ftp {
        type inet_service
        flags timeout
    }

    # from where to where a probe pings
    set probe_pings {
        type ipv4_addr . ipv4_addr
        flags timeout
    }

    # where a probe is forwarded to
    map probe_forwards {
        type ipv4_addr . inet_proto . inet_service : ipv4_addr
        flags timeout
    }
"""


def test_a_probe_adds_its_sets_and_rules_and_changes_nothing_else(changed: Change, lab: Any) -> None:
    before = ruleset(lab).splitlines()
    text = ruleset(changed({"all:site_probes": PROBES}))
    assert PROBE_SETS in text
    lines = [line.strip() for line in text.splitlines()]
    assert [line for line in lines if "@probe_" in line] == PROBE_RULES
    kept = iter(text.splitlines())
    assert [line for line in before if line not in kept] == []
    check(text, twice=True)


def test_pings_of_a_probe_are_not_limited(changed: Change) -> None:
    text = ruleset(changed({"all:site_probes": PROBES}))
    forward = text[text.index("chain forward {") :]
    limits = forward.index("jump inside_to_outside_pings")
    assert forward.index("ct state invalid drop") < forward.index("@probe_pings") < limits
    assert limits < forward.index("ct state established accept")


def test_the_helper_of_a_probe_needs_no_policy(changed: Change) -> None:
    hostvars = changed({"all:site_probes": PROBES, "all:site_policy.0.services": ["dns"]})
    assert host_view(load_site(hostvars), "fw-1")["nftables"]["helpers"] == ["ftp"]
    assert 'ct state related ct helper "ftp" accept' in ruleset(hostvars)


@pytest.mark.parametrize("family", [4, 6])
def test_nft_accepts_the_commands_of_a_probe(changed: Change, family: int) -> None:
    changes: dict[str, object] = {"all:site_probes": PROBES}
    if family == 6:
        changes |= {
            **DUAL,
            "client:node_interfaces.eth0.addresses": ["2001:db8:2::3"],
            "omarine:hypervisor_bridges.br0.addresses": ["2001:db8::3/64"],
        }
    view = host_view(load_site(changed(changes)), "fw-1")
    probes = view["verify"]["probes"]
    commands = [command.replace("SECONDS", "60") for command in probes["close"] + probes["open"]]
    check("\n".join([view["nftables"]["ruleset"], *commands, ""]))
    assert len([command for command in commands if "timeout 60s" in command]) == 4


def test_what_is_refused_leads_no_probe_nowhere(changed: Change, lab: dict[str, dict[str, Any]]) -> None:
    expected = host_view(load_site(lab), "client")["verify"]
    policy = [*DROPS, *lab["client"]["site_policy"]]
    hostvars = changed({"all:site_policy": policy})
    site = load_site(hostvars)
    assert host_view(site, "client")["verify"] == expected
    # and a probe passes whatever is dropped
    forward = chain(host_view(site, "fw-1")["nftables"]["ruleset"], "forward")
    assert forward.index("# the probe, while it runs") < forward.index(
        "# site_policy, by the networks of a packet"
    )


def test_probes_need_an_entry_that_accepts(changed: Change) -> None:
    with pytest.raises(Exception, match="no policy entry leads from one to the other"):
        load_site(changed({"all:site_policy": DROPS, "all:site_probes": PROBES}))
