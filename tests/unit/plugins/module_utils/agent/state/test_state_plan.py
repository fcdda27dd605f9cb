# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plans of pair-state: which steps a transition asks for, in both modes of replication."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.agent.state import plan, program

Event, State, StepResult = plan.Event, plan.State, plan.StepResult

DIRECT = plan.Policy(plan.DIRECT)
EXTERNAL = plan.Policy(plan.EXTERNAL)
GATED = plan.Policy(plan.EXTERNAL, gate=("eth0", "eth1"))
OPEN, CLOSE = "nft flush set inet ftfw gate", 'nft add element inet ftfw gate { "eth0", "eth1" }'


def words(steps: Any) -> str:
    return ", ".join(step.command.removeprefix("conntrackd ") for step in steps)


@pytest.mark.parametrize(
    ("line", "event"),
    [
        pytest.param('GROUP "ftfw" MASTER 0', Event("ftfw", "MASTER"), id="group"),
        pytest.param('GROUP "ftfw" STOP -1', Event("ftfw", "STOP"), id="negative-priority"),
        pytest.param('GROUP "two words" FAULT', Event("two words", "FAULT"), id="no-priority"),
        pytest.param("CONNTRACKD started", Event(None, "started"), id="conntrackd"),
        pytest.param("RULESET loaded", Event(None, "loaded"), id="ruleset"),
        pytest.param("PEER heard", Event(None, "heard"), id="peer"),
        pytest.param('INSTANCE "inside" MASTER 200', None, id="instance"),
        pytest.param('GROUP "ftfw" DELETED 0', None, id="unknown-state"),
        pytest.param('GROUP "ftfw" MASTER 0 GROUP', None, id="two-lines-in-one"),
        pytest.param("", None, id="empty"),
    ],
)
def test_parse_event(line: str, event: Any) -> None:
    assert plan.parse_event(line) == event


@pytest.mark.parametrize(
    ("groups", "external", "direct"),
    [
        pytest.param({"a": "MASTER"}, "-c, -f, -R, -B", "-R", id="primary"),
        pytest.param({"a": "BACKUP"}, "-t, -n", "-f internal, -n", id="backup"),
        pytest.param({"a": "FAULT"}, "-t", "-f internal", id="fault"),
        pytest.param({"a": "STOP"}, "-t", "-f internal", id="stop"),
        pytest.param({"a": "MASTER", "b": "BACKUP"}, "-c, -f, -R, -B", "-R", id="one-of-two"),
        pytest.param({"a": "MASTER", "b": "MASTER"}, "-c", "-R", id="second-group-flushes-nothing"),
        pytest.param({"a": "BACKUP", "b": "MASTER"}, "-n", "-n", id="another-is-primary"),
        pytest.param({"a": "FAULT", "b": "MASTER"}, "", "", id="fault-while-another-is-primary"),
    ],
)
def test_plan_transition(groups: dict[str, str], external: str, direct: str) -> None:
    assert words(plan.plan_transition(EXTERNAL, groups, "a").steps) == external
    assert words(plan.plan_transition(DIRECT, groups, "a").steps) == direct


def test_a_primary_is_never_kept_waiting_and_who_leaves_is() -> None:
    for policy in (DIRECT, EXTERNAL, GATED):
        delays = {
            state: plan.plan_transition(policy, {"a": state}, "a").delay
            for state in ("MASTER", "BACKUP", "FAULT")
        }
        assert delays == {"MASTER": 0, "BACKUP": policy.settle, "FAULT": policy.settle}


FAST = plan.Policy(plan.DIRECT, offload=("eth0", "eth1"))
LET = "nft flush set inet ftfw offload_shut"
KEEP = 'nft add element inet ftfw offload_shut { "eth0", "eth1" }'


@pytest.mark.parametrize(
    ("groups", "direct", "external"),
    [
        ({"a": "MASTER"}, f"-R, {LET}", f"-c, -f, -R, {LET}, -B"),
        ({"a": "BACKUP"}, f"{KEEP}, -f internal, -n", f"-t, -n, {KEEP}"),
        ({"a": "FAULT"}, f"{KEEP}, -f internal", f"-t, {KEEP}"),
        ({"a": "BACKUP", "b": "MASTER"}, "-n", "-n"),
    ],
)
def test_no_flow_is_offloaded_before_the_kernels_table_is_read(
    groups: dict[str, str], direct: str, external: str
) -> None:
    assert words(plan.plan_transition(FAST, groups, "a").steps) == direct
    cached = plan.Policy(plan.EXTERNAL, offload=FAST.offload)
    assert words(plan.plan_transition(cached, groups, "a").steps) == external


def test_no_flow_is_offloaded_when_the_table_could_not_be_read() -> None:
    def run(step: Any) -> Any:
        return StepResult(step.name, step.command, 1 if step.option == "-R" else 0, 0.1)

    steps = plan.plan_transition(FAST, {"a": "MASTER"}, "a").steps
    results = program.run_steps(steps, run, lambda: None)
    assert [result.exit_code for result in results] == [1, None]


@pytest.mark.parametrize(
    ("policy", "state", "pending", "expected"),
    [
        (FAST, "MASTER", None, f"-R, {LET}"),
        (FAST, "MASTER", "a", f"-R, {LET}"),
        (FAST, "BACKUP", None, ""),
        (plan.Policy(plan.EXTERNAL, gate=("eth0",), offload=("eth0",)), "MASTER", None, f"{OPEN}, -R, {LET}"),
    ],
)
def test_a_ruleset_that_was_loaded_lets_no_flow_be_offloaded(
    policy: Any, state: str, pending: str | None, expected: str
) -> None:
    known = State(groups={"a": state}, pending=pending)
    assert words(plan.plan_opening(policy, known).steps) == expected


def test_the_gate_opens_after_the_commit_and_shuts_last() -> None:
    assert words(plan.plan_transition(GATED, {"a": "MASTER"}, "a").steps) == f"-c, {OPEN}, -f, -R, -B"
    assert words(plan.plan_transition(GATED, {"a": "BACKUP"}, "a").steps) == f"-t, -n, {CLOSE}"


@pytest.mark.parametrize(
    ("policy", "groups", "pending", "event", "expected"),
    [
        pytest.param(EXTERNAL, {}, None, Event("a", "BACKUP"), "-t, -n", id="first"),
        pytest.param(EXTERNAL, {"a": "MASTER"}, None, Event("a", "MASTER"), "", id="repeated-at-a-reload"),
        pytest.param(
            EXTERNAL, {"a": "MASTER"}, "a", Event("a", "MASTER"), "-c, -f, -R, -B", id="after-failure"
        ),
        pytest.param(EXTERNAL, {"a": "MASTER"}, None, Event(None, "started"), "-R, -B", id="started-primary"),
        pytest.param(
            EXTERNAL, {"a": "MASTER"}, "a", Event(None, "started"), "-c, -f, -R, -B", id="started-pending"
        ),
        pytest.param(EXTERNAL, {"a": "BACKUP"}, None, Event(None, "started"), "", id="started-backup"),
        pytest.param(
            DIRECT, {"a": "MASTER"}, None, Event(None, "started"), "-R, -B", id="direct-started-primary"
        ),
        pytest.param(
            DIRECT, {"a": "BACKUP"}, None, Event(None, "started"), "-f internal", id="direct-started"
        ),
        pytest.param(
            DIRECT,
            {"a": "BACKUP"},
            "a",
            Event(None, "started"),
            "-f internal, -n",
            id="direct-started-pending",
        ),
        pytest.param(GATED, {"a": "MASTER"}, None, Event(None, "loaded"), OPEN, id="ruleset-primary"),
        pytest.param(
            GATED,
            {"a": "MASTER"},
            "a",
            Event(None, "loaded"),
            f"-c, {OPEN}, -f, -R, -B",
            id="ruleset-before-the-commit",
        ),
        pytest.param(
            GATED,
            {"a": "MASTER", "b": "BACKUP"},
            "b",
            Event(None, "loaded"),
            f"{OPEN}, -n",
            id="ruleset-while-another-group-leaves",
        ),
        pytest.param(GATED, {"a": "BACKUP"}, None, Event(None, "loaded"), "", id="ruleset-backup"),
        pytest.param(DIRECT, {"a": "MASTER"}, None, Event(None, "loaded"), "", id="ruleset-no-gate"),
        pytest.param(DIRECT, {"a": "MASTER"}, None, Event(None, "heard"), "-R, -B", id="heard-primary"),
        pytest.param(DIRECT, {"a": "BACKUP"}, None, Event(None, "heard"), "", id="heard-backup"),
        pytest.param(DIRECT, {"a": "MASTER"}, "a", Event(None, "heard"), "", id="heard-pending"),
        pytest.param(EXTERNAL, {"a": "MASTER"}, None, Event(None, "heard"), "-B", id="heard-external"),
        pytest.param(EXTERNAL, {"a": "BACKUP"}, None, Event(None, "heard"), "", id="heard-external-backup"),
        pytest.param(EXTERNAL, {"a": "MASTER"}, "a", Event(None, "heard"), "", id="heard-external-pending"),
    ],
)
def test_plan_event(
    policy: Any, groups: dict[str, str], pending: str | None, event: Any, expected: str
) -> None:
    known = State(groups=dict(groups), pending=pending)
    assert words(plan.plan_event(policy, known, event, 1.0).steps) == expected
    if event.group:
        assert known.groups["a"] == event.state


def test_conntrackd_that_comes_back_on_a_backup_disowns_at_once() -> None:
    known = State(groups={"a": "BACKUP"}, pending="a")
    assert plan.plan_event(DIRECT, known, Event(None, "started"), 1.0).delay == 0


@pytest.mark.parametrize(
    ("failing", "options"),
    [
        pytest.param({}, "-c -f -R -B", id="all-well"),
        pytest.param({"-c": 1}, "-c -c -f -R -B", id="commit-once-refused"),
        pytest.param({"-c": 9}, "-c -c -c -R -B", id="no-flush-without-commit"),
        pytest.param({"-f": 9}, "-c -f -R -B", id="flush-failed"),
        pytest.param({"-R": 9}, "-c -f -R -B", id="resync-failed"),
    ],
)
def test_run_steps(failing: dict[str, int], options: str) -> None:
    left, ran = dict(failing), []

    def run(step: Any) -> Any:
        ran.append(step.option)
        fails = left.get(step.option, 0) > 0
        left[step.option] = left.get(step.option, 0) - 1
        return StepResult(step.name, step.command, 1 if fails else 0, 0.1)

    steps = plan.plan_transition(EXTERNAL, {"a": "MASTER"}, "a").steps
    results = program.run_steps(steps, run, lambda: None)
    assert " ".join(ran) == options
    assert [result.command for result in results] == [step.command for step in steps]


def test_a_commit_without_end_is_not_tried_again_and_the_gate_opens() -> None:
    ran = []

    def run(step: Any) -> Any:
        ran.append(step.command)
        return StepResult(step.name, step.command, None if step is plan.COMMIT else 0, 5.0)

    program.run_steps(plan.plan_transition(GATED, {"a": "MASTER"}, "a").steps, run, lambda: None)
    assert ran == ["conntrackd -c", OPEN, "conntrackd -R", "conntrackd -B"]


def test_all_tries_of_a_commit_share_the_gates_deadline(tmp_path: Path) -> None:
    client = tmp_path / "conntrackd"
    client.write_text("#!/bin/sh\necho refused >&2\nsleep 2\nexit 1\n")
    client.chmod(0o755)
    chosen = argparse.Namespace(
        fifo=tmp_path / "notify",
        state_file=tmp_path / "state.json",
        conntrackd=[str(client)],
        group=["a"],
        timeout=30.0,
        gate_deadline=3.0,
        mode="external",
        gate=["eth0"],
        offload=[],
        settle=2.0,
        refresh=60.0,
    )
    running = program.StateProgram(chosen)
    began = time.monotonic()
    running.carry_out((program.COMMIT,))
    assert time.monotonic() - began < 5, "three times two seconds would be more"
    (result,) = running.known.steps
    assert result.exit_code is None
    assert "exit code 1, refused" in result.message
    # what may be under way when the node becomes primary, and what comes after the gate is open
    assert running.limit(plan.RESYNC) == 3
    running.known.groups["a"] = "MASTER"
    assert running.limit(plan.RESYNC) == 30
    running.known.groups.clear()
    running.policy = program.Policy("direct")
    assert running.limit(plan.RESYNC) == 30


def test_state_file_holds_the_state() -> None:
    state = State({"a": "MASTER"}, {"a": 5.0}, "a", [StepResult("x", "-c", None, 0.5, "no end")], 7.5)
    assert State.from_json(json.loads(json.dumps(state.to_json()))) == state
    # who reads the file until the transition goes on must not take what is under way for what has failed
    assert state.of(["a"]) == state
    assert state.of(["b"]) == State(steps=state.steps)


def test_an_earlier_version_s_steps_are_no_reason_to_forget_the_state() -> None:
    old = {
        "groups": {"a": "MASTER"},
        "since": {"a": 1.0},
        "pending": None,
        "steps": [{"name": "x", "option": "-c"}],
    }
    assert State.from_json(old) == State({"a": "MASTER"}, {"a": 1.0})
