# SPDX-License-Identifier: GPL-3.0-or-later
"""Shares of servers: as their weights say, evenly spread, and hardly changed when one goes."""

from __future__ import annotations

from collections import Counter

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.balance.slots import (
    SCHEDULERS,
    level,
    share,
    slots_for,
)
from hypothesis import given
from hypothesis import strategies as st

WEIGHTS = st.lists(st.integers(0, 20), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("scheduler", "weights", "slots"),
    [
        ("rr", [1], 1),
        ("rr", [1, 1], 2),
        ("rr", [1, 1, 1], 6),
        ("wrr", [100, 200], 6),
        ("wrr", [1] * 7, 140),
        ("wrr", [1] * 64, 1280),
        ("wrr", [1, 65535], 4096),
        ("rr", [0, 0], 1),
        ("fo", [3, 2, 1], 1),
        ("lc", [1, 1], 1000),
        ("wlc", [1] * 64, 1280),
        ("mh", [1, 1], 1021),
        ("sh", [1] * 64, 4093),
    ],
)
def test_how_many_slots_there_are(scheduler: str, weights: list[int], slots: int) -> None:
    assert slots_for(scheduler, weights) == slots


def test_two_servers_take_turns() -> None:
    assert share("rr", {"a": 1, "b": 1}, 2) == ["a", "b"]
    assert share("wrr", {"a": 1, "b": 2}, 6) == ["b", "a", "b", "b", "a", "b"]


def test_who_has_fewest_flows_gets_more() -> None:
    """Until all have the same for their weight; a tenth of all flows, or one for each, is to come."""
    equal = {"a": 1, "b": 1}
    assert level(equal, {}, 1000) == {"a": 500, "b": 500}
    assert level(equal, {"a": 100, "b": 100}, 1000) == {"a": 500, "b": 500}
    # 21 more are to come: with 5.5 and 15.5 of them both have 115.5
    assert level(equal, {"a": 110, "b": 100}, 1000) == {"a": 262, "b": 738}
    assert level(equal, {"a": 1000, "b": 0}, 1000) == {"a": 0, "b": 1000}
    assert level({"a": 1, "b": 3}, {"a": 10, "b": 30}, 1000) == {"a": 250, "b": 750}
    # one that is down, or taken out, gets nothing whatever it has
    assert level({"a": 1, "b": 0, "c": 1}, {"a": 5, "c": 5}, 1000) == {"a": 500, "c": 500}
    assert level({"a": 0}, {"a": 5}, 1000) == {}


@given(WEIGHTS, st.data())
def test_no_slot_is_lost_and_nobody_gets_more_than_he_lacks(weights: list[int], data: st.DataObject) -> None:
    names = {f"s{number}": weight for number, weight in enumerate(weights)}
    flows = {name: data.draw(st.integers(0, 10**6)) for name in names}
    found = level(names, flows, 1000)
    alive = {name: weight for name, weight in names.items() if weight}
    assert found.keys() == alive.keys()
    assert sum(found.values()) == (1000 if alive else 0)
    assert all(slots >= 0 for slots in found.values())
    coming = max(len(alive), sum(flows[name] for name in alive) / 10)
    heights = {name: (flows[name] + coming * found[name] / 1000) / weight for name, weight in alive.items()}
    for name in alive:
        # what is full above the others gets nothing, and the others come to one height
        if found[name] > 1:
            assert heights[name] <= min(heights.values()) * 1.02 + coming / 500


def test_of_the_heaviest_alone() -> None:
    assert share("fo", {"a": 1, "b": 3, "c": 2}, 1) == ["b"]
    assert share("fo", {"a": 1, "c": 2}, 1) == ["c"]


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_nobody_answers_without_a_weight(scheduler: str) -> None:
    assert share(scheduler, {"a": 0}, 4) == share(scheduler, {}, 4) == []


@given(WEIGHTS, st.data())
def test_shares_are_as_the_weights_say_whoever_is_well(weights: list[int], data: st.DataObject) -> None:
    names = {f"10.0.0.{number}": weight for number, weight in enumerate(weights)}
    slots = slots_for("wrr", list(names.values()))
    alive = {n: w if data.draw(st.booleans()) else 0 for n, w in names.items()}
    found = Counter(share("wrr", alive, slots))
    total = sum(alive.values())
    assert found.total() == (slots if total else 0)
    for name, weight in alive.items():
        assert abs(found[name] - (slots * weight / total if total else 0)) < 2, (alive, found)


@pytest.mark.parametrize("count", [2, 5, 64])
@pytest.mark.parametrize("down", [0, 1])
def test_equal_servers_get_equal_shares_within_a_twentieth(count: int, down: int) -> None:
    slots = slots_for("rr", [1] * count)
    found = Counter(share("rr", {f"s{n}": int(n >= down) for n in range(count)}, slots))
    fair = slots / (count - down)
    assert all(abs(one / fair - 1) <= 0.05 for one in found.values()), found


@pytest.mark.parametrize("count", [2, 3, 8, 64])
def test_a_hash_moves_few_but_those_of_the_server_that_goes(count: int) -> None:
    weights = {f"192.0.2.{n}": 1 for n in range(count)}
    slots = slots_for("mh", list(weights.values()))
    before = share("mh", weights, slots)
    after = share("mh", {**weights, "192.0.2.0": 0}, slots)
    assert len(before) == len(after) == slots and "192.0.2.0" not in after
    others = [place for place, name in enumerate(before) if name != "192.0.2.0"]
    moved = sum(before[place] != after[place] for place in others)
    # the paper measures a few hundredths for tables a hundred times as large as there are servers
    assert moved / len(others) < 0.2, (moved, len(others))
    shares = Counter(before)
    assert max(shares.values()) / min(shares.values()) < 1.2


@given(WEIGHTS)
def test_a_hash_heeds_weights(weights: list[int]) -> None:
    names = {f"10.0.0.{number}": weight for number, weight in enumerate(weights)}
    slots = slots_for("mh", weights)
    found, total = Counter(share("mh", names, slots)), sum(weights)
    for name, weight in names.items():
        wanted = slots * weight / total if total else 0
        assert abs(found[name] - wanted) <= 0.1 * slots, (names, found)
