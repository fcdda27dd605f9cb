# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries that become one rule or one map, in which the first match still wins."""

from __future__ import annotations

from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.ruleset.rulesets import (
    OPENS,
    Change,
    chain,
    compiled,
)


def test_plain_neighbours_become_one_rule(changed: Change) -> None:
    text = compiled(
        changed,
        {"services": ["ssh"]},
        {"services": ["http", "ping"]},
        {"services": ["dns"], "counter": True},
        {"services": ["smtp"]},
        {"services": ["imap"], "action": "drop"},
        {"services": ["pop3"], "action": "drop"},
    )
    assert chain(text) == [
        "# site_policy[0] to [1]: inside to outside: ssh, http, ping",
        f"tcp dport {{ 22, 80 }} {OPENS} accept",
        "icmp type echo-request ct state new accept",
        "icmpv6 type echo-request ct state new accept",
        "# site_policy[2]: inside to outside: dns",
        f'tcp dport 53 {OPENS} counter name "policy_2" accept',
        'udp dport 53 ct state new counter name "policy_2" accept',
        "# site_policy[3]: inside to outside: smtp",
        f"tcp dport 25 {OPENS} accept",
        "# site_policy[4] to [5]: inside to outside: drop imap, pop3",
        f"tcp dport {{ 110, 143 }} {OPENS} drop",
    ]
    assert "    # site_policy[2]: inside to outside: dns\n    counter policy_2 {}\n" in text


def test_neighbours_between_the_same_networks_become_one_rule(changed: Change) -> None:
    back = {"from": "outside", "to": "inside"}
    text = compiled(
        changed,
        {"services": ["ssh"]},
        {**back, "services": ["http"]},
        {"services": ["smtp"]},
        {"services": ["imap"]},
    )
    assert chain(text)[0] == "# site_policy[0], [2] to [3]: inside to outside: ssh, smtp, imap"
    assert chain(text, "outside_to_inside")[0] == "# site_policy[1]: outside to inside: http"
    jumps = '"eth1" . "eth0" : jump inside_to_outside, "eth0" . "eth1" : jump outside_to_inside'
    assert f"iifname . oifname vmap {{ {jumps} }}" in chain(text, "forward")


def test_a_thousand_services_are_one_rule(changed: Change) -> None:
    services = {f"s{i}": {"tcp": [1000 + 2 * i]} for i in range(1000)}
    text = compiled(changed, *({"services": [name]} for name in services), site_services=services)
    lines = chain(text)
    assert lines[0] == (
        f"# site_policy[0] to [999]: inside to outside: {', '.join(f's{i}' for i in range(12))} and 988 more"
    )
    assert lines[1] == "tcp dport {"
    assert lines[-1] == f"}} {OPENS} accept"
    assert sum("accept" in line for line in lines) == 1
    assert max(map(len, text.splitlines())) < 200


def test_alternating_actions_are_a_map_in_which_the_first_entry_wins(changed: Change) -> None:
    services = {f"s{i}": {"tcp": [i], "udp": [2 * i]} for i in range(1, 8)}
    services |= {"all": {"tcp": ["1-8"], "icmp": ["echo-request", "timestamp-request"]}}
    actions = ["accept", "drop", "reject"]
    text = compiled(
        changed,
        *({"services": [f"s{i}"], "action": actions[i % 3]} for i in range(1, 8)),
        {"services": ["ping"]},
        {"services": ["s5", "s1", "ping"], "action": "drop"},
        {"services": ["all"], "action": "reject"},
        site_services=services,
    )
    assert chain(text) == [
        "# site_policy[0] to [9]: inside to outside: drop s1, reject s2, accept s3, drop s4, reject s5, "
        "accept s6, drop s7, accept ping, drop s5, s1, ping, reject all",
        f"{OPENS} tcp dport vmap {{ 1 : drop, 2 : goto refused, 3 : accept, 4 : drop, 5 : goto refused, "
        "6 : accept, 7 : drop, 8 : goto refused }",
        "ct state new udp dport vmap { 2 : drop, 4 : goto refused, 6 : accept, 8 : drop, 10 : goto refused, "
        "12 : accept, 14 : drop }",
        "ct state new icmp type vmap { echo-request : accept, timestamp-request : goto refused }",
        "ct state new icmpv6 type vmap { echo-request : accept }",
    ]
    assert chain(text, "refused") == [
        "# what an entry rejects",
        "meta l4proto tcp reject with tcp reset",
        "reject with icmpx type admin-prohibited",
    ]
