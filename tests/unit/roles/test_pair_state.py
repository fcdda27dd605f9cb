# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plans of pair-state, and its state over a restart."""

from __future__ import annotations

import importlib.util
import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parents[3] / "roles/pair_state/files/pair_state.py"


def load_program() -> Any:
    spec = importlib.util.spec_from_file_location("pair_state", PROGRAM)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["pair_state"] = module
    spec.loader.exec_module(module)
    return module


pair_state = load_program()
Event, State, Step, StepResult = pair_state.Event, pair_state.State, pair_state.Step, pair_state.StepResult


@pytest.mark.parametrize(
    ("line", "event"),
    [
        pytest.param('GROUP "ftfw" MASTER 0', Event("ftfw", "MASTER"), id="group"),
        pytest.param('GROUP "ftfw" STOP -1', Event("ftfw", "STOP"), id="negative-priority"),
        pytest.param('GROUP "two words" FAULT', Event("two words", "FAULT"), id="no-priority"),
        pytest.param("CONNTRACKD started", Event(None, "started"), id="conntrackd"),
        pytest.param('INSTANCE "inside" MASTER 200', None, id="instance"),
        pytest.param('GROUP "ftfw" DELETED 0', None, id="unknown-state"),
        pytest.param('GROUP "ftfw" MASTER 0 GROUP', None, id="two-lines-in-one"),
        pytest.param("", None, id="empty"),
    ],
)
def test_parse_event(line: str, event: Any) -> None:
    assert pair_state.parse_event(line) == event


@pytest.mark.parametrize(
    ("groups", "options"),
    [
        pytest.param({"a": "MASTER"}, "-c -f -R -B", id="primary"),
        pytest.param({"a": "BACKUP"}, "-t -n", id="backup"),
        pytest.param({"a": "FAULT"}, "-t", id="fault"),
        pytest.param({"a": "STOP"}, "-t", id="stop"),
        pytest.param({"a": "MASTER", "b": "BACKUP"}, "-c -f -R -B", id="primary-of-one-of-two"),
        pytest.param({"a": "MASTER", "b": "MASTER"}, "-c", id="second-group-flushes-nothing"),
        pytest.param({"a": "BACKUP", "b": "MASTER"}, "-n", id="no-purge-while-another-is-primary"),
        pytest.param({"a": "FAULT", "b": "MASTER"}, "", id="fault-while-another-is-primary"),
    ],
)
def test_plan_transition(groups: dict[str, str], options: str) -> None:
    assert " ".join(step.option for step in pair_state.plan_transition(groups, "a")) == options


@pytest.mark.parametrize(
    ("groups", "pending", "event", "options"),
    [
        pytest.param({}, None, Event("a", "BACKUP"), "-t -n", id="first"),
        pytest.param({"a": "MASTER"}, None, Event("a", "MASTER"), "", id="repeated-at-a-reload"),
        pytest.param(
            {"a": "MASTER"}, "a", Event("a", "MASTER"), "-c -f -R -B", id="repeated-after-a-failure"
        ),
        pytest.param({"a": "MASTER"}, None, Event(None, "started"), "-B", id="conntrackd-back-on-primary"),
        pytest.param(
            {"a": "MASTER"}, "a", Event(None, "started"), "-c -f -R -B", id="conntrackd-back-incomplete"
        ),
        pytest.param({"a": "BACKUP"}, None, Event(None, "started"), "", id="conntrackd-back-on-backup"),
        pytest.param(
            {"a": "BACKUP"}, "a", Event(None, "started"), "-t -n", id="conntrackd-back-on-backup-incomplete"
        ),
    ],
)
def test_plan_event(groups: dict[str, str], pending: str | None, event: Any, options: str) -> None:
    known = State(groups=dict(groups), pending=pending)
    assert " ".join(step.option for step in pair_state.plan_event(known, event, 1.0)) == options
    if event.group:
        assert known.groups["a"] == event.state


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
        return StepResult(step.name, step.option, 1 if fails else 0, 0.1)

    steps = pair_state.plan_transition({"a": "MASTER"}, "a")
    results = pair_state.run_steps(steps, run, lambda: None)
    assert " ".join(ran) == options
    assert [result.option for result in results] == ["-c", "-f", "-R", "-B"]


def test_state_file_holds_the_state() -> None:
    state = State({"a": "MASTER"}, {"a": 5.0}, "a", [StepResult("x", "-c", None, 0.5, "no end")])
    assert State.from_json(json.loads(json.dumps(state.to_json()))) == state


class Running:
    """The program as a process, with a conntrackd that writes down how it was called."""

    def __init__(self, folder: Path) -> None:
        self.fifo, self.state, self.calls = folder / "notify", folder / "state.json", folder / "calls"
        self.client = folder / "conntrackd"
        self.answer(0)
        self.process = self.start()

    def answer(self, code: int, seconds: float = 0) -> None:
        new = self.client.with_suffix(".new")
        new.write_text(
            f'#!/bin/sh\nprintf "%s\\n" "$1" >> {self.calls}\nsleep {seconds}\necho said >&2\nexit {code}\n'
        )
        new.chmod(0o755)
        new.replace(self.client)

    def start(self) -> subprocess.Popen[str]:
        command: list[str | Path] = [
            sys.executable,
            PROGRAM,
            "--group",
            "a",
            "--fifo",
            self.fifo,
            "--state-file",
            self.state,
        ]
        process = subprocess.Popen(
            [*command, "--timeout", "2", "--conntrackd", self.client], stderr=subprocess.PIPE, text=True
        )
        self.until(lambda: self.fifo.is_fifo() and self.state.exists())
        return process

    def stop(self) -> str:
        self.process.kill()
        return self.process.communicate()[1]

    def write(self, text: str) -> None:
        with self.fifo.open("w") as fifo:
            fifo.write(text)

    def options(self) -> str:
        return " ".join(self.calls.read_text().split()) if self.calls.exists() else ""

    @staticmethod
    def until(true: Any) -> None:
        end = time.monotonic() + 10
        while not true():
            assert time.monotonic() < end
            time.sleep(0.02)

    def known(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(self.state.read_text())
        return data


@pytest.fixture
def running(tmp_path: Path) -> Any:
    program = Running(tmp_path)
    yield program
    program.process.kill()
    program.process.wait()


def test_transitions_keep_their_order(running: Running) -> None:
    running.write('GROUP "a" BACKUP 0\nINSTANCE "i" MASTER 1\nGROUP "a" MASTER 0\n')
    running.write('GROUP "b" FAULT 0\nGROUP "a" FAULT 0\n')
    running.until(lambda: running.options() == "-t -n -c -f -R -B -t")
    running.until(lambda: running.known()["pending"] is None)
    assert running.known()["state"] == "FAULT"
    assert stat.S_IMODE(running.fifo.stat().st_mode) == 0o600
    assert "'b' is no group of this node" in running.stop()


def test_failure_is_loud_and_repeated_when_conntrackd_is_back(running: Running) -> None:
    running.answer(1)
    running.write('GROUP "a" BACKUP 0\n')
    running.until(lambda: running.options() == "-t -n")
    running.until(lambda: running.known()["steps"] != [])
    assert (running.known()["state"], running.known()["pending"]) == ("BACKUP", "a")
    running.answer(0)
    running.write("CONNTRACKD started\n")
    running.until(lambda: running.options() == "-t -n -t -n")
    running.until(lambda: running.known()["pending"] is None)
    said = running.stop()
    assert "<3>FAILED: request all flows from the peer (conntrackd -n): exit code 1" in said
    assert "said" in said


def test_step_without_end_is_cut_off(running: Running) -> None:
    running.answer(0, seconds=30)
    running.write('GROUP "a" FAULT 0\n')
    running.until(lambda: running.known()["steps"] != [])
    assert running.known()["steps"][0]["message"] == "no end after 2 s"


def test_cut_off_transition_is_carried_out_again(running: Running) -> None:
    keepalived = os.open(running.fifo, os.O_RDWR)
    try:
        running.answer(0, seconds=1)
        running.write('GROUP "a" BACKUP 0\nGROUP "a" MASTER 0\n')
        running.until(lambda: running.options() == "-t")
        running.stop()
        running.answer(0)
        running.process = running.start()
        running.until(lambda: running.options() == "-t -t -n -c -f -R -B")
        running.until(lambda: running.known()["pending"] is None)
    finally:
        os.close(keepalived)
    assert running.known()["state"] == "MASTER"


def test_broken_state_file_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{")
    program = Running(tmp_path)
    program.write('GROUP "a" FAULT 0\n')
    program.until(lambda: program.options() == "-t")
    assert "cannot read" in program.stop()
