# SPDX-License-Identifier: GPL-3.0-or-later
"""Neighbour discovery: what of IPv6 gets in where a network has a prefix of it, and where it has none."""

from __future__ import annotations

import pytest
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.ruleset.rulesets import (
    DUAL,
    Change,
    ruleset,
)


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
