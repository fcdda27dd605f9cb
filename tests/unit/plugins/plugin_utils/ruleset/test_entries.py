# SPDX-License-Identifier: GPL-3.0-or-later
"""An entry of a policy, compiled: the chain of two networks, literally, and what nft says to it."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.nft.text import without_flowtables
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.services import CATALOGUE
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.ruleset.rulesets import (
    ADDRESSES,
    DUAL,
    OPENS,
    OUT,
    Change,
    chain,
    check,
    nft,
    ruleset,
)

WINDOW = 'meta day { "Friday", "Saturday" } meta hour "22:00"-"23:59:59"'
AFTER = 'meta day { "Saturday", "Sunday" } meta hour "00:00"-"05:59:59"'


ENTRIES: dict[str, tuple[dict[str, object], list[str]]] = {
    "plain": (
        {"services": ["ssh", "dns"]},
        [
            "# site_policy[0]: inside to outside: ssh, dns",
            f"tcp dport {{ 22, 53 }} {OPENS} accept",
            "udp dport 53 ct state new accept",
        ],
    ),
    "any": (
        {"services": "any"},
        [
            "# site_policy[0]: inside to outside: any",
            f"{OPENS} accept",
            "meta l4proto != tcp ct state new accept",
        ],
    ),
    "drop": (
        {"services": ["telnet"], "action": "drop"},
        ["# site_policy[0]: inside to outside: drop telnet", f"tcp dport 23 {OPENS} drop"],
    ),
    "reject": (
        {"services": ["dns", "ping"], "action": "reject"},
        [
            "# site_policy[0]: inside to outside: reject dns, ping",
            f"tcp dport 53 {OPENS} reject with tcp reset",
            "udp dport 53 ct state new reject with icmpx type admin-prohibited",
            "icmp type echo-request ct state new reject with icmpx type admin-prohibited",
            "icmpv6 type echo-request ct state new reject with icmpx type admin-prohibited",
        ],
    ),
    "a named list, in the families that it has": (
        {"services": ["ssh"], "destinations": ["servers"]},
        [
            "# site_policy[0]: inside to outside: ssh to servers",
            f"ip daddr @servers_v4 tcp dport 22 {OPENS} accept",
        ],
    ),
    "named lists of both families": (
        {"services": ["ping"], "sources": ["admins"]},
        [
            "# site_policy[0]: inside to outside: ping from admins",
            "ip saddr @admins_v4 icmp type echo-request ct state new accept",
            "ip6 saddr @admins_v6 icmpv6 type echo-request ct state new accept",
        ],
    ),
    "lists that have one family in common": (
        {"services": ["ssh"], "sources": ["admins"], "destinations": ["servers"]},
        [
            "# site_policy[0]: inside to outside: ssh from admins to servers",
            f"ip saddr @admins_v4 ip daddr @servers_v4 tcp dport 22 {OPENS} accept",
        ],
    ),
    "an inline list": (
        {"services": ["ssh"], "sources": ["client", "192.168.2.4/31", "servers"]},
        [
            "# site_policy[0]: inside to outside: ssh from 192.168.2.4/31, client, servers",
            f"ip saddr {{ 192.168.0.3, 192.168.0.10, 192.168.2.3-192.168.2.5 }} tcp dport 22 {OPENS} accept",
        ],
    ),
    "one literal": (
        {"services": ["ssh"], "sources": ["2001:db8:2::/80"]},
        [
            "# site_policy[0]: inside to outside: ssh from 2001:db8:2::/80",
            f"ip6 saddr 2001:db8:2::/80 tcp dport 22 {OPENS} accept",
        ],
    ),
    "a list without members is not any": ({"services": ["ssh"], "sources": ["nobody"]}, []),
    "a limit is for what is accepted, and ends there": (
        {"services": ["ssh", "ping"], "limit": "5/minute"},
        [
            "# site_policy[0]: inside to outside: ssh, ping",
            f"tcp dport 22 {OPENS} limit rate over 5/minute drop",
            f"tcp dport 22 {OPENS} accept",
            "icmp type echo-request ct state new accept",
            "icmpv6 type echo-request ct state new accept",
        ],
    ),
    "a log": (
        {"services": ["ssh"], "log": True, "action": "drop"},
        [
            "# site_policy[0]: inside to outside: drop ssh",
            f'tcp dport 22 {OPENS} limit rate 5/minute log prefix "site_policy[0]: inside to outside drop: "',
            f"tcp dport 22 {OPENS} drop",
        ],
    ),
    "a log with prefix and rate": (
        {"services": ["ssh"], "log": {"prefix": "ssh:", "rate": "1/second"}},
        [
            "# site_policy[0]: inside to outside: ssh",
            f'tcp dport 22 {OPENS} limit rate 1/second log prefix "ssh: "',
            f"tcp dport 22 {OPENS} accept",
        ],
    ),
    "no log": (
        {"services": ["ssh"], "log": False},
        ["# site_policy[0]: inside to outside: ssh", f"tcp dport 22 {OPENS} accept"],
    ),
    "a counter": (
        {"services": ["ssh"], "counter": True},
        [
            "# site_policy[0]: inside to outside: ssh",
            f'tcp dport 22 {OPENS} counter name "policy_0" accept',
        ],
    ),
    "days": (
        {"services": ["ssh"], "time": {"days": ["sunday", "monday"]}},
        [
            "# site_policy[0]: inside to outside: ssh",
            f'tcp dport 22 {OPENS} meta day {{ "Monday", "Sunday" }} accept',
        ],
    ),
    "hours": (
        {"services": ["ssh"], "time": {"from": "08:00", "to": "17:30"}},
        [
            "# site_policy[0]: inside to outside: ssh",
            f'tcp dport 22 {OPENS} meta hour "08:00"-"17:29:59" accept',
        ],
    ),
    "until midnight": (
        {"services": ["ssh"], "time": {"from": "20:00", "to": "00:00"}},
        [
            "# site_policy[0]: inside to outside: ssh",
            f'tcp dport 22 {OPENS} meta hour "20:00"-"23:59:59" accept',
        ],
    ),
    "across midnight": (
        {"services": ["ssh"], "time": {"from": "22:00", "to": "06:00"}},
        [
            "# site_policy[0]: inside to outside: ssh",
            f'tcp dport 22 {OPENS} meta hour != "06:00"-"21:59:59" accept',
        ],
    ),
    "nights that begin on some days": (
        {"services": ["ssh"], "time": {"days": ["friday", "saturday"], "from": "22:00", "to": "06:00"}},
        [
            "# site_policy[0]: inside to outside: ssh",
            f"tcp dport 22 {OPENS} {WINDOW} accept",
            f"tcp dport 22 {OPENS} {AFTER} accept",
        ],
    ),
    "a comment stays in its line": (
        {"services": ["ssh"], "comment": 'for\n } "admins"\u2028\x00drop; #'},
        [
            '# site_policy[0]: inside to outside: ssh (for } "admins" drop; #)',
            f"tcp dport 22 {OPENS} accept",
        ],
    ),
    "lists of networks": (
        {"from": ["inside"], "to": ["inside", "outside"], "services": ["ssh"]},
        ["# site_policy[0]: inside to outside: ssh", f"tcp dport 22 {OPENS} accept"],
    ),
    "no helper's name is the kernel's": (
        {"services": ["h323"]},
        [
            "# site_policy[0]: inside to outside: h323",
            'tcp dport 1720 ct state new ct helper set "h323"',
            f"tcp dport 1720 {OPENS} accept",
        ],
    ),
}


@pytest.mark.parametrize(("entry", "lines"), ENTRIES.values(), ids=ENTRIES)
def test_an_entry(changed: Change, entry: dict[str, object], lines: list[str]) -> None:
    changes = {**DUAL, "all:site_addresses": ADDRESSES, "all:site_policy": [{**OUT, **entry}]}
    text = ruleset(changed({**changes, "all:site_probes": None}))
    assert chain(text) == lines
    check(text)


def test_the_documentation_lists_every_service() -> None:
    page = Path(__file__).parents[5] / "docs" / "inventory" / "services.md"
    listed = page.read_text().partition("## Known services\n\n")[2].partition("\n\n")[0]
    assert " ".join(listed.split()).split(", ") == sorted(CATALOGUE)


@pytest.mark.parametrize(
    ("entry", "rules"),
    [
        (
            {"services": ["http", "ftp", "dns"], "offload": True},
            [
                'iifname "eth1" oifname "eth0" tcp dport { 53, 80 } ct state established '
                "ct direction original ct status assured iifname != @offload_shut "
                'flow add @fastpath counter name "offloaded"',
                'iifname "eth1" oifname "eth0" udp dport 53 ct state established ct direction original '
                'ct status assured iifname != @offload_shut flow add @fastpath counter name "offloaded"',
            ],
        ),
        (
            {"services": ["http", "ftp"], "offload": "expected"},
            [
                'iifname . oifname { "eth1" . "eth0", "eth0" . "eth1" } ct helper "ftp" ct status expected '
                "ct state established ct status assured iifname != @offload_shut "
                'flow add @fastpath counter name "offloaded"',
            ],
        ),
        (
            {"services": "any", "destinations": ["192.168.0.9"], "offload": True},
            [
                'iifname "eth1" oifname "eth0" ip daddr 192.168.0.9 meta l4proto { tcp, udp } '
                "ct state established ct direction original ct status assured iifname != @offload_shut "
                'flow add @fastpath counter name "offloaded"',
            ],
        ),
    ],
)
def test_flows_are_offloaded_by_entry(changed: Change, entry: dict[str, object], rules: list[str]) -> None:
    text = ruleset(changed({"all:site_policy": [{"from": "inside", "to": "outside", **entry}]}))
    lines = [line.strip() for line in text.splitlines()]
    assert [line for line in lines if "flow add" in line] == rules
    assert "devices = { eth0, eth1 }" in lines
    accepting = lines.index("ct state established accept", lines.index("chain forward {"))
    assert lines.index(rules[-1]) < accepting, "what is offloaded is accepted by the rule after it"
    # whether the kernel has them or not, nft reads the text
    assert "syntax error" not in nft(text, 'nft -c -f - <<< "$1"').stderr
    plain = without_flowtables(text)
    assert "flow add" not in plain and "flowtable" not in plain
    assert plain.count("\n") == text.count("\n")
    check(plain)
