# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose turn it is when a change disturbs a running pair."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.filter.pair_turns import pair_turns


def node(
    name: str, *reasons: str, holds: bool = False, running: bool = True, deaf: bool = False
) -> dict[str, Any]:
    peer = {"fw-1": "fw-2", "fw-2": "fw-1"}[name]
    return {"name": name, "peer": peer, "running": running, "holds": holds, "reasons": reasons, "deaf": deaf}


NEW = "the virtual router dmz is new"


@pytest.mark.parametrize(
    ("nodes", "turns"),
    [
        pytest.param([node("fw-1", holds=True), node("fw-2")], ["none", "none"], id="nothing-disturbs"),
        pytest.param([node("fw-1", NEW, holds=True), node("fw-2", NEW)], ["last", "first"], id="both"),
        pytest.param(
            [node("fw-1", NEW), node("fw-2", NEW, holds=True)], ["first", "last"], id="the-other-way"
        ),
        pytest.param([node("fw-1", holds=True), node("fw-2", NEW)], ["none", "first"], id="backup-alone"),
        pytest.param([node("fw-1", NEW, holds=True), node("fw-2")], ["last", "first"], id="backup-has-it"),
        pytest.param(
            [node("fw-1", NEW, holds=True), node("fw-2", running=False)],
            ["last", "first"],
            id="backup-is-new",
        ),
        pytest.param(
            [node("fw-1", running=False), node("fw-2", running=False)], ["none", "none"], id="both-are-new"
        ),
        pytest.param([node("fw-1", NEW), node("fw-2", NEW)], ["none", "none"], id="no-primary"),
        pytest.param(
            [node("fw-1", NEW, holds=True), node("fw-2", holds=True)],
            ["refused", "refused"],
            id="two-primaries",
        ),
        pytest.param([node("fw-1", holds=True)], ["none"], id="primary-limited"),
        pytest.param([node("fw-1", NEW, holds=True)], ["refused"], id="primary-limited-and-disturbed"),
        pytest.param([node("fw-2", NEW)], ["first"], id="backup-limited"),
        pytest.param([node("fw-2", NEW, deaf=True)], ["refused"], id="backup-limited-and-deaf"),
        pytest.param([node("fw-2", NEW, running=False, deaf=True)], ["none"], id="limited-and-new"),
    ],
)
def test_turns(nodes: list[dict[str, Any]], turns: list[str]) -> None:
    told = pair_turns(nodes)
    assert [told[one["name"]]["turn"] for one in nodes] == turns
    # who waits or is refused learns why
    assert all(bool(one["why"]) is (one["turn"] != "none") for one in told.values())


def test_a_deaf_backup_starts_when_the_primary_has_stopped() -> None:
    told = pair_turns([node("fw-1", NEW, holds=True, deaf=True), node("fw-2", NEW, deaf=True)])
    assert told["fw-1"]["deaf"] and told["fw-2"]["deaf"]


def test_a_primary_that_stays_is_heard() -> None:
    told = pair_turns([node("fw-1", holds=True), node("fw-2", NEW, deaf=True)])
    assert (told["fw-2"]["turn"], told["fw-2"]["deaf"]) == ("first", False)
