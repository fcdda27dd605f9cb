# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate of a pair with an external cache: closed until the flows are there."""

from __future__ import annotations

from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.nft.text import without_flowtables
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.ruleset.rulesets import (
    DUAL,
    Change,
    check,
    nft,
    ruleset,
)

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
