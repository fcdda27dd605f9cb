#!/usr/bin/python3 -I
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry out a firewall's transitions in the order in which keepalived reports them.

keepalived writes lines such as `GROUP "ftfw" MASTER 0` into a FIFO (keepalived.conf(5), vrrp_notify_fifo).
For each this program runs client commands of conntrackd(8), one after the other, logs every step, and keeps
what it knows in a state file. The FIFO is read byte by byte, up to one newline at a time: what has not been
carried out stays in the pipe while this program restarts, for keepalived holds the pipe open as well. A
transition is noted as pending before its first step, so one that was cut off is carried out again; every
step may be repeated.

`CONNTRACKD started` is written into the same FIFO by conntrackd's unit: a transition that failed because the
daemon was away is then carried out again, and a primary sends its flows once more.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import stat
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Callable

MASTER, BACKUP, FAULT, STOP = "MASTER", "BACKUP", "FAULT", "STOP"
STATES = (MASTER, BACKUP, FAULT, STOP)

ERROR, WARNING, NOTICE, INFO = 3, 4, 5, 6
"""Levels of syslog(3); systemd takes them from a prefix (sd-daemon(3))."""


@dataclass(frozen=True)
class Step:
    """One client command of conntrackd."""

    name: str
    option: str
    needs: str | None = None
    """The step without whose success this one would do harm."""
    tries: int = 1


COMMIT = Step("commit the external cache", "-c", tries=3)
# After a failed commit the external cache holds the only copy of the flows.
FLUSH = Step("flush the caches", "-f", needs=COMMIT.name)
RESYNC = Step("read the kernel's table", "-R")
BULK = Step("send all flows to the peer", "-B")
# conntrackd forgets this timer at the next commit.
PURGE = Step("schedule the purge of the kernel's table", "-t")
REQUEST = Step("request all flows from the peer", "-n")


@dataclass(frozen=True)
class Event:
    """What a line of the FIFO says; without a group it is conntrackd that has started."""

    group: str | None
    state: str


_GROUP = re.compile(r'GROUP "([^"]+)" (\w+)(?: -?\d+)?\Z')


def parse_event(line: str) -> Event | None:
    """Parse a line; None for one that is no concern of ours (instances, priorities)."""
    if line == "CONNTRACKD started":
        return Event(None, "started")
    match = _GROUP.match(line)
    if match and match.group(2) in STATES:
        return Event(match.group(1), match.group(2))
    return None


@dataclass
class StepResult:
    """How a step went; an exit code of None means that it did not end, or could not start."""

    name: str
    option: str
    exit_code: int | None
    seconds: float
    message: str = ""

    @property
    def ok(self) -> bool:
        return self.exit_code == 0


@dataclass
class State:
    """What the program knows. The times are seconds since the epoch."""

    groups: dict[str, str] = field(default_factory=dict)
    since: dict[str, float] = field(default_factory=dict)
    pending: str | None = None
    """The group whose last transition is not complete: cut off, or a step of it failed."""
    steps: list[StepResult] = field(default_factory=list)

    @property
    def state(self) -> str:
        """The node's state: of several groups the one that carries most."""
        return next((state for state in STATES if state in self.groups.values()), "UNKNOWN")

    def to_json(self) -> dict[str, Any]:
        return {
            "state": self.state,
            "groups": self.groups,
            "since": self.since,
            "pending": self.pending,
            "steps": [asdict(step) for step in self.steps],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> State:
        steps = [StepResult(**step) for step in data["steps"]]
        return cls(dict(data["groups"]), dict(data["since"]), data["pending"], steps)


def plan_transition(groups: dict[str, str], group: str) -> tuple[Step, ...]:
    """The steps for `group`, whose new state is in `groups` already.

    conntrackd's caches and the kernel's table are the node's, not the group's: while another group is MASTER
    nothing is flushed.
    """
    state = groups[group]
    another_master = any(other == MASTER for name, other in groups.items() if name != group)
    if state == MASTER:
        return (COMMIT,) if another_master else (COMMIT, FLUSH, RESYNC, BULK)
    if state == BACKUP:
        return (REQUEST,) if another_master else (PURGE, REQUEST)
    return () if another_master else (PURGE,)


def plan_event(known: State, event: Event, now: float) -> tuple[Step, ...]:
    """Note what the event says in `known`, and return the steps that it asks for."""
    if event.group is None:
        if known.pending is not None:
            return plan_transition(known.groups, known.pending)
        return (BULK,) if known.state == MASTER else ()
    if known.groups.get(event.group) == event.state and known.pending != event.group:
        # keepalived repeats the states when it reloads.
        return ()
    if known.groups.get(event.group) != event.state:
        known.since[event.group] = now
    known.groups[event.group] = event.state
    known.pending = event.group
    return plan_transition(known.groups, event.group)


def run_steps(
    steps: tuple[Step, ...], run: Callable[[Step], StepResult], pause: Callable[[], None]
) -> list[StepResult]:
    """Run the steps in order. A failed one is tried as often as it says, and holds up those that need it."""
    results: list[StepResult] = []
    for step in steps:
        if any(result.name == step.needs and not result.ok for result in results):
            results.append(StepResult(step.name, step.option, None, 0.0, f"skipped: '{step.needs}' failed"))
            continue
        result = run(step)
        for _attempt in range(step.tries - 1):
            if result.ok:
                break
            pause()
            result = run(step)
        results.append(result)
    return results


def log(level: int, message: str) -> None:
    print(f"<{level}>{message}", file=sys.stderr, flush=True)


def log_steps(results: list[StepResult]) -> None:
    for result in results:
        code = "not ended" if result.exit_code is None else f"exit code {result.exit_code}"
        text = f"{result.name} (conntrackd {result.option}): {code}, {result.seconds:.3f} s"
        if result.ok:
            log(INFO, text)
        else:
            log(ERROR, f"FAILED: {text}: {result.message}")


def notify_systemd(message: str) -> None:
    """Tell the service manager (sd_notify(3)); nothing where there is none."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.connect("\0" + address[1:] if address.startswith("@") else address)
        channel.sendall(message.encode())


class Program:
    """The I/O around the plans."""

    def __init__(
        self, fifo: Path, state_file: Path, conntrackd: list[str], groups: list[str], timeout: float
    ) -> None:
        self.fifo, self.state_file, self.conntrackd = fifo, state_file, conntrackd
        self.groups, self.timeout = groups, timeout
        self.known = State()

    def run_step(self, step: Step) -> StepResult:
        """Run one client command of conntrackd, within the time limit."""
        start = time.monotonic()
        code: int | None = None
        try:
            done = subprocess.run(
                [*self.conntrackd, step.option],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=self.timeout,
                check=False,
            )
            code, message = done.returncode, done.stderr.decode(errors="replace").strip()
        except subprocess.TimeoutExpired:
            message = f"no end after {self.timeout:g} s"
        except OSError as error:
            message = str(error)
        return StepResult(step.name, step.option, code, round(time.monotonic() - start, 4), message)

    def load(self) -> None:
        """Take up what the state file of an earlier run says; an unreadable one is logged and forgotten."""
        try:
            known = State.from_json(json.loads(self.state_file.read_text()))
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log(ERROR, f"cannot read {self.state_file}: {error}")
            return
        # A group that is no longer declared must not count as another primary.
        self.known = State(
            {name: state for name, state in known.groups.items() if name in self.groups},
            {name: since for name, since in known.since.items() if name in self.groups},
            known.pending if known.pending in self.groups else None,
            known.steps,
        )

    def save(self) -> None:
        """Replace the state file at once, so that a reader never sees half of it."""
        new = self.state_file.with_suffix(".new")
        new.write_text(json.dumps(self.known.to_json(), indent=1) + "\n")
        new.replace(self.state_file)
        notify_systemd(f"STATUS={self.known.state}{', incomplete' if self.known.pending else ''}")

    def handle(self, line: str) -> None:
        event = parse_event(line)
        if event is None:
            return
        if event.group is not None and event.group not in self.groups:
            log(WARNING, f"'{event.group}' is no group of this node: {line}")
            return
        steps = plan_event(self.known, event, time.time())
        if steps:
            log(NOTICE, f"{line}: {len(steps)} steps")
        self.carry_out(steps)

    def carry_out(self, steps: tuple[Step, ...]) -> None:
        """Run the steps; what failed, or is cut off here, stays pending."""
        if not steps and self.known.pending is None:
            return
        self.save()
        results = run_steps(steps, self.run_step, lambda: time.sleep(0.3))
        log_steps(results)
        self.known.steps = results
        if all(result.ok for result in results):
            self.known.pending = None
        else:
            log(ERROR, f"{self.known.state}: the transition is incomplete, flows may be lost")
        self.save()

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
            log(NOTICE, f"{pending} {self.known.groups[pending]}: carried out again after a restart")
            self.carry_out(plan_transition(self.known.groups, pending))
        else:
            self.save()
        while True:
            self.handle(read_line(descriptor))


def read_line(descriptor: int) -> str:
    """Read one line, and not a byte more."""
    line = b""
    while True:
        byte = os.read(descriptor, 1)
        if byte == b"\n":
            return line.decode(errors="replace").strip()
        line += byte


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="pair-state", description="Carry out a firewall's transitions in their order."
    )
    parser.add_argument("--fifo", type=Path, default=Path("/run/pair-state/notify"))
    parser.add_argument("--state-file", type=Path, default=Path("/run/pair-state/state.json"))
    parser.add_argument(
        "--conntrackd", nargs="+", default=["/usr/sbin/conntrackd"], help="the client command"
    )
    parser.add_argument("--group", action="append", required=True, help="a sync group of keepalived")
    parser.add_argument("--timeout", type=float, default=30, help="seconds for one step")
    chosen = parser.parse_args()
    Program(chosen.fifo, chosen.state_file, chosen.conntrackd, chosen.group, chosen.timeout).run()


if __name__ == "__main__":
    main()
