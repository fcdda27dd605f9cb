# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program pair-state: order, failures, times, and its state over a restart."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest


class Running:
    """The program as a process, with a conntrackd that writes down how it was called."""

    def __init__(self, program: Path, folder: Path, *options: str) -> None:
        self.program = program
        self.arguments = options or ("--settle", "0", "--refresh", "0")
        self.fifo, self.state, self.calls = folder / "notify", folder / "state.json", folder / "calls"
        self.client = folder / "conntrackd"
        self.answer(0)
        self.process = self.start()

    def answer(self, code: int, seconds: float = 0) -> None:
        new = self.client.with_suffix(".new")
        new.write_text(
            f'#!/bin/sh\nprintf "%s\\n" "$*" >> {self.calls}\nsleep {seconds}\necho said >&2\nexit {code}\n'
        )
        new.chmod(0o755)
        new.replace(self.client)

    def start(self) -> subprocess.Popen[str]:
        command: list[str | Path] = [
            sys.executable,
            "-I",
            self.program,
            "state",
            "--group",
            "a",
            "--fifo",
            self.fifo,
            "--state-file",
            self.state,
        ]
        process = subprocess.Popen(
            [*command, *self.arguments, "--timeout", "2", "--conntrackd", self.client],
            stderr=subprocess.PIPE,
            text=True,
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
def running(agent: Path, tmp_path: Path) -> Any:
    program = Running(agent, tmp_path)
    yield program
    program.process.kill()
    program.process.wait()


def test_transitions_keep_their_order(running: Running) -> None:
    running.write('GROUP "a" BACKUP 0\nINSTANCE "i" MASTER 1\n')
    running.until(lambda: running.options() == "-t -n")
    running.write('GROUP "a" MASTER 0\n')
    running.until(lambda: running.options() == "-t -n -c -f -R -B")
    running.write('GROUP "b" FAULT 0\nGROUP "a" FAULT 0\n')
    running.until(lambda: running.options() == "-t -n -c -f -R -B -t")
    running.until(lambda: running.known()["pending"] is None)
    assert running.known()["state"] == "FAULT"
    assert stat.S_IMODE(running.fifo.stat().st_mode) == 0o600
    assert "'b' is no group of this node" in running.stop()


def test_of_transitions_that_have_piled_up_the_last_one_is_carried_out(running: Running) -> None:
    running.answer(0, seconds=0.5)
    running.write('GROUP "a" BACKUP 0\n')
    running.until(lambda: running.options() == "-t")
    running.write('GROUP "a" MASTER 0\nGROUP "a" BACKUP 0\nGROUP "a" FAULT 0\n')
    running.until(lambda: running.known()["state"] == "FAULT" and running.known()["pending"] is None)
    assert running.options() == "-t -n -t"
    said = running.stop()
    assert said.count("over before it was carried out") == 2


def test_failure_is_loud_and_repeated_when_conntrackd_is_back(running: Running) -> None:
    running.answer(1)
    running.write('GROUP "a" BACKUP 0\n')
    running.until(lambda: running.options() == "-t -n")
    running.until(lambda: running.known()["steps"] != [])
    assert (running.known()["state"], running.known()["pending"]) == ("BACKUP", "a")
    # failed is not under way
    assert running.known()["deadline"] is None
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


def test_what_is_under_way_says_until_when(agent: Path, tmp_path: Path) -> None:
    program = Running(agent, tmp_path, "--mode", "direct", "--settle", "0.6", "--refresh", "0")
    program.answer(0, seconds=0.5)
    start = time.monotonic()
    program.write('GROUP "a" BACKUP 0\n')
    program.until(lambda: program.known()["pending"] == "a")
    # what waits, and then two steps of at most 2 s (the program's --timeout), each with a pause
    waits = program.known()["deadline"] - start
    assert 0.6 + 2 * 2.3 <= waits <= 0.6 + 2 * 2.3 + 1
    program.until(lambda: program.options() == "-f internal")
    assert waits <= program.known()["deadline"] - start <= waits + 1
    program.until(lambda: program.known()["pending"] is None)
    assert program.known()["deadline"] is None
    program.stop()


def test_cut_off_transition_is_carried_out_again(running: Running) -> None:
    keepalived = os.open(running.fifo, os.O_RDWR)
    try:
        running.answer(0, seconds=1)
        running.write('GROUP "a" BACKUP 0\n')
        running.until(lambda: running.options() == "-t")
        running.write('GROUP "a" MASTER 0\n')
        running.stop()
        running.answer(0)
        running.process = running.start()
        running.until(lambda: running.options() == "-t -t -n -c -f -R -B")
        running.until(lambda: running.known()["pending"] is None)
    finally:
        os.close(keepalived)
    assert running.known()["state"] == "MASTER"


def test_broken_state_file_is_forgotten(agent: Path, tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{")
    program = Running(agent, tmp_path)
    program.write('GROUP "a" FAULT 0\n')
    program.until(lambda: program.options() == "-t")
    assert "cannot read" in program.stop()


def test_flows_are_given_up_when_neighbours_have_turned_to_the_other_node(
    agent: Path, tmp_path: Path
) -> None:
    program = Running(agent, tmp_path, "--mode", "direct", "--settle", "0.6", "--refresh", "0")
    start = time.monotonic()
    program.write('GROUP "a" BACKUP 0\n')
    program.until(lambda: program.options() == "-f internal -n")
    assert time.monotonic() - start >= 0.6
    program.until(lambda: program.known()["pending"] is None)
    program.stop()


def test_a_quick_return_keeps_the_flows(agent: Path, tmp_path: Path) -> None:
    program = Running(agent, tmp_path, "--mode", "direct", "--settle", "0.6", "--refresh", "0")
    program.write('GROUP "a" BACKUP 0\nGROUP "a" MASTER 0\n')
    time.sleep(1.2)
    assert program.options() == "-R"
    assert program.known()["pending"] is None
    program.stop()


def test_only_a_primary_refreshes(agent: Path, tmp_path: Path) -> None:
    program = Running(agent, tmp_path, "--mode", "direct", "--settle", "0", "--refresh", "0.3")
    program.write('GROUP "a" BACKUP 0\n')
    time.sleep(1)
    assert program.options() == "-f internal -n"
    program.write('GROUP "a" MASTER 0\n')
    program.until(lambda: program.options().startswith("-f internal -n -R -R -B -R -B"))
    program.stop()


def test_what_waits_survives_a_restart(agent: Path, tmp_path: Path) -> None:
    program = Running(agent, tmp_path, "--mode", "direct", "--settle", "1", "--refresh", "0")
    keepalived = os.open(program.fifo, os.O_RDWR)
    try:
        program.write('GROUP "a" BACKUP 0\n')
        program.until(lambda: program.known()["pending"] == "a")
        program.stop()
        assert program.options() == ""
        program.process = program.start()
        program.until(lambda: program.options() == "-f internal -n")
    finally:
        os.close(keepalived)
        program.stop()


def test_a_full_file_system_stops_no_transition(agent: Path, tmp_path: Path) -> None:
    program = Running(agent, tmp_path)
    # where the new file would be is a folder: the write fails as it does without space
    beside = program.state.with_name(f".state.json.{program.process.pid}")
    beside.mkdir()
    program.write('GROUP "a" FAULT 0\n')
    program.until(lambda: program.options() == "-t")
    program.write('GROUP "a" BACKUP 0\n')
    program.until(lambda: program.options() == "-t -t -n")
    # a look at the pair would be wrong until the next refresh, a minute later
    time.sleep(1.5)
    beside.rmdir()
    program.until(lambda: program.known()["state"] == "BACKUP")
    program.write('GROUP "a" MASTER 0\n')
    program.until(lambda: program.known()["state"] == "MASTER")
    said = program.stop()
    assert said.count("cannot write") == said.count("can be written again") == 1, said
