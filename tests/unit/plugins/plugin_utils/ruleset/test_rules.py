# SPDX-License-Identifier: GPL-3.0-or-later
"""The policy compiler: single rules of other policies than the lab's."""

from __future__ import annotations

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.nft import ports
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.ruleset.rulesets import (
    DUAL,
    FORWARD,
    OPENS,
    Change,
    check,
    ruleset,
)

RULES: dict[str, tuple[dict[str, object], list[str]]] = {
    "port forward": (
        {"all:site_port_forwards": [FORWARD]},
        [
            'iifname "eth0" ip daddr 192.168.0.100 tcp dport 80 dnat ip to 192.168.2.3',
            'iifname "eth0" oifname "eth1" ip daddr 192.168.2.3 tcp dport 80 ct status dnat '
            "tcp flags & (fin | syn | rst | ack) == syn ct state new accept",
        ],
    ),
    "port forward with a helper": (
        {"all:site_port_forwards": [{**FORWARD, "service": "ftp"}]},
        [
            # before the address is another one
            "type filter hook prerouting priority mangle; policy accept;",
            'iifname "eth0" ip daddr 192.168.0.100 tcp dport 21 ct state new ct helper set "ftp"',
        ],
    ),
    "port forward and hairpin, IPv6": (
        {
            **DUAL,
            "client:node_interfaces.eth0.addresses": ["192.168.2.3", "2001:db8:2::3"],
            "all:site_port_forwards": [
                {**FORWARD, "address": "2001:db8::100"},
                {**FORWARD, "service": "ftp", "address": "2001:db8::100", "hairpin": True},
            ],
        },
        [
            'iifname "eth0" ip6 daddr 2001:db8::100 tcp dport 80 dnat ip6 to 2001:db8:2::3',
            'iifname "eth0" oifname "eth1" '
            f"ip6 daddr 2001:db8:2::3 tcp dport 80 ct status dnat {OPENS} accept",
            'iifname { "eth0", "eth1" } '
            'ip6 daddr 2001:db8::100 tcp dport 21 ct state new ct helper set "ftp"',
            'iifname { "eth0", "eth1" } ip6 daddr 2001:db8::100 tcp dport 21 dnat ip6 to 2001:db8:2::3',
            'iifname { "eth0", "eth1" } oifname "eth1" '
            f"ip6 daddr 2001:db8:2::3 tcp dport 21 ct status dnat {OPENS} accept",
            'oifname "eth1" ip6 saddr 2001:db8:2::/64 ct status dnat snat ip6 to 2001:db8:2::100',
        ],
    ),
    "helpers of one family": (
        {
            **DUAL,
            "all:site_policy": [
                {
                    **{"from": "inside", "to": "outside", "services": ["irc", "ftp"]},
                    "sources": ["192.168.2.3", "2001:db8:2::3"],
                },
                {"from": "outside", "to": "inside", "services": ["pptp"]},
            ],
        },
        [
            "l3proto ip",
            "l3proto inet",
            'ip saddr 192.168.2.3 tcp dport 6667 ct state new ct helper set "irc"',
            'ip6 saddr 2001:db8:2::3 tcp dport 21 ct state new ct helper set "ftp"',
            'tcp dport 1723 ct state new ct helper set "pptp"',
            f"ip6 saddr 2001:db8:2::3 tcp dport {{ 21, 6667 }} {OPENS} accept",
        ],
    ),
    "a site's own service, over the catalogue": (
        {
            "all:site_services": {"http": {"tcp": [8080, "8000-8010"], "udp": [443]}},
            "all:site_policy": [{"from": "inside", "to": "outside", "services": ["http"]}],
        },
        [
            'iifname . oifname vmap { "eth1" . "eth0" : jump inside_to_outside }',
            f"tcp dport {{ 8000-8010, 8080 }} {OPENS} accept",
            "udp dport 443 ct state new accept",
        ],
    ),
    "a limit on connections": (
        {"all:site_policy": [{"from": "inside", "to": "outside", "services": ["ssh"], "limit": "5/minute"}]},
        [
            f"tcp dport 22 {OPENS} limit rate over 5/minute drop",
            f"tcp dport 22 {OPENS} accept",
        ],
    ),
    "IPv6": (
        DUAL,
        [
            'iifname "eth1" ip6 saddr 2001:db8:2::2 ip6 nexthdr 112 accept',
            'iifname { "eth0", "eth1" } ip6 daddr != ff00::/8 ip6 hoplimit 255 '
            "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept",
            'iifname { "eth0", "eth1" } ip6 daddr { ff02::1, ff02::1:ff00:0/104 } ip6 hoplimit 255 '
            "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept",
            "ip6 daddr { 2001:db8:2::100, 2001:db8::100 } drop",
            "icmpv6 type nd-redirect drop",
            "icmpv6 type echo-request limit rate over 1/second drop",
            "icmpv6 type echo-request ct state new accept",
            'oifname "eth0" ip6 saddr 2001:db8:2::/64 snat ip6 to 2001:db8::100',
        ],
    ),
}


@pytest.mark.parametrize(("changes", "rules"), RULES.values(), ids=RULES)
def test_rules(changed: Change, changes: dict[str, object], rules: list[str]) -> None:
    text = ruleset(changed(changes))
    lines = [line.strip() for line in text.splitlines()]
    assert [rule for rule in rules if rule not in lines] == []
    check(text)


def test_fragments_stand_at_their_places(changed: Change) -> None:
    fragments = [
        {"place": "table", "text": "set trusted {\n    type ipv4_addr\n    elements = { 192.168.2.9 }\n}"},
        {"place": "input", "text": "\t# node exporter\n\ttcp dport 9100 ip saddr @trusted accept\n"},
        {"place": "forward", "text": "ip saddr @trusted accept", "pair": "ftfw"},
        {"place": "raw_prerouting", "text": "udp dport 1 drop"},
        {"place": "nat_prerouting", "text": "tcp dport 8080 redirect to :80"},
        {"place": "prerouting", "text": "meta mark set 1"},
        {"place": "nat_postrouting", "text": "ip saddr 10.0.0.1 accept"},
    ]
    text = ruleset(changed({"all:site_fragments": fragments}))
    assert "# fragment: site_fragments[1]\n        # node exporter\n        tcp dport 9100" in text
    chains = {part.split(" ", 1)[0]: part for part in text.split("\n    chain ")}
    for fragment in fragments[1:]:
        assert str(fragment["text"]).splitlines()[-1].strip() in chains[str(fragment["place"])]
    lines = [line.strip() for line in text.splitlines()]
    # what a fragment says of forwarding comes before the entries
    assert lines.index("ip saddr @trusted accept") < lines.index("# site_policy, by the networks of a packet")
    check(text)


@pytest.mark.parametrize(
    ("word", "rule"),
    [
        ("strict", "ip6 saddr != { ::, fe80::/10 } fib saddr . iif oif missing drop"),
        ("loose", "ip6 saddr != { ::, fe80::/10 } fib saddr oif missing drop"),
        ("none", None),
    ],
)
def test_the_reverse_path_of_ipv6_is_checked_by_the_rules(
    changed: Change, word: str, rule: str | None
) -> None:
    assert "fib saddr" not in ruleset(changed({"all:site_reverse_path": word}))
    text = ruleset(changed({**DUAL, "all:site_reverse_path": word}))
    lines = [line.strip() for line in text.splitlines() if "fib saddr" in line]
    assert lines == ([] if rule is None else [rule])
    check(text)


@pytest.mark.parametrize(
    ("ranges", "text"),
    [
        pytest.param([(22, 22)], "22", id="one"),
        pytest.param([(443, 443), (22, 22)], "{ 22, 443 }", id="sorted"),
        pytest.param([(1, 9), (5, 12), (7, 7)], "1-12", id="overlapping"),
        pytest.param([(80, 80), (80, 80)], "80", id="twice"),
        pytest.param([(20, 21), (22, 22)], "{ 20-21, 22 }", id="side by side"),
    ],
)
def test_ports(ranges: list[tuple[int, int]], text: str) -> None:
    assert ports(ranges) == text
