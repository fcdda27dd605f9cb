# SPDX-License-Identifier: GPL-3.0-or-later
"""Counters and limits of entries: what they are called, and what they count."""

from __future__ import annotations

import re

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SiteError
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.ruleset.rulesets import (
    DUAL,
    FORWARD,
    OPENS,
    Change,
    chain,
    check,
    compiled,
    ruleset,
)


@pytest.mark.parametrize("services", [["http"], "any"], ids=["a service", "any"])
@pytest.mark.parametrize("fragment", [False, True], ids=["port forwards", "and a fragment"])
def test_what_is_asked_for_at_two_addresses_has_one_limit(
    changed: Change, services: object, fragment: bool
) -> None:
    """One that the entry names leads to a host of it, and so does one that it does not name."""
    virtual = {4: ["192.168.0.100", "192.168.0.101"], 6: ["2001:db8::100", "2001:db8::101"]}
    hosts = {4: "192.168.2.3", 6: "2001:db8:2::3"}
    there = {
        **DUAL,
        "all:site_pairs.ftfw.virtual_routers.outside.addresses": [*virtual[4], *virtual[6]],
        "client:node_interfaces.eth0.addresses": list(hosts.values()),
        "all:site_port_forwards": [
            {**FORWARD, "address": address} for addresses in virtual.values() for address in addresses
        ],
        "all:site_probes": None,
        "all:site_policy": [
            {
                "from": "outside",
                "to": "inside",
                "services": services,
                "destinations": [virtual[4][0], virtual[6][0], *hosts.values()],
                "limit": "5/minute",
            }
        ],
    }
    if fragment:
        rule = "tcp dport 81 dnat ip to 192.168.2.3"
        there["all:site_fragments"] = [{"place": "nat_prerouting", "text": rule}]
    text = ruleset(changed(there))
    assert text.count("limit rate over 5/minute drop") == len(re.findall(r"chain limit_\S+ \{", text)) > 0
    for protocol in ("tcp",) if services != "any" else ("tcp", "other"):
        for family in (4, 6):
            name = f"limit_0_0_{protocol}_v{family}"
            assert text.count(f"chain {name} {{") == 1
            assert text.count(f" jump {name}\n") == (1 if protocol == "other" and not fragment else 2)
    check(text)


def test_a_counter_may_have_a_name_and_be_shared(changed: Change) -> None:
    text = compiled(
        changed,
        {"services": ["ssh"], "counter": "remote"},
        {"services": ["telnet"], "counter": "remote", "action": "drop"},
        {"services": ["dns"], "counter": "true"},
        {"services": ["ntp"], "counter": "tcp", "limit": "1/second"},
    )
    assert f'tcp dport 22 {OPENS} counter name "policy_remote" accept' in chain(text)
    assert f'tcp dport 23 {OPENS} counter name "policy_remote" drop' in chain(text)
    first, second = "site_policy[0]: inside to outside: ssh", "site_policy[1]: inside to outside: drop telnet"
    assert f"    # {first}; {second}\n    counter policy_remote {{}}\n" in text
    assert text.count("counter policy_remote {}") == 1
    assert "counter policy_2 {}" in text
    # a word of nft's own can't stand alone
    assert "counter policy_tcp {}" in text
    assert "counter policy_tcp_over {}" in text


@pytest.mark.parametrize("name", ["web traffic", "1st", "web_over", "a" * 64, "a-b", 7])
def test_what_no_counter_can_be_called(changed: Change, name: object) -> None:
    with pytest.raises(SiteError, match=r"site_policy\[0\]\.counter: .* is neither true nor false"):
        compiled(changed, {"services": ["ssh"], "counter": name})


def test_what_is_over_a_limit_has_a_counter_of_its_own(changed: Change) -> None:
    text = compiled(
        changed,
        {"services": ["ssh"], "limit": "5/minute", "counter": True},
        {"services": ["ping"], "limit": "1/second", "counter": True},
        {"services": ["dns"], "limit": "1/second"},
    )
    over = 'limit rate over 5/minute counter name "policy_0_over" drop'
    assert chain(text)[1:3] == [
        f"tcp dport 22 {OPENS} {over}",
        f'tcp dport 22 {OPENS} counter name "policy_0" accept',
    ]
    pings = chain(text, "inside_to_outside_pings")
    over = 'limit rate over 1/second counter name "policy_1_over" drop'
    assert [line for line in pings if "drop" in line] == [
        f"icmp type echo-request {over}",
        f"icmpv6 type echo-request {over}",
    ]
    assert (
        "    # site_policy[0]: inside to outside: ssh: over 5/minute\n    counter policy_0_over {}\n" in text
    )
    # without a counter there is none for what is over
    assert f"tcp dport 53 {OPENS} limit rate over 1/second drop" in chain(text)
    assert "policy_2" not in text


def test_limits_on_pings_keep_to_the_first_match(changed: Change) -> None:
    text = compiled(
        changed,
        {"services": ["ping"], "sources": ["client"]},
        {"services": ["ping"], "limit": "1/second", "sources": ["admins"]},
        {"services": ["ssh"]},
        {"services": ["ping"], "limit": "5/second"},
        {"services": ["dns"]},
    )
    assert chain(text, "inside_to_outside_pings") == [
        "# site_policy[0]: inside to outside: no limit",
        "ip saddr 192.168.2.3 icmp type echo-request return",
        "# site_policy[1]: inside to outside: at most 1/second",
        "ip saddr @admins_v4 icmp type echo-request limit rate over 1/second drop",
        "ip6 saddr @admins_v6 icmpv6 type echo-request limit rate over 1/second drop",
        "ip saddr @admins_v4 icmp type echo-request return",
        "ip6 saddr @admins_v6 icmpv6 type echo-request return",
        "# site_policy[3]: inside to outside: at most 5/second",
        "icmp type echo-request limit rate over 5/second drop",
        "icmpv6 type echo-request limit rate over 5/second drop",
    ]
    assert chain(text, "forward").index("# pings within their limits") < chain(text, "forward").index(
        "ct state established accept"
    )
