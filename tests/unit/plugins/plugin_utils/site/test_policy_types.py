# SPDX-License-Identifier: GPL-3.0-or-later
"""What tells one entry of a policy from another: no field of it is forgotten."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import Condition, PolicyEntry

PLAIN = PolicyEntry(0, ("inside",), ("outside",), ("ssh",))
COMPARED = {"from_networks", "to_networks", "services"}
"""Fields that each comparison of two entries has beside their conditions."""
MATCHES_NOTHING = {"index", "action", "limit", "log", "counter", "comment", "offload"}
"""Fields that say what becomes of a packet, or of its flow, and what is told of it."""
TOGETHER = {
    "index": "its place",
    "from_networks": "entries are put together by their networks",
    "to_networks": "entries are put together by their networks",
    "services": "those of all entries stand in one rule",
    "action": "entries are put together by their action",
    "comment": "entries are put together by their comment",
    "offload": "its rules stand elsewhere",
}
"""Fields in which entries may differ that become one rule, with the reason."""


def test_what_an_entry_asks_of_a_packet_is_a_part_of_its_condition() -> None:
    names = {field.name for field in fields(PolicyEntry)}
    lacking = names - {*Condition._fields, *COMPARED, *MATCHES_NOTHING}
    assert lacking == set(), "a key that matches packets is a part of Condition; another one is named here"
    assert {*Condition._fields, *COMPARED, *MATCHES_NOTHING} == names


@pytest.mark.parametrize("name", Condition._fields)
def test_a_condition_has_each_part_of_its_entry(name: str) -> None:
    value = object()
    assert PLAIN.condition == Condition()
    assert replace(PLAIN, **{name: value}).condition == Condition(**{name: value})


@pytest.mark.parametrize("name", [field.name for field in fields(PolicyEntry) if field.name not in TOGETHER])
def test_an_entry_with_something_of_its_own_is_not_plain(name: str) -> None:
    assert PLAIN.plain
    assert not replace(PLAIN, **{name: object()}).plain, f"entries with {name} become one rule with others"
