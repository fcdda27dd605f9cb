# SPDX-License-Identifier: GPL-3.0-or-later
"""When which line is due, and what the callback knows after each of Ansible's events."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.callback.progress import (
    CallbackModule,
    Reporter,
    RunningTask,
    line,
)

BUILD = RunningTask("1", "Build", 100.0)


@pytest.mark.parametrize(
    ("name", "hosts", "expected"),
    [
        pytest.param("Build", ["omarine"], "    … 20 s: Build (omarine)", id="one host"),
        pytest.param("Build\n  it ", ["a", "b"], "    … 20 s: Build it (a, b)", id="a name of two lines"),
        pytest.param("Build", list("abcde"), "    … 20 s: Build (a, b, c, d, e)", id="as many as fit"),
        pytest.param("Build", list("abcdefg"), "    … 20 s: Build (a, b, c, d, e and 2 more)", id="many"),
    ],
)
def test_line(name: str, hosts: list[str], expected: str) -> None:
    assert line(20, name, hosts) == expected


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        pytest.param([(109.9, ["a"])], [[]], id="short"),
        pytest.param([(110.0, ["a"])], [["    … 10 s: Build (a)"]], id="long"),
        pytest.param([(110.1, ["a"]), (111, ["a"])], [["    … 10 s: Build (a)"], []], id="once per interval"),
        pytest.param([(145.0, ["a"]), (146, ["a"])], [["    … 40 s: Build (a)"], []], id="missed ones"),
        pytest.param(
            [(110.0, ["a", "b"]), (120.0, ["b"]), (130.0, [])],
            [["    … 10 s: Build (a, b)"], ["    … 20 s: Build (b)"], []],
            id="hosts finish",
        ),
    ],
)
def test_due(steps: list[tuple[float, list[str]]], expected: list[list[str]]) -> None:
    reporter = Reporter(10)
    assert [reporter.due([(host, BUILD) for host in hosts], now) for now, hosts in steps] == expected


def test_each_host_at_a_task_of_its_own() -> None:
    later, other = RunningTask("1", "Build", 115.0), RunningTask("2", "Boot", 112.0)
    reporter = Reporter(10)
    assert reporter.due([("c", later), ("b", other), ("a", BUILD)], 123.0) == [
        "    … 20 s: Build (a, c)",
        "    … 10 s: Boot (b)",
    ]
    # a has finished: what is left of the task is younger, and its time counts anew
    assert reporter.due([("c", later), ("b", other)], 124.0) == []
    assert reporter.due([("c", later), ("b", other)], 125.0) == ["    … 10 s: Build (c)"]


@pytest.mark.parametrize(
    ("hosts", "now", "seconds"),
    [
        pytest.param([], 100.0, 10.0, id="nothing runs"),
        pytest.param([("a", BUILD)], 103.0, 7.0, id="first line"),
        pytest.param([("a", BUILD)], 110.5, 9.5, id="next line"),
        pytest.param(
            [("a", BUILD), ("b", RunningTask("2", "Boot", 102.0))], 111.0, 1.0, id="the earlier of two"
        ),
    ],
)
def test_sleeps_until_something_is_due(
    hosts: list[tuple[str, RunningTask]], now: float, seconds: float
) -> None:
    reporter = Reporter(10)
    reporter.due(hosts, now)
    assert reporter.pause(now) == pytest.approx(seconds)


class Screen:
    """Display as far as the callback uses it: what was printed, and the lock."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.lines: list[str] = []
        self.broken = False

    def display(self, text: str, color: str) -> None:
        if self.broken:
            raise OSError("nobody reads")
        self.lines.append(text)


def task(name: str, uuid: str = "1") -> Any:
    return SimpleNamespace(_uuid=uuid, get_name=lambda: name)


def host(name: str) -> Any:
    return SimpleNamespace(get_name=lambda: name)


def result(name: str) -> Any:
    return SimpleNamespace(_host=host(name))


@pytest.fixture
def screen() -> Screen:
    return Screen()


@pytest.fixture
def callback(screen: Screen) -> Iterator[CallbackModule]:
    made = CallbackModule()
    made._interval = 1
    made._display = screen
    yield made
    made.v2_playbook_on_stats(None)


def wait_for(lines: list[str], count: int) -> None:
    for _rest in range(100):
        if len(lines) >= count:
            return
        time.sleep(0.05)
    raise AssertionError(f"{count} lines expected, seen: {lines}")


def watchers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "progress"]


def test_prints_as_long_as_a_host_is_unfinished(callback: CallbackModule, screen: Screen) -> None:
    build = task("Build")
    callback.v2_playbook_on_task_start(build, is_conditional=False)
    callback.v2_runner_on_start(host("a"), build)
    callback.v2_runner_on_start(host("b"), build)
    wait_for(screen.lines, 1)
    callback.v2_runner_on_ok(result("a"))
    wait_for(screen.lines, 2)
    callback.v2_runner_on_ok(result("b"))
    time.sleep(1.3)
    # on a busy machine a second may be missed
    found = [re.fullmatch(r"    … (\d) s: Build \((.*)\)", text) for text in screen.lines]
    assert [match and match[2] for match in found] == ["a, b", "b"], screen.lines
    assert [int(match[1]) for match in found if match] in ([1, 2], [1, 3], [2, 3]), screen.lines


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda callback: callback.v2_runner_on_ok(result("a")), id="ok"),
        pytest.param(
            lambda callback: callback.v2_runner_on_failed(result("a"), ignore_errors=True), id="failed"
        ),
        pytest.param(lambda callback: callback.v2_runner_on_skipped(result("a")), id="skipped"),
        pytest.param(lambda callback: callback.v2_runner_on_unreachable(result("a")), id="unreachable"),
        pytest.param(lambda callback: callback.v2_playbook_on_no_hosts_remaining(), id="no hosts remain"),
        pytest.param(lambda callback: callback.v2_playbook_on_play_start(None), id="another play"),
        pytest.param(lambda callback: callback.v2_playbook_on_stats(None), id="end of the playbook"),
    ],
)
def test_what_ends_a_task(callback: CallbackModule, end: Any) -> None:
    callback.v2_runner_on_start(host("a"), task("Build"))
    assert set(callback._hosts) == {"a"}
    end(callback)
    assert not callback._hosts


def test_the_name_is_the_one_without_variables(callback: CallbackModule) -> None:
    build = SimpleNamespace(_uuid="1", get_name=lambda: "Build lab")
    callback.v2_playbook_on_handler_task_start(build)
    build.get_name = lambda: "Build {{ site_name }}"
    callback.v2_runner_on_start(host("a"), build)
    assert callback._hosts["a"].name == "Build lab"


def test_its_thread_ends_with_the_playbook_and_begins_with_the_next(callback: CallbackModule) -> None:
    before = len(watchers())
    for _playbook in range(2):
        callback.v2_runner_on_start(host("a"), task("Build"))
        callback.v2_runner_on_start(host("b"), task("Build"))
        assert len(watchers()) == before + 1
        callback.v2_playbook_on_stats(None)
        assert len(watchers()) == before


def test_a_screen_that_breaks_ends_the_lines_only(
    callback: CallbackModule, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    escaped: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", escaped.append)
    screen.broken = True
    callback.v2_runner_on_start(host("a"), task("Build"))
    [thread] = watchers()
    thread.join(timeout=5)
    assert not thread.is_alive()
    callback.v2_runner_on_ok(result("a"))
    assert not escaped
    assert screen._lock.acquire(timeout=1)


def test_waits_for_who_asks_at_the_terminal_and_then_tells_nothing_old(
    callback: CallbackModule, screen: Screen
) -> None:
    with screen._lock:
        callback.v2_runner_on_start(host("a"), task("Ask"))
        time.sleep(1.3)
        callback.v2_runner_on_ok(result("a"))
    time.sleep(0.3)
    assert screen.lines == []
