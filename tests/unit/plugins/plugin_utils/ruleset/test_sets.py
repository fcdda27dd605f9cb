# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of addresses as sets: each is there once, and only if it is used."""

from __future__ import annotations

from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.ruleset.rulesets import (
    OPENS,
    Change,
    chain,
    compiled,
)

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
