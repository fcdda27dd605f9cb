# SPDX-License-Identifier: GPL-3.0-or-later
"""The policy compiler: the lab's table, literally, and single rules of other policies."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.nft.text import without_flowtables
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_view
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.nft import ports
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.services import helper_modules

Change = Callable[[dict[str, object]], dict[str, dict[str, Any]]]
DATA = Path(__file__).parents[1] / "data"
OPENS = "tcp flags & (fin | syn | rst | ack) == syn ct state new"
FORWARD = {"to": "outside", "service": "http", "host": "client"}
DUAL: dict[str, object] = {
    "all:site_networks.inside.prefixes": ["192.168.2.0/24", "2001:db8:2::/64"],
    "all:site_networks.outside.prefixes": ["192.168.0.0/24", "2001:db8::/64"],
    "all:site_pairs.ftfw.virtual_routers.inside.addresses": ["192.168.2.100", "2001:db8:2::100"],
    "all:site_pairs.ftfw.virtual_routers.outside.addresses": ["192.168.0.100", "2001:db8::100"],
    "fw-1:node_interfaces.eth1.addresses": ["192.168.2.1", "2001:db8:2::1"],
    "fw-2:node_interfaces.eth1.addresses": ["192.168.2.2", "2001:db8:2::2"],
    "fw-1:node_interfaces.eth0.addresses": ["192.168.0.1", "2001:db8::1"],
    "fw-2:node_interfaces.eth0.addresses": ["192.168.0.2", "2001:db8::2"],
}


def ruleset(hostvars: dict[str, dict[str, Any]], host: str = "fw-1") -> str:
    text: str = host_view(load_site(hostvars), host)["nftables"]["ruleset"]
    return text


def nft(text: str, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of bash on the text, its first argument, in a network namespace of its own."""
    return subprocess.run(
        ["/usr/bin/unshare", "--map-root-user", "--net", "/bin/bash", "-c", command, "bash", text],
        capture_output=True,
        text=True,
        check=False,
    )


def check(text: str, *, twice: bool = False) -> None:
    """Let nft check the text; `twice` loads it first. Not every kernel has flowtables."""
    done = nft(
        without_flowtables(text),
        'nft -f - <<< "$1" && nft -c -f - <<< "$1"' if twice else 'nft -c -f - <<< "$1"',
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_lab(lab: dict[str, dict[str, Any]]) -> None:
    assert ruleset(lab) == (DATA / "fw-1.nft").read_text()


def test_lab_on_the_peer_differs_by_addresses_only(lab: dict[str, dict[str, Any]]) -> None:
    first, second = ruleset(lab, "fw-1").splitlines(), ruleset(lab, "fw-2").splitlines()
    differ = [(a.strip(), b.strip()) for a, b in zip(first, second) if a != b]
    assert len(first) == len(second)
    assert differ == [
        (
            "# The policy of lab on fw-1, firewall of pair ftfw",
            "# The policy of lab on fw-2, firewall of pair ftfw",
        ),
        _replication("iifname", "192.168.100.200", "192.168.100.100"),
        *_path_tracking("iifname", "notrack"),
        _replication("oifname", "192.168.100.100", "192.168.100.200"),
        *_path_tracking("oifname", "notrack"),
        (
            'iifname != "eth2" ip daddr 192.168.100.100 drop',
            'iifname != "eth2" ip daddr 192.168.100.200 drop',
        ),
        ('iifname != "mgmt0" ip daddr 10.255.0.1 drop', 'iifname != "mgmt0" ip daddr 10.255.0.2 drop'),
        (
            'iifname "eth1" ip saddr 192.168.2.2 ip protocol 112 accept',
            'iifname "eth1" ip saddr 192.168.2.1 ip protocol 112 accept',
        ),
        (
            'iifname "eth0" ip saddr 192.168.0.2 ip protocol 112 accept',
            'iifname "eth0" ip saddr 192.168.0.1 ip protocol 112 accept',
        ),
        (
            'iifname "eth2" ip saddr 192.168.100.200 ip daddr 192.168.100.100 udp dport 3780 accept',
            'iifname "eth2" ip saddr 192.168.100.100 ip daddr 192.168.100.200 udp dport 3780 accept',
        ),
        *_path_tracking("iifname", "accept"),
        (
            'iifname "eth2" ip saddr 192.168.100.200 ip daddr 192.168.100.100 tcp dport 3783 accept',
            'iifname "eth2" ip saddr 192.168.100.100 ip daddr 192.168.100.200 tcp dport 3783 accept',
        ),
    ]


def _replication(direction: str, *ends: str) -> tuple[str, ...]:
    """The rule of both nodes."""
    return tuple(
        f'{direction} "eth2" ip saddr {source} ip daddr {destination} udp dport 3780 notrack'
        for source, destination in (ends, ends[::-1])
    )


def _path_tracking(direction: str, verdict: str) -> list[tuple[str, ...]]:
    """The rules of both nodes."""
    return [
        tuple(
            f'{direction} "{interface}" ip saddr {source} ip daddr {destination} '
            f"udp sport 3781 udp dport 3781 {verdict}"
            for source, destination in ((pair, pair[::-1]) if direction == "oifname" else (pair[::-1], pair))
        )
        for interface, pair in (
            ("eth1", ("192.168.2.1", "192.168.2.2")),
            ("eth0", ("192.168.0.1", "192.168.0.2")),
            ("eth2", ("192.168.100.100", "192.168.100.200")),
        )
    ]


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


def test_neighbours_may_ask_a_virtual_address(changed: Change) -> None:
    lines = [line.strip() for line in ruleset(changed(DUAL)).splitlines()]
    asked, *_groups = [number for number, line in enumerate(lines) if "nd-neighbor-solicit" in line]
    assert asked < lines.index("ip6 daddr { 2001:db8:2::100, 2001:db8::100 } drop")


GROUPS = "ff02::1, ff02::1:ff00:0/104"
ASKED = "ip6 hoplimit 255 icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept"
FROM_THE_LINK = f"ip6 saddr {{ ::, fe80::/10 }} ip6 daddr {{ fe80::/10, {GROUPS} }} {ASKED}"
LISTENERS = "ip6 saddr fe80::/10 ip6 hoplimit 1 icmpv6 type mld-listener-query accept"
ALL, NONE = '{ "eth0", "eth1", "eth2", "mgmt0" }', "meta nfproto ipv6 drop"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param(
            {},
            [
                f'{{ "eth0", "eth1", "mgmt0" }} {FROM_THE_LINK}',
                f'{{ "eth0", "eth1", "mgmt0" }} {LISTENERS}',
                f"{ALL} {NONE}",
            ],
            id="IPv4",
        ),
        pytest.param(
            DUAL,
            [
                f'{{ "eth0", "eth1" }} ip6 daddr != ff00::/8 {ASKED}',
                f'{{ "eth0", "eth1" }} ip6 daddr {{ {GROUPS} }} {ASKED}',
                f'"mgmt0" {FROM_THE_LINK}',
                f'{{ "eth0", "eth1", "mgmt0" }} {LISTENERS}',
                f'{{ "eth2", "mgmt0" }} {NONE}',
            ],
            id="both-on-data",
        ),
        pytest.param(
            {"all:site_networks.outside.link_local": False, "all:site_networks.sync.link_local": True},
            [
                f'{{ "eth1", "eth2", "mgmt0" }} {FROM_THE_LINK}',
                f'{{ "eth1", "eth2", "mgmt0" }} {LISTENERS}',
                f"{ALL} {NONE}",
            ],
            id="said-otherwise",
        ),
        pytest.param(
            {f"all:site_networks.{name}.link_local": False for name in ("outside", "inside", "mgmt")},
            [f"{ALL} {NONE}"],
            id="nowhere",
        ),
    ],
)
def test_without_a_prefix_of_ipv6_only_its_neighbour_discovery_gets_in(
    changed: Change, changes: dict[str, object], expected: list[str]
) -> None:
    lines = [line.strip() for line in ruleset(changed(changes)).splitlines()]
    chain = lines[lines.index("chain input {") :]
    rules = chain[: chain.index("}")]
    words = ("hoplimit", NONE) if changes is DUAL else ("ip6", "icmpv6", "ipv6")
    assert [rule for rule in rules if any(word in rule for word in words)] == [
        f"iifname {rule}" for rule in expected
    ]


def test_a_fragment_without_a_family_opens_nothing_of_one_that_a_network_lacks(changed: Change) -> None:
    text = ruleset(changed({"all:site_fragments": [{"place": "input", "text": "tcp dport 9100 accept"}]}))
    assert 0 < text.index("meta nfproto ipv6 drop", text.index("chain input")) < text.index("tcp dport 9100")


FLOWS = 'iifname "eth2" ip saddr 192.168.100.100 ip daddr 192.168.100.200 tcp dport 3782 accept'


@pytest.mark.parametrize(
    ("changes", "asked"),
    [
        ({}, ""),
        ({"all:site_pairs.ftfw.preempt": "when_synced"}, "fw-2"),
        (
            {
                "all:site_pairs.ftfw.preempt": "when_synced",
                "all:site_pairs.ftfw.priorities": {"fw-1": 100, "fw-2": 200},
            },
            "fw-1",
        ),
    ],
)
def test_only_the_other_node_tells_its_flows(changed: Change, changes: dict[str, object], asked: str) -> None:
    site = load_site(changed(changes))
    texts = {node: host_view(site, node)["nftables"]["ruleset"] for node in ("fw-1", "fw-2")}
    assert [node for node, text in texts.items() if "3782" in text] == ([asked] if asked else [])
    if asked == "fw-2":
        assert FLOWS in [line.strip() for line in texts[asked].splitlines()]


IRC = {"from": "inside", "to": "outside", "services": ["irc"]}
PROBES = {"client": "client", "server": "omarine"}
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


EXTERNAL: dict[str, object] = {"all:site_pairs.ftfw.replication": "external"}
GATE_SET = """\
    # closed interfaces: all, until the flows are there
    set gate {
        type ifname
        flags timeout
        elements = { "eth0", "eth1" }
    }
"""
GATE_RULES = """\
        # a closed interface lets in what is for the node itself, but nothing for a virtual address or beyond
        iifname @gate ip daddr { 192.168.2.100, 192.168.0.100 } drop
        iifname @gate fib daddr type != { local, broadcast, multicast } drop
    }

    chain raw_output {
"""


def test_a_gate_adds_its_set_and_rules_and_changes_nothing_else(changed: Change, lab: Any) -> None:
    before = ruleset(lab).splitlines()
    assert "gate" not in ruleset(lab)
    text = ruleset(changed(EXTERNAL))
    assert GATE_SET in text
    assert GATE_RULES in text
    kept = iter(text.splitlines())
    assert [line for line in before if line not in kept] == []
    # the pair's own traffic is let go before
    assert text.index("udp dport 3780 notrack") < text.index("iifname @gate")
    check(text, twice=True)


def test_a_gate_knows_the_virtual_addresses_of_both_families(changed: Change) -> None:
    text = ruleset(changed({**DUAL, **EXTERNAL}))
    lines = [line.strip() for line in text.splitlines()]
    assert "iifname @gate ip6 daddr { 2001:db8:2::100, 2001:db8::100 } drop" in lines
    check(text)


def test_nft_takes_the_commands_that_open_and_shut_the_gate(changed: Change) -> None:
    # on a table that is loaded: nft 1.1.3 crashes where elements are new and flushed at once
    commands = ["flush set inet ftfw gate", 'add element inet ftfw gate { "eth0", "eth1" }']
    load = 'nft -f - <<< "$1" && '
    done = nft(
        without_flowtables(ruleset(changed(EXTERNAL))),
        load + " && ".join(f"nft '{command}'" for command in commands),
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_gate_of_one_interface(changed: Change) -> None:
    text = ruleset(
        changed(
            {
                **EXTERNAL,
                "all:site_pairs.ftfw.virtual_routers.outside": None,
                "all:site_policy": [],
                "all:site_probes": None,
            }
        )
    )
    assert 'elements = { "eth1" }' in text
    check(text)


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


def test_a_hairpin_leads_back_by_way_of_the_pair(changed: Change) -> None:
    forward = {"to": "outside", "service": "http", "host": "client", "hairpin": True}
    text = ruleset(changed({"all:site_port_forwards": [forward]}))
    lines = [line.strip() for line in text.splitlines()]
    both = 'iifname { "eth0", "eth1" }'
    assert f"{both} ip daddr 192.168.0.100 tcp dport 80 dnat ip to 192.168.2.3" in lines
    assert 'oifname "eth1" ip saddr 192.168.2.0/24 ct status dnat snat ip to 192.168.2.100' in lines
    assert any(line.startswith(f'{both} oifname "eth1" ip daddr 192.168.2.3 tcp dport 80') for line in lines)
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


def test_helpers_are_there_only_when_used(changed: Change) -> None:
    entry = {"from": "inside", "to": "outside", "services": ["http"]}
    hostvars = changed({"all:site_policy": [entry], "all:site_probes": None})
    assert "helper" not in ruleset(hostvars)
    view = host_view(load_site(hostvars), "fw-1")["nftables"]
    assert (view["helpers"], view["modules"]) == ([], [])


IN_IPV6 = [
    pytest.param(
        {"all:site_policy": [{**IRC, "sources": ["2001:db8:2::3"]}]},
        "site_policy[0].services",
        id="an entry",
    ),
    pytest.param(
        {
            "client:node_interfaces.eth0.addresses": ["192.168.2.3", "2001:db8:2::3"],
            "all:site_port_forwards": [{**FORWARD, "service": "irc", "address": "2001:db8::100"}],
        },
        "site_port_forwards[0].service",
        id="a port forward",
    ),
]


@pytest.mark.parametrize(("changes", "key"), IN_IPV6)
def test_where_the_kernel_has_no_helper_none_is_set_and_a_warning_says_so(
    changed: Change, changes: dict[str, object], key: str
) -> None:
    site = load_site(changed({**DUAL, "all:site_probes": None, "all:site_policy": [], **changes}))
    assert site.warnings == (
        f"all: {key}: irc: is for IPv6 here, where the kernel has no helper irc, so that its flows get none; "
        "leave it out, or declare it without a helper in site_services",
    )
    view = host_view(site, "fw-1")["nftables"]
    assert (view["helpers"], view["modules"]) == ([], [])
    assert "helper" not in view["ruleset"]
    assert "dport 6667" in view["ruleset"]
    check(view["ruleset"])


def test_where_one_of_both_families_has_the_helper_there_is_no_warning(changed: Change) -> None:
    site = load_site(changed({**DUAL, "all:site_policy": [IRC], "all:site_probes": None}))
    assert site.warnings == ()
    assert "irc" in host_view(site, "fw-1")["nftables"]["helpers"]


@pytest.mark.parametrize(
    ("helper", "modules"),
    [
        ("ftp", ("nf_conntrack_ftp", "nf_nat_ftp")),
        ("netbios-ns", ("nf_conntrack_netbios_ns",)),
        ("ras", ("nf_conntrack_h323", "nf_nat_h323")),
        ("snmp", ("nf_conntrack_snmp", "nf_nat_snmp_basic")),
    ],
)
def test_modules_of_a_helper(helper: str, modules: tuple[str, ...]) -> None:
    assert helper_modules(helper) == modules


def test_table_replaces_itself(lab: dict[str, dict[str, Any]]) -> None:
    check(ruleset(lab), twice=True)


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
