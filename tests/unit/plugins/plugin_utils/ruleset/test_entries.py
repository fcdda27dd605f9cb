# SPDX-License-Identifier: GPL-3.0-or-later
"""The entries of a policy, compiled: the chain of two networks, literally, and what nft says to it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.nft.text import without_flowtables
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_view
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SiteError
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.entries import ping_names
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.services import CATALOGUE, HELPERS
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.ruleset.test_rules import (
    DUAL,
    OPENS,
    PROBES,
    check,
    nft,
    ruleset,
)

Change = Callable[[dict[str, object]], dict[str, dict[str, Any]]]
OUT = {"from": "inside", "to": "outside"}
ADDRESSES = {
    "servers": ["omarine", "192.168.0.10"],
    "admins": ["client", "2001:db8:2::7"],
    "nobody": [],
}
WINDOW = 'meta day { "Friday", "Saturday" } meta hour "22:00"-"23:59:59"'
AFTER = 'meta day { "Saturday", "Sunday" } meta hour "00:00"-"05:59:59"'


def chain(text: str, name: str = "inside_to_outside") -> list[str]:
    """The lines of a chain, or none."""
    _before, found, rest = text.partition(f"    chain {name} {{\n")
    return (
        [line.strip() for line in rest.partition("\n    }")[0].splitlines() if line.strip()] if found else []
    )


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


def compiled(changed: Change, *entries: dict[str, object], **variables: object) -> str:
    changes = {**DUAL, "all:site_addresses": ADDRESSES, "all:site_probes": None}
    changes["all:site_policy"] = [{**OUT, **entry} for entry in entries]
    text = ruleset(changed({**changes, **{f"all:{key}": value for key, value in variables.items()}}))
    check(text, twice=True)
    return text


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


SET = """\
    # site_addresses: servers
    set servers_v4 {
        type ipv4_addr
        flags interval
        elements = { 192.168.0.3, 192.168.0.10 }
    }
"""


def test_a_set_is_there_once_and_only_if_used(changed: Change) -> None:
    text = compiled(
        changed,
        {"services": ["ssh"], "destinations": ["servers"]},
        {"services": ["http"], "destinations": ["servers"], "sources": ["client"]},
    )
    assert text.count(SET) == 1
    assert [line for line in text.splitlines() if line.startswith("    set ")] == ["    set servers_v4 {"]


def test_a_long_list_of_an_entry_is_a_set_of_its_own(changed: Change) -> None:
    sources = [f"192.168.2.{2 * i}" for i in range(5, 30)]
    text = compiled(changed, {"services": ["ssh"], "sources": sources})
    assert f"ip saddr @policy_0.sources_v4 tcp dport 22 {OPENS} accept" in chain(text)
    assert "    set policy_0.sources_v4 {\n" in text


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


def test_helpers_are_for_what_an_entry_accepts(changed: Change) -> None:
    text = compiled(
        changed,
        {"services": ["ftp"], "destinations": ["servers"]},
        {"services": ["tftp"], "action": "drop"},
        {"services": ["h323-ras"]},
    )
    assert not [line for line in chain(text, "prerouting") if "ct helper set" in line]
    assert [line for line in chain(text, "inside_to_outside") if "#" not in line] == [
        'ip daddr @servers_v4 tcp dport 21 ct state new ct helper set "ftp"',
        f"ip daddr @servers_v4 tcp dport 21 {OPENS} accept",
        "udp dport 69 ct state new drop",
        'udp dport 1719 ct state new ct helper set "ras"',
        "udp dport 1719 ct state new accept",
    ]
    assert '    ct helper ras {\n        type "RAS" protocol udp\n' in text
    assert [line for line in chain(text, "forward") if "ct helper" in line] == [
        f'ct state related ct helper "{name}" accept' for name in ("H.245", "Q.931", "RAS", "ftp")
    ]


def test_an_earlier_entry_about_the_port_leaves_no_helper(changed: Change) -> None:
    """A later entry gives its helper to nothing that came to another one, so it stands alone."""
    ports = {"plain": {"tcp": [21]}}
    text = compiled(
        changed,
        {"services": ["plain"]},
        {"services": ["ftp"], "time": {"from": "08:00", "to": "17:30"}},
        site_services=ports,
    )
    assert [line for line in chain(text, "inside_to_outside") if "#" not in line] == [
        f"tcp dport 21 {OPENS} accept",
        'tcp dport 21 ct state new meta hour "08:00"-"17:29:59" ct helper set "ftp"',
        f'tcp dport 21 {OPENS} meta hour "08:00"-"17:29:59" accept',
    ]


def test_nft_knows_every_service_and_helper(changed: Change) -> None:
    entries = [{"services": [name], "counter": True} for name in CATALOGUE]
    text = compiled(changed, *entries)
    assert {service.helper for service in CATALOGUE.values()} - {None} == set(HELPERS) - {"snmp"}
    assert text.count("ct helper set") == len(HELPERS) - 1


def test_the_documentation_lists_every_service() -> None:
    page = Path(__file__).parents[5] / "docs" / "inventory" / "services.md"
    listed = page.read_text().partition("## Known services\n\n")[2].partition("\n\n")[0]
    assert " ".join(listed.split()).split(", ") == sorted(CATALOGUE)


def test_long_names_of_networks_make_shorter_names_of_chains(changed: Change) -> None:
    names = {"inside": "1" * 63, "outside": "x" * 63}
    policy = [{"from": names["inside"], "to": names["outside"], "services": ["ssh"]}]
    hostvars = changed({"all:site_policy": policy, "all:site_probes": None})
    for variables in hostvars.values():
        for old, new in names.items():
            variables["site_networks"][new] = variables["site_networks"].pop(old)
            variables["site_pairs"]["ftfw"]["virtual_routers"][old]["network"] = new
            for part in ("node_interfaces", "hypervisor_bridges"):
                for item in variables.get(part, {}).values():
                    item["network"] = new if item["network"] == old else item["network"]
    text = ruleset(hostvars)
    assert f"    chain from_{'1' * 63}_to_{'x' * 28}_0 {{\n" in text
    check(text)


DROPS: list[dict[str, object]] = [
    {"from": "outside", "to": "inside", "services": "any", "action": "drop", "log": True},
    {**OUT, "services": ["telnet"], "action": "reject"},
]


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


def test_what_is_refused_needs_no_way_back_and_no_source_nat(changed: Change) -> None:
    hostvars = changed({"all:site_policy": DROPS, "all:site_probes": None})
    site = load_site(hostvars)
    assert "snat" not in host_view(site, "fw-1")["nftables"]["ruleset"]
    assert host_view(site, "client")["verify"]["client"] is None
    for variables in hostvars.values():
        variables["site_source_nat"] = "none"
    bridges = host_view(load_site(hostvars), "omarine")["host_network"]["bridges"]
    assert not any(bridge["routes"] for bridge in bridges)


def test_probes_need_an_entry_that_accepts(changed: Change) -> None:
    with pytest.raises(Exception, match="no policy entry leads from one to the other"):
        load_site(changed({"all:site_policy": DROPS, "all:site_probes": PROBES}))


def many(count: int) -> list[dict[str, object]]:
    """Entries of all kinds, as a large site has them."""
    kinds: tuple[dict[str, object], ...] = (
        {},
        {"action": "drop"},
        {"log": True},
        {"counter": True, "limit": "5/minute"},
        {"time": {"from": "22:00", "to": "06:00"}},
    )
    return [
        {
            **OUT,
            "services": ["http", "dns"],
            "sources": [f"10.{i >> 8}.{i & 255}.0/25"],
            "destinations": ["10.200.0.0/16", f"10.100.{i >> 8}.{i & 255}"],
            **kinds[i % len(kinds)],
        }
        for i in range(count)
    ] + [{**OUT, "services": ["ssh"]}]


def seconds(changed: Change, policy: list[dict[str, object]]) -> float:
    hostvars = changed({"all:site_policy": policy})
    begin = time.process_time()
    host_view(load_site(hostvars), "fw-1")
    return time.process_time() - begin


def test_time_grows_in_proportion_to_the_policy(changed: Change) -> None:
    few = min(seconds(changed, many(500)) for _trial in range(3))
    # ten times as many: 10 in proportion, 100 if each were compared with each
    assert seconds(changed, many(5000)) < 25 * few


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
    assert lines.index(rules[-1]) < accepting, "what is sent the short way is accepted by the rule after it"
    # whether the kernel has them or not, nft reads the text
    assert "syntax error" not in nft(text, 'nft -c -f - <<< "$1"').stderr
    plain = without_flowtables(text)
    assert "flow add" not in plain and "flowtable" not in plain
    assert plain.count("\n") == text.count("\n")
    check(plain)


def test_a_chain_of_pings_is_no_other_networks_chain() -> None:
    names = {("lan", "wan"): "lan_to_wan", ("lan", "wan_pings"): "lan_to_wan_pings"}
    assert ping_names(names) == {
        ("lan", "wan"): "lan_to_wan_pings_",
        ("lan", "wan_pings"): "lan_to_wan_pings_pings",
    }
