# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry out a firewall's transitions in the order in which keepalived reports them.

keepalived writes lines such as `GROUP "ftfw" MASTER 0` into a FIFO (keepalived.conf(5), vrrp_notify_fifo).
For each this program runs client commands of conntrackd(8), one after the other, logs every step, and keeps
what it knows in a state file. The FIFO is read byte by byte, up to one newline at a time: what has not been
carried out stays in the pipe while this program restarts, for keepalived holds the pipe open as well. A
transition is noted as pending before its first step, so one that was cut off is carried out again; every
step may be repeated.

`CONNTRACKD started` is written into the same FIFO by conntrackd's unit, `RULESET loaded` by that of the
ruleset: a transition that failed because the daemon was away is then carried out again, a primary sends its
flows once more, and opens its gate again. `PEER heard` is from path tracking: both may have been primary, and
the one that still is sends its flows. What the steps are, and why, is in plan.py.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import shlex
import stat
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Callable

from ansible_collections.ftfw.pair.plugins.module_utils.agent import arguments
from ansible_collections.ftfw.pair.plugins.module_utils.agent.state.plan import (
    COMMIT,
    EXTERNAL,
    MASTER,
    MODES,
    Plan,
    Policy,
    State,
    Step,
    StepResult,
    parse_event,
    plan_event,
    plan_opening,
    plan_refresh,
    plan_transition,
)
from ansible_collections.ftfw.pair.plugins.module_utils.system.commands import run
from ansible_collections.ftfw.pair.plugins.module_utils.system.files import write
from ansible_collections.ftfw.pair.plugins.module_utils.system.journal import (
    ERROR,
    INFO,
    NOTICE,
    WARNING,
    log,
    notify_systemd,
)

PAUSE_SECONDS = 0.3
SAVE_SECONDS = 1.0
"""Seconds until a state file is written that could not be."""


def run_steps(
    steps: tuple[Step, ...],
    run: Callable[[Step], StepResult],
    pause: Callable[[], None],
    tell: Callable[[list[StepResult]], None] = lambda _results: None,
) -> list[StepResult]:
    """Run the steps in order. One that is refused is tried as often as it says, before what needs it.

    Each is told when it has ended: those after it may hang.
    """
    results: list[StepResult] = []
    for step in steps:
        if any(result.name == step.needs and not result.ok for result in results):
            results.append(StepResult(step.name, step.command, None, 0.0, f"skipped: '{step.needs}' failed"))
            tell(results[-1:])
            continue
        result = run(step)
        for _attempt in range(step.tries - 1):
            if result.ok or result.exit_code is None:
                break
            pause()
            before, result = result, run(step)
            if result.exit_code is None:
                result.message += f"; before that exit code {before.exit_code}, {before.message}"
        results.append(result)
        tell(results[-1:])
    return results


def log_steps(results: list[StepResult]) -> None:
    for result in results:
        code = "not ended" if result.exit_code is None else f"exit code {result.exit_code}"
        text = f"{result.name} ({result.command}): {code}, {result.seconds:.3f} s"
        if result.ok:
            log(INFO, text)
        else:
            log(ERROR, f"FAILED: {text}: {result.message}")


def log_failures(results: list[StepResult]) -> None:
    """For steps that are repeated anyhow: only those that failed are worth a line."""
    log_steps([result for result in results if not result.ok])


class StateProgram:
    """The I/O around the plans."""

    def __init__(self, chosen: argparse.Namespace) -> None:
        self.fifo: Path = chosen.fifo
        self.state_file: Path = chosen.state_file
        self.conntrackd: list[str] = chosen.conntrackd
        self.groups: list[str] = chosen.group
        self.timeout: float = chosen.timeout
        self.gate_deadline: float = chosen.gate_deadline
        # of the transition that is under way (monotonic clock)
        self.gate_until = 0.0
        self.policy = Policy(
            chosen.mode, tuple(chosen.gate), chosen.settle, chosen.refresh, tuple(chosen.offload)
        )
        self.known = State()
        # what waits for its time: a transition's steps, and the next refresh (monotonic clock)
        self.waiting: tuple[float, tuple[Step, ...]] | None = None
        self.unsaved: float | None = None
        """When to try again to write the state file, if it could not be written."""
        self.refresh_at = time.monotonic() + self.policy.refresh

    def limit(self, step: Step) -> float:
        """Seconds for one step. A gate waits for no commit beyond its deadline, however often it is tried.

        Before its gate is open no step of a node takes longer than that: it may have to become primary.
        """
        if not self.policy.gate:
            return self.timeout
        if step is COMMIT:
            return max(0.0, min(self.gate_until - time.monotonic(), self.timeout))
        return self.timeout if self.known.state == MASTER else min(self.gate_deadline, self.timeout)

    def expect(self, steps: tuple[Step, ...]) -> None:
        """Note when a pending transition is over at the latest, by the time limits of its steps.

        A reader tells by it what is under way from what has failed.
        """
        if self.known.pending is None:
            return
        begin, later = self.waiting or (0.0, ())
        tries = sum(step.tries for step in (*steps, *later))
        self.known.deadline = max(begin, time.monotonic()) + tries * (self.timeout + PAUSE_SECONDS)

    def run_step(self, step: Step) -> StepResult:
        """Run one command within its time limit."""
        command = (
            ["/usr/sbin/nft", step.nft] if step.nft else [*self.conntrackd, *shlex.split(step.option or "")]
        )
        limit = self.limit(step)
        if not limit:
            message = f"not tried again: {self.gate_deadline:g} s are over"
            return StepResult(step.name, step.command, None, 0.0, message)
        start = time.monotonic()
        ended = run(command, limit, keep_output=False)
        if isinstance(ended.failure, OSError):
            message = str(ended.failure)
        else:
            message = f"no end after {round(limit, 1):g} s" if ended.failure else ended.errors.strip()
        return StepResult(step.name, step.command, ended.code, round(time.monotonic() - start, 4), message)

    def load(self) -> None:
        """Take up what the state file of an earlier run says; an unreadable one is logged and forgotten."""
        try:
            known = State.from_json(json.loads(self.state_file.read_text()))
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log(ERROR, f"cannot read {self.state_file}: {error}")
            return
        self.known = known.of(self.groups)

    def save(self) -> None:
        """Replace the state file at once, so that a reader never sees half of it.

        Where it can't be written (a full file system), the transition is carried out all the same, and the
        file is written as soon as that can be done.
        """
        try:
            write(self.state_file, json.dumps(self.known.to_json(), indent=1) + "\n")
        except OSError as error:
            if self.unsaved is None:
                log(ERROR, f"cannot write {self.state_file}: {error}")
            self.unsaved = time.monotonic() + SAVE_SECONDS
        else:
            if self.unsaved is not None:
                log(NOTICE, f"{self.state_file} can be written again")
            self.unsaved = None
        notify_systemd(f"STATUS={self.known.state}{', incomplete' if self.known.pending else ''}")

    def handle(self, lines: list[str]) -> None:
        """Note in their order what the lines say; of transitions of one group the last one is carried out."""
        events = [(line, event) for line in lines for event in [parse_event(line)] if event]
        last = {event.group: number for number, (_line, event) in enumerate(events)}
        for number, (line, event) in enumerate(events):
            if event.group is not None and event.group not in self.groups:
                log(WARNING, f"'{event.group}' is no group of this node: {line}")
                continue
            plan = plan_event(self.policy, self.known, event, time.time())
            if event.group is not None and last[event.group] != number:
                log(NOTICE, f"{line}: over before it was carried out")
                continue
            self.follow(plan, line, event.group is not None)

    def follow(self, plan: Plan, reason: str, transition: bool) -> None:
        """Carry a plan out, or lay it aside until its time."""
        if transition and (plan.steps or self.known.pending):
            self.waiting = None
        if plan.delay:
            log(NOTICE, f"{reason}: {len(plan.steps)} steps in {plan.delay:g} s")
            self.waiting = (time.monotonic() + plan.delay, plan.steps)
            self.expect(())
            self.save()
            return
        if plan.steps:
            log(NOTICE, f"{reason}: {len(plan.steps)} steps")
        if plan.steps or (transition and self.known.pending):
            self.carry_out(plan.steps)

    def carry_out(self, steps: tuple[Step, ...]) -> None:
        """Run the steps; what failed, or is cut off here, stays pending."""
        self.gate_until = time.monotonic() + self.gate_deadline
        self.expect(steps)
        self.save()
        results = run_steps(steps, self.run_step, lambda: time.sleep(PAUSE_SECONDS), log_steps)
        self.known.steps = results
        if all(result.ok for result in results):
            # steps that were laid aside are of a transition that is not complete yet
            if self.waiting is None:
                self.known.pending = self.known.deadline = None
        else:
            self.known.deadline = None
            log(ERROR, f"{self.known.state}: the transition is incomplete, flows may be lost")
        self.save()

    def refresh(self) -> None:
        self.refresh_at = time.monotonic() + self.policy.refresh
        # what could not be written at the time
        self.save()
        steps = plan_refresh(self.policy, self.known).steps
        run_steps(steps, self.run_step, lambda: None, log_failures)

    def open_fifo(self) -> int:
        """Open the FIFO to read and write: no end of file when keepalived stops, no wait for a start."""
        if not self.fifo.exists():
            os.mkfifo(self.fifo, 0o600)
        if not stat.S_ISFIFO(self.fifo.stat().st_mode):
            raise SystemExit(f"{self.fifo} is no FIFO")
        return os.open(self.fifo, os.O_RDWR | os.O_CLOEXEC)

    def run(self) -> None:
        descriptor = self.open_fifo()
        self.load()
        notify_systemd("READY=1")
        pending = self.known.pending
        if pending in self.known.groups:
            reason = f"{pending} {self.known.groups[pending]}, once more after a restart"
            self.follow(plan_transition(self.policy, self.known.groups, pending), reason, transition=True)
        else:
            self.save()
            self.follow(plan_opening(self.policy, self.known), "start as primary", transition=False)
        while True:
            self.turn(descriptor)

    def turn(self, descriptor: int) -> None:
        """Do what is next: a line of the FIFO, steps that were laid aside, or the refresh."""
        due = [self.waiting[0]] if self.waiting else []
        if self.unsaved is not None:
            due.append(self.unsaved)
        if self.policy.refresh:
            due.append(self.refresh_at)
        limit = max(0.0, min(due) - time.monotonic()) if due else None
        if select.select([descriptor], [], [], limit)[0]:
            lines = [read_line(descriptor)]
            while select.select([descriptor], [], [], 0)[0]:
                lines.append(read_line(descriptor))
            self.handle(lines)
        elif self.waiting and self.waiting[0] <= time.monotonic():
            steps = self.waiting[1]
            self.waiting = None
            self.carry_out(steps)
        elif self.unsaved is not None and self.unsaved <= time.monotonic():
            self.save()
        elif self.policy.refresh and self.refresh_at <= time.monotonic():
            self.refresh()


def read_line(descriptor: int) -> str:
    """Read one line, and not a byte more."""
    line = b""
    while True:
        byte = os.read(descriptor, 1)
        if byte == b"\n":
            return line.decode(errors="replace").strip()
        line += byte


def main(words: Sequence[str]) -> None:
    parser = arguments.parser("state", "Carry out a firewall's transitions in their order.")
    parser.add_argument("--fifo", type=Path, default=Path("/run/pair-state/notify"))
    parser.add_argument("--state-file", type=Path, default=Path("/run/pair-state/state.json"))
    parser.add_argument(
        "--conntrackd", nargs="+", default=["/usr/sbin/conntrackd"], help="the client command"
    )
    parser.add_argument("--group", action="append", required=True, help="a sync group of keepalived")
    parser.add_argument("--mode", choices=MODES, default=EXTERNAL, help="how flows are replicated")
    parser.add_argument(
        "--gate", nargs="*", default=[], help="interfaces that are shut until a commit has ended"
    )
    parser.add_argument(
        "--gate-deadline", type=float, default=5, help="seconds after which the gate opens anyhow"
    )
    parser.add_argument("--offload", nargs="*", default=[], help="interfaces whose flows may be offloaded")
    parser.add_argument(
        "--settle", type=float, default=2, help="seconds between leaving and giving up the flows"
    )
    parser.add_argument(
        "--refresh", type=float, default=60, help="seconds between bulk updates of a primary; 0: none"
    )
    parser.add_argument("--timeout", type=float, default=30, help="seconds for one step")
    StateProgram(parser.parse_args(words)).run()
