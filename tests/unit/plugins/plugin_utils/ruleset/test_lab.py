# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's ruleset, literally, and what differs on the peer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_view
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.ruleset.rulesets import (
    Change,
    check,
    ruleset,
)

DATA = Path(__file__).parents[1] / "data"


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


def test_table_replaces_itself(lab: dict[str, dict[str, Any]]) -> None:
    check(ruleset(lab), twice=True)
