# SPDX-License-Identifier: GPL-3.0-or-later
"""What conntrack_sync plans on one node, and how long it waits."""

from __future__ import annotations

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.conntrack.tuples import Flow
from ansible_collections.ftfw.pair.plugins.module_utils.conntrackd import plan as plans
from ansible_collections.ftfw.pair.plugins.module_utils.conntrackd.client import await_flows
from hypothesis import given
from hypothesis import strategies as st

BOTH = plans.Caches(internal=3, external=5, uncommitted=2)
NO_INTERNAL = plans.Caches(internal=0, external=5, internal_kind="bypass")
NO_EXTERNAL = plans.Caches(internal=3, external=0, external_kind="inject")


@pytest.mark.parametrize(
    ("changes", "texts"),
    [
        pytest.param(
            plans.plan_committed(BOTH),
            ["commit the external cache, 2 of its flows are not in the kernel's table"],
            id="commit",
        ),
        pytest.param(plans.plan_committed(NO_EXTERNAL), [], id="nothing to commit"),
        pytest.param(
            plans.plan_resynced("request", "FTFW", BOTH), ["request all flows from the peer"], id="request"
        ),
        pytest.param(plans.plan_resynced("send", "ALARM", BOTH), ["send all flows to the peer"], id="send"),
        pytest.param(
            plans.plan_resynced("kernel", "FTFW", BOTH),
            ["read the internal cache anew from the kernel's table"],
            id="kernel",
        ),
        pytest.param(
            plans.plan_flushed(["external", "internal"], BOTH),
            ["flush 3 flows from the internal cache", "flush 5 flows from the external cache"],
            id="flush both",
        ),
        pytest.param(plans.plan_flushed(["external"], NO_EXTERNAL), [], id="nothing to flush"),
        pytest.param(
            plans.plan_flushed(["external"], NO_INTERNAL),
            ["flush 5 flows from the external cache"],
            id="flush one",
        ),
    ],
)
def test_plan(changes, texts):
    assert [str(change) for change in changes] == texts


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        pytest.param(
            lambda: plans.plan_resynced("request", "ALARM", BOTH),
            "can't be requested in mode ALARM",
            id="alarm",
        ),
        pytest.param(
            lambda: plans.plan_resynced("kernel", "NOTRACK", NO_INTERNAL), "no internal cache", id="resync"
        ),
        pytest.param(
            lambda: plans.plan_flushed(["external", "internal"], NO_INTERNAL), "no internal cache", id="flush"
        ),
    ],
)
def test_what_the_daemon_would_misunderstand_is_refused(plan, reason):
    with pytest.raises(plans.PlanError, match=reason):
        plan()


@st.composite
def caches(draw):
    external = draw(st.integers(0, 9))
    return plans.Caches(draw(st.integers(0, 9)), external, draw(st.integers(0, external)))


@given(caches())
def test_after_a_commit_there_is_nothing_to_commit(before):
    after = plans.fold(before, plans.plan_committed(before))
    assert plans.plan_committed(after) == []
    assert (after.internal, after.external) == (before.internal, before.external)


@given(caches(), st.lists(st.sampled_from(["internal", "external"]), unique=True))
def test_after_a_flush_there_is_nothing_to_flush(before, wanted):
    after = plans.fold(before, plans.plan_flushed(wanted, before))
    assert plans.plan_flushed(wanted, after) == []
    assert after.internal == (0 if "internal" in wanted else before.internal)
    assert after.external == (0 if "external" in wanted else before.external)


def test_a_resync_predicts_nothing():
    assert plans.fold(BOTH, plans.plan_resynced("send", "FTFW", BOTH)) == BOTH


class Clock:
    """Time that passes only by sleeping and by reading."""

    def __init__(self, read_seconds: float = 0.0) -> None:
        self.now = 100.0
        self.sleeps: list[float] = []
        self.read_seconds = read_seconds

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds

    def reader(self, *dumps):
        answers = list(dumps)

        def read():
            self.now += self.read_seconds
            return answers.pop(0) if len(answers) > 1 else answers[0]

        return read


ONE, TWO = Flow("tcp", "", "src=1 dst=2"), Flow("tcp", "", "src=3 dst=4")


@pytest.mark.parametrize(
    ("dumps", "seconds", "left", "slept"),
    [
        pytest.param([[ONE, TWO]], 5, [], 0, id="there at once"),
        pytest.param([[ONE], [ONE, TWO]], 5, [], 1, id="there later"),
        pytest.param([[ONE], [TWO]], 5, [], 1, id="each once seen"),
        pytest.param([[ONE]], 1, [TWO], 5, id="never"),
        pytest.param([[]], 0, [ONE, TWO], 0, id="no time: one look"),
    ],
)
def test_waiting(dumps, seconds, left, slept):
    clock = Clock()
    assert await_flows([ONE, TWO], clock.reader(*dumps), seconds, clock, clock.sleep) == left
    assert len(clock.sleeps) == slept
    assert clock.now <= 100 + seconds + 0.01


def test_slow_dumps_are_followed_by_long_pauses():
    clock = Clock(read_seconds=2.0)
    assert await_flows([ONE], clock.reader([]), 10, clock, clock.sleep) == [ONE]
    assert clock.sleeps == [2.0, 2.0]
