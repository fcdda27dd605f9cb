# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a firewall does at a transition: which steps, in which order, and why. program.py carries it out.

Replication has two modes. With the external cache the peer's flows wait in conntrackd, and a new primary
commits them to the kernel; until that is done a gate keeps packets out. With direct injection they are in the
kernel's table already, and a new primary only has to call them its own.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.nft.names import FAMILY, GATE, OFFLOAD_SHUT, TABLE

MASTER, BACKUP, FAULT, STOP = "MASTER", "BACKUP", "FAULT", "STOP"
STATES = (MASTER, BACKUP, FAULT, STOP)

DIRECT, EXTERNAL = "direct", "external"
MODES = (DIRECT, EXTERNAL)


@dataclass(frozen=True)
class Step:
    """One command: of conntrackd's client with `option`, or of nft with `nft`."""

    name: str
    option: str | None = None
    nft: str | None = None
    needs: str | None = None
    """The step without whose success this one would do harm."""
    tries: int = 1

    @property
    def command(self) -> str:
        return f"nft {self.nft}" if self.nft else f"conntrackd {self.option}"


COMMIT = Step("commit the external cache", "-c", tries=3)
# After a failed commit the external cache holds the only copy of the flows.
FLUSH = Step("flush the caches", "-f", needs=COMMIT.name)
RESYNC = Step("read the kernel's table", "-R")
BULK = Step("send all flows to the peer", "-B")
# conntrackd forgets this timer at the next commit.
PURGE = Step("schedule the purge of the kernel's table", "-t")
REQUEST = Step("request all flows from the peer", "-n")
# The entries stay in the kernel. A daemon that still thought them its own would tell the peer, when one
# expires here for want of packets, to destroy the entry that is in use there.
DISOWN = Step("leave the flows to the peer", "-f internal")
# The gate is a set of interfaces. Elements in it are closed: so it is closed when the ruleset is loaded.
OPEN = Step("open the gate", nft=f"flush set {FAMILY} {TABLE} {GATE}")


# An offloaded flow tells neither state nor timeout: whoever would read it then could not
# replicate it. A set as the gate is.
_SHUT = f"{FAMILY} {TABLE} {OFFLOAD_SHUT}"
OFFLOAD = Step("let flows be offloaded", nft=f"flush set {_SHUT}", needs=RESYNC.name)


def keep_from_offload(interfaces: tuple[str, ...]) -> Step:
    """Let no more flows of these interfaces be offloaded."""
    elements = ", ".join(f'"{name}"' for name in interfaces)
    return Step("let no flow be offloaded", nft=f"add element {_SHUT} {{ {elements} }}")


def close_gate(interfaces: tuple[str, ...]) -> Step:
    """Keep packets off these interfaces until the next commit."""
    elements = ", ".join(f'"{name}"' for name in interfaces)
    return Step("close the gate", nft=f"add element {FAMILY} {TABLE} {GATE} {{ {elements} }}")


@dataclass(frozen=True)
class Policy:
    """How this node replicates. Times in seconds."""

    mode: str = DIRECT
    gate: tuple[str, ...] = ()
    """Interfaces of the gate; none means that there is no gate."""
    settle: float = 2.0
    """What neighbours still send here, after the virtual addresses have left, is forwarded for so long."""
    refresh: float = 60.0
    """A primary sends all its flows so often (direct injection); 0 is never."""
    offload: tuple[str, ...] = ()
    """Interfaces whose flows may be offloaded."""


@dataclass(frozen=True)
class Event:
    """What a line of the FIFO says; without a group: a daemon has started, or a ruleset was loaded."""

    group: str | None
    state: str


STARTED, LOADED, HEARD = "started", "loaded", "heard"
_LINES = {
    "CONNTRACKD started": Event(None, STARTED),
    "RULESET loaded": Event(None, LOADED),
    "PEER heard": Event(None, HEARD),
}
_GROUP = re.compile(r'GROUP "([^"]+)" (\w+)(?: -?\d+)?\Z')


def parse_event(line: str) -> Event | None:
    """Parse a line; None for one that is no concern of ours (instances, priorities)."""
    if line in _LINES:
        return _LINES[line]
    match = _GROUP.match(line)
    if match and match.group(2) in STATES:
        return Event(match.group(1), match.group(2))
    return None


@dataclass
class StepResult:
    """How a step went; an exit code of None means that it did not end, or could not start."""

    name: str
    command: str
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
    """The group whose last transition is not complete: cut off, waiting, or a step of it failed."""
    steps: list[StepResult] = field(default_factory=list)
    deadline: float | None = None
    """When what is pending is over at the latest (CLOCK_MONOTONIC, seconds); None once a step has failed."""

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
            "deadline": self.deadline,
            "steps": [asdict(step) for step in self.steps],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> State:
        names = {item.name for item in fields(StepResult)}
        # an earlier version's steps are history only, and its groups are not
        steps = [StepResult(**step) for step in data["steps"] if set(step) == names]
        # an earlier version said no deadline
        return cls(dict(data["groups"]), dict(data["since"]), data["pending"], steps, data.get("deadline"))

    def of(self, groups: Collection[str]) -> State:
        """What is about these groups: one that is no longer declared must not count as another primary."""
        pending = self.pending if self.pending in groups else None
        return State(
            {name: state for name, state in self.groups.items() if name in groups},
            {name: since for name, since in self.since.items() if name in groups},
            pending,
            self.steps,
            self.deadline if pending else None,
        )


@dataclass(frozen=True)
class Plan:
    """Steps, and the seconds to wait before them. A transition that comes meanwhile takes their place."""

    steps: tuple[Step, ...] = ()
    delay: float = 0.0


def plan_transition(policy: Policy, groups: dict[str, str], group: str) -> Plan:
    """The steps for `group`, whose new state is in `groups` already.

    conntrackd's caches and the kernel's table are the node's, not the group's: while another group is MASTER
    nothing is flushed.
    """
    state = groups[group]
    another_master = any(other == MASTER for name, other in groups.items() if name != group)
    gate_open = (OPEN,) if policy.gate else ()
    gate_close = (close_gate(policy.gate),) if policy.gate else ()
    offload = (OFFLOAD,) if policy.offload else ()
    keep = (keep_from_offload(policy.offload),) if policy.offload else ()
    if policy.mode == DIRECT:
        if state == MASTER:
            # The peer asks for all flows once it has given up its own. Sent before, they would put its
            # expectations in the place of themselves, and it would tell this node that its own are gone.
            return Plan((RESYNC, *offload))
        request = (REQUEST,) if state == BACKUP else ()
        return Plan(request if another_master else (*keep, DISOWN, *request), policy.settle)
    if state == MASTER:
        return Plan((COMMIT,) if another_master else (COMMIT, *gate_open, FLUSH, RESYNC, *offload, BULK))
    if another_master:
        return Plan((REQUEST,) if state == BACKUP else ())
    return Plan((PURGE, *((REQUEST,) if state == BACKUP else ()), *gate_close, *keep), policy.settle)


def plan_event(policy: Policy, known: State, event: Event, now: float) -> Plan:
    """Note what the event says in `known`, and return what it asks for."""
    if event.state == LOADED:
        return plan_opening(policy, known)
    if event.state == HEARD:
        return _plan_heard(policy, known)
    if event.group is None:
        return _plan_start(policy, known)
    if known.groups.get(event.group) == event.state and known.pending != event.group:
        # keepalived repeats the states when it reloads.
        return Plan()
    if known.groups.get(event.group) != event.state:
        known.since[event.group] = now
    known.groups[event.group] = event.state
    known.pending = event.group
    return plan_transition(policy, known.groups, event.group)


def plan_opening(policy: Policy, known: State) -> Plan:
    """What opens the gate of a primary: it is shut when the ruleset is loaded, and where it is new.

    So is offload: no more flows are offloaded then, so that all can be read. A transition that is not
    complete is carried out again, for its end is noted with that of these steps.
    """
    if not (policy.gate or policy.offload) or known.state != MASTER:
        return Plan()
    again = plan_transition(policy, known.groups, known.pending).steps if known.pending is not None else ()
    gate_open = (OPEN,) if policy.gate and OPEN not in again else ()
    offload = (RESYNC, OFFLOAD) if policy.offload and OFFLOAD not in again else ()
    return Plan((*gate_open, *again, *offload))


def _plan_start(policy: Policy, known: State) -> Plan:
    """conntrackd has started: what it found in the kernel it takes for its own.

    It reads the table first and listens to the kernel only then. A flow that began in between it knows by the
    second reading.
    """
    if known.pending is not None:
        plan = plan_transition(policy, known.groups, known.pending)
        if policy.mode == DIRECT and DISOWN in plan.steps:
            return Plan(plan.steps)
        return plan
    if known.state == MASTER:
        return Plan((RESYNC, BULK))
    return Plan((DISOWN,)) if policy.mode == DIRECT else Plan()


def _plan_heard(policy: Policy, known: State) -> Plan:
    """Messages were lost meanwhile; of an external cache nobody else would notice what it lacks."""
    if policy.mode == EXTERNAL and known.state == MASTER and known.pending is None:
        return Plan((BULK,))
    return plan_refresh(policy, known)


def plan_refresh(policy: Policy, known: State) -> Plan:
    """What is to be done every `refresh` seconds, and with direct injection when the peer is heard again.

    The backup's kernel sees no packet of the flows it was given: those of UDP would expire there in minutes.
    The kernel's table is read before, for flows that a second primary has injected here are nobody's own.
    """
    if policy.mode == DIRECT and known.state == MASTER and known.pending is None:
        return Plan((RESYNC, BULK))
    return Plan()
