# SPDX-License-Identifier: GPL-3.0-or-later
"""What a reload of keepalived would disturb."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.turns.keepalived_reload import compare

from .keepalived_texts import BEFORE, FALLS, INSIDE, OUTSIDE, TAKEN_IN, Pair


@pytest.mark.parametrize("new", TAKEN_IN.values(), ids=TAKEN_IN)
def test_a_reload_serves(new: Pair) -> None:
    assert compare(BEFORE.text(), new.text())["reasons"] == []


@pytest.mark.parametrize(("new", "reason"), FALLS.values(), ids=FALLS)
def test_the_group_would_fall(new: Pair, reason: str) -> None:
    told = compare(BEFORE.text(), new.text())
    assert told["reasons"] == [reason]
    # by the other routers the nodes hear each other all the time
    assert not told["deaf"]


@pytest.mark.parametrize(
    ("old", "new", "deaf"),
    [
        pytest.param(Pair((INSIDE,)), Pair((replace(INSIDE, vrid=71),)), True, id="the-only-vrid"),
        pytest.param(Pair((INSIDE,)), Pair((INSIDE, OUTSIDE)), False, id="one-more"),
        pytest.param(Pair((INSIDE,)), Pair((OUTSIDE,)), True, id="another"),
        pytest.param(Pair((INSIDE,)), Pair((replace(INSIDE, peer="192.168.2.3"),)), True, id="peer"),
        pytest.param(
            Pair((INSIDE,)), Pair((replace(INSIDE, addresses=("192.168.2.9/32",)),)), True, id="address"
        ),
        pytest.param(BEFORE, replace(BEFORE, version=2), True, id="version"),
        pytest.param(BEFORE, BEFORE, False, id="nothing"),
    ],
)
def test_whether_the_nodes_hear_each_other_in_between(old: Pair, new: Pair, deaf: bool) -> None:
    assert compare(old.text(), new.text())["deaf"] is deaf


def test_the_version_is_one_reason() -> None:
    told = compare(BEFORE.text(), replace(BEFORE, version=2).text())
    assert told["reasons"] == ["the version of VRRP becomes 2"]


def test_where_there_is_no_file_nothing_falls() -> None:
    assert compare("", BEFORE.text()) == {"reasons": [], "deaf": False, "addresses": []}


def test_routers_of_two_groups_become_one_group() -> None:
    old = BEFORE.text().replace("        inside_v6\n", "")
    told = compare(old, BEFORE.text())
    assert told["reasons"] == ["the group ftfw gets virtual routers of another one"]


def test_all_addresses_before() -> None:
    old = BEFORE.with_router("inside", excluded=("192.168.2.102/32",))
    assert compare(old.text(), BEFORE.text())["addresses"] == [
        "192.168.0.100",
        "192.168.2.100",
        "192.168.2.102",
        "2001:db8:2::100",
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("vrrp_instance a { state BACKUP }\n", "line 1: a brace among other words"),
        ("}\n", "line 1: a } that closes nothing"),
        ("vrrp_instance a {\n", "a { is not closed"),
    ],
)
def test_a_strange_file_disturbs(text: str, reason: str) -> None:
    told = compare(text, BEFORE.text())
    assert told["reasons"] == [f"its old file is not understood: {reason}"]
    assert told["deaf"]
