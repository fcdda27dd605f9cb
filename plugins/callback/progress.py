# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says during a long task that it still runs, how long, and on which hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
name: progress
type: notification
short_description: Say during a long task that it still runs
version_added: 0.1.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - While a task runs longer than O(interval) seconds, prints one line every O(interval) seconds. The line
    tells for how long the task has been running, its name, and the hosts on which it is unfinished.
  - Prints nothing about tasks that are shorter.
  - Adds to what the other callbacks print, to a terminal, a pipe or a file alike, and sends it out at once.
requirements:
  - It is named in C(callbacks_enabled) of the configuration.
options:
  interval:
    description: Seconds between two lines about a task, and from its start to the first. At least 1.
    type: int
    default: 10
    env:
      - name: FTFW_PAIR_PROGRESS_INTERVAL
    ini:
      - section: callback_progress
        key: interval
"""

EXAMPLES = r"""
ansible.cfg: |
  [defaults]
  callbacks_enabled = ftfw.pair.progress

output: |
  TASK [ftfw.pair.guest_image : Build the guests' image with mmdebstrap] *********
      … 10 s: ftfw.pair.guest_image : Build the guests' image with mmdebstrap (omarine)
      … 20 s: ftfw.pair.guest_image : Build the guests' image with mmdebstrap (omarine)
  changed: [omarine -> localhost]
"""

import atexit
import contextlib
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ansible import constants
from ansible.errors import AnsibleOptionsError
from ansible.plugins.callback import CallbackBase

NAMED_HOSTS = 5


@dataclass(frozen=True)
class RunningTask:
    """A task that has begun at a moment of the monotonic clock, in seconds.

    With the strategy linear all hosts share one, with free each host may have its own.
    """

    task: str
    name: str
    started: float


def line(seconds: int, name: str, hosts: list[str]) -> str:
    """One line, whatever the task is called and however many hosts there are."""
    more = len(hosts) - NAMED_HOSTS
    shown = ", ".join(hosts[:NAMED_HOSTS]) + (f" and {more} more" if more > 0 else "")
    return f"    … {seconds} s: {' '.join(name.split())} ({shown})"


class Reporter:
    """What is due to be said; used by the thread alone."""

    def __init__(self, interval: int) -> None:
        self.interval = interval
        # how many intervals of a task have been told
        self.told: dict[tuple[str, float], int] = {}

    def due(self, hosts: Iterable[tuple[str, RunningTask]], now: float) -> list[str]:
        """The lines to print now. An interval that was missed is not made up for."""
        lines = []
        told = {}
        for run, names in self._tasks(hosts):
            key = (run.task, run.started)
            count = told[key] = int((now - run.started) // self.interval)
            if count > self.told.get(key, 0):
                lines.append(line(count * self.interval, run.name, names))
        self.told = told
        return lines

    def pause(self, now: float) -> float:
        """Seconds until something may be due. A task that begins later has an interval to go at least."""
        moments = (started + (count + 1) * self.interval for (_task, started), count in self.told.items())
        return max(0.0, min(moments, default=now + self.interval) - now)

    @staticmethod
    def _tasks(hosts: Iterable[tuple[str, RunningTask]]) -> list[tuple[RunningTask, list[str]]]:
        """Tasks in the order of their starts, each with its earliest unfinished run and all its hosts."""
        tasks: dict[str, tuple[RunningTask, list[str]]] = {}
        for host, run in sorted(hosts, key=lambda pair: pair[1].started):
            tasks.setdefault(run.task, (run, []))[1].append(host)
        return list(tasks.values())


class CallbackModule(CallbackBase):
    """Keeps book of who runs what, in Ansible's own thread; another thread reads the book and prints.

    Ansible forks a worker for each task of each host. A lock that a thread holds at that moment stays locked
    in the worker forever. So there is no lock of our own: the book is a dictionary that the thread copies in
    one step, and nothing in a worker uses it. The lock that printing needs is Display's, which Ansible itself
    holds whenever it forks.
    """

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "ftfw.pair.progress"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._interval = 0
        self._latest: RunningTask | None = None
        self._hosts: dict[str, RunningTask] = {}
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()
        # Callbacks are not told of an interrupt, and a thread that prints could abort an ending interpreter.
        atexit.register(self._end)

    def set_options(self, task_keys: Any = None, var_options: Any = None, direct: Any = None) -> None:
        super().set_options(task_keys=task_keys, var_options=var_options, direct=direct)
        self._interval = self.get_option("interval")
        if self._interval < 1:
            # Ansible warns, and goes on without this plugin
            raise AnsibleOptionsError(f"interval is {self._interval}: it must be at least 1 (seconds)")

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._hosts.clear()

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        # only here has the name no variables in it
        self._latest = RunningTask(task._uuid, task.get_name(), time.monotonic())

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        self._latest = RunningTask(task._uuid, task.get_name(), time.monotonic())

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        run = self._latest
        if run is None or run.task != task._uuid:
            run = RunningTask(task._uuid, task.get_name(), time.monotonic())
        self._hosts[host.get_name()] = run
        if self._thread is None:
            self._begin()

    def v2_runner_on_ok(self, result: Any) -> None:
        self._finish(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._finish(result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._finish(result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._finish(result)

    def v2_playbook_on_no_hosts_remaining(self) -> None:
        self._hosts.clear()

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._end()

    def _finish(self, result: Any) -> None:
        self._hosts.pop(result._host.get_name(), None)

    def _begin(self) -> None:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, args=(self._ended,), name="progress", daemon=True)
        self._thread.start()

    def _end(self) -> None:
        self._hosts.clear()
        self._ended.set()
        if self._thread is not None:
            # bounded: whoever reads our output may have stopped reading
            self._thread.join(timeout=1)
            self._thread = None

    def _watch(self, ended: threading.Event) -> None:
        """Print until told to end. Whatever goes wrong ends the lines, and never the run."""
        reporter = Reporter(self._interval)
        with contextlib.suppress(Exception):
            while not ended.wait(reporter.pause(time.monotonic())):
                self._print(reporter)

    def _print(self, reporter: Reporter) -> None:
        # Whoever asks a question at the terminal holds the lock. What has ended by then is not told.
        with self._display._lock:
            lines = reporter.due(self._hosts.copy().items(), time.monotonic())
            for text in lines:
                self._display.display(text, color=constants.COLOR_VERBOSE)
            if lines:
                # Display leaves that to the system, which to a pipe sends a few kilobytes at a time
                sys.stdout.flush()
