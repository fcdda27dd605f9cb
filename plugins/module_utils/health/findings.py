# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ails one firewall, from its facts alone. Pure code; the facts are those of pair_health_node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ERROR, WARNING = "error", "warning"
FULL = 0.9
STALL_SECONDS = 5
SAMPLES = 2
"""How many earlier checks' counters are kept: a counter's growth is a finding for one to two intervals."""

GROWING = {
    "lost": ("messages-lost", "messages of the peer were lost on the way and had to be sent again"),
    "overruns": ("queue-overrun", "times the kernel's events came faster than conntrackd takes them"),
    "no_space": ("queue-overrun", "messages found no space in a queue of conntrackd"),
}


@dataclass(frozen=True)
class Finding:
    """What is wrong. An error means that the pair, or its next failover, is at risk as it stands."""

    id: str
    severity: str
    message: str

    def to_json(self) -> dict[str, str]:
        return {"id": self.id, "severity": self.severity, "message": self.message}


Facts = Mapping[str, Any]


def find(facts: Facts, samples: Sequence[Mapping[str, int]] = ()) -> list[Finding]:
    """All that is wrong, in the order in which one would look at it.

    `samples` are the counters of earlier checks, the oldest first.
    """
    return [
        *_daemons(facts),
        *_vrrp(facts),
        *_links(facts),
        *_cards(facts),
        *_replication(facts),
        *_growing(facts, samples),
        *_table(facts),
        *_flows(facts),
        *_ruleset(facts),
        *balancer_findings(facts["balancers"]),
        *_units(facts),
    ]


def sample(facts: Facts) -> dict[str, int] | None:
    """The counters to keep for the next check."""
    counters = facts["replication"]
    return None if counters is None else {name: counters[name] for name in GROWING}


def _daemons(facts: Facts) -> Iterator[Finding]:
    for name, active in facts["units"].items():
        if not active:
            yield Finding(f"{name}-down", ERROR, f"{name} does not run")
        elif name in facts["stopped"]:
            yield Finding(f"{name}-stopped", ERROR, f"{name} runs, but is stopped (as by SIGSTOP)")
        elif name == "conntrackd" and facts["conntrackd"] is None:
            yield Finding(
                "conntrackd-mute", ERROR, f"conntrackd runs, but does not answer: {facts['conntrackd_error']}"
            )


def _vrrp(facts: Facts) -> Iterator[Finding]:
    state, groups, pending = (facts["vrrp"][key] for key in ("state", "groups", "pending"))
    held = facts["virtual_addresses"]
    if state == "FAULT":
        yield Finding(
            "vrrp-fault", ERROR, "VRRP is in state FAULT: keepalived misses a link or a script failed"
        )
    if facts["vrrp"]["left"] is not None:
        # Under way: the program is in its steps, and has not read yet what keepalived has told since.
        return
    if pending is not None:
        words = f"the transition of '{pending}' to {state} is not complete, and nothing of it is under way"
        yield Finding("transition-incomplete", ERROR, words)
    masters = [name for name, known in groups.items() if known == "MASTER"]
    if held and not masters:
        yield Finding(
            "addresses", ERROR, f"the kernel has {', '.join(held)}, though the VRRP state is {state}"
        )
    if masters and not held:
        yield Finding("addresses", ERROR, "the VRRP state is MASTER, but the kernel has no virtual address")


def _links(facts: Facts) -> Iterator[Finding]:
    for link in facts["links"]:
        if not link["carrier"]:
            yield Finding("sync-link-down", ERROR, f"replication link {link['interface']} has no carrier")


def _cards(facts: Facts) -> Iterator[Finding]:
    for sentence in facts["names"]:
        yield Finding("card-name", ERROR, f"{sentence}: no data card is configured")
    for sentence in facts["cards"]:
        yield Finding("card-deaf", ERROR, sentence)
    for sentence in facts["duplicates"]:
        yield Finding("duplicate-address", ERROR, sentence)


def _replication(facts: Facts) -> Iterator[Finding]:
    counters = facts["replication"]
    silent = counters["silent_seconds"] if counters else None
    if silent is not None and silent >= STALL_SECONDS:
        yield Finding(
            "replication-stalled",
            ERROR,
            f"conntrackd runs, but nothing has arrived from {facts['peer']} for {_seconds(silent)}",
        )


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"


def _growing(facts: Facts, samples: Sequence[Mapping[str, int]]) -> Iterator[Finding]:
    counters = facts["replication"]
    if counters is None or not samples:
        return
    for name, (identity, words) in GROWING.items():
        # a daemon that was started again counts from 0
        before = samples[0].get(name, 0)
        grown = counters[name] - (before if counters[name] >= before else 0)
        if grown:
            yield Finding(identity, WARNING, f"{grown} {words}")


def _table(facts: Facts) -> Iterator[Finding]:
    count, maximum = facts["entries"]["kernel"], facts["entries"]["maximum"]
    if count is not None and maximum and count > FULL * maximum:
        yield Finding(
            "table-full", WARNING, f"the connection tracking table has {count} entries, {maximum} fit"
        )


def _flows(facts: Facts) -> Iterator[Finding]:
    flows = facts["flows"]
    # None where they were not asked for; without conntrackd that is the finding
    if flows is not None and flows["why"] is not None and facts["conntrackd"] is not None:
        yield Finding("flows-unknown", WARNING, f"its flows can't be told: {flows['why']}")


def _ruleset(facts: Facts) -> Iterator[Finding]:
    ruleset = facts["ruleset"]
    if not ruleset["loaded"]:
        yield Finding("ruleset-missing", ERROR, f"the kernel has no table inet ftfw: {ruleset['why']}")
    elif ruleset["same"] is None:
        words = f"whether the kernel has the ruleset file's table can't be told: {ruleset['why']}"
        yield Finding("ruleset-unknown", WARNING, words)
    elif not ruleset["same"]:
        yield Finding("ruleset-changed", ERROR, "the kernel's table inet ftfw is not the ruleset file's")


def balancer_findings(balancers: Sequence[Facts]) -> Iterator[Finding]:
    """Of what pair-balance says."""
    for words in dict.fromkeys(one["problem"] for one in balancers if one["problem"]):
        yield Finding("balancer-maps", ERROR, f"who answers can't be written into the ruleset: {words}")
    for one in balancers:
        if not one["quorum"]:
            yield Finding("balancer-quorum", ERROR, f"balancer {one['name']} {_lacking(one)}")
        for server in (each for each in one["servers"] if not each["up"]):
            words = f"{server['name']} is down: {server['reason']}"
            yield Finding("balancer-server", WARNING, f"balancer {one['name']}: {words}")
        takers = [each for each in one["servers"] if each["up"] and not each["drained"]]
        # an earlier version says nothing of limits, and of a sorry server
        if takers and all(each.get("full") for each in takers):
            instead = f"{one['sorry']} answers" if one["sorry"] else "new flows are refused"
            words = f"all servers have as many flows as they may; {instead}"
            yield Finding("balancer-full", WARNING, f"balancer {one['name']}: {words}")
        sorry = one.get("sorry_server")
        if sorry and not sorry["up"]:
            words = f"the sorry server {sorry['address']} is down: {sorry['reason']}"
            yield Finding("balancer-sorry", WARNING, f"balancer {one['name']}: {words}")


def _lacking(balancer: Facts) -> str:
    if not balancer["alive"] and not balancer["sorry"]:
        return "has no server left"
    instead = f"{balancer['sorry']} answers" if balancer["sorry"] else "whoever is left answers"
    return f"has lost its quorum: {balancer['alive']} of {balancer['needed']}; {instead}"


def _units(facts: Facts) -> Iterator[Finding]:
    if facts["failed_units"] is None:
        yield Finding("units-unknown", WARNING, "whether a unit has failed can't be told")
    for name in facts["failed_units"] or []:
        yield Finding("unit-failed", WARNING, f"unit {name} has failed")


def changes(
    before: Mapping[str, Mapping[str, str]], now: Sequence[Finding]
) -> tuple[list[Finding], list[Mapping[str, str]]]:
    """What is new since the last check, and what is gone.

    A finding is the same as long as it is about the same. `before` is keyed as `keyed` does it.
    """
    current = keyed(now)
    return (
        [finding for key, finding in current.items() if key not in before],
        [finding for key, finding in before.items() if key not in current],
    )


def keyed(findings: Sequence[Finding]) -> dict[str, Finding]:
    """Numbers in a sentence change from check to check, its subject doesn't."""
    return {_key(finding): finding for finding in reversed(findings)}


def _key(finding: Finding) -> str:
    if finding.id in COUNTED:
        return finding.id
    digits = str.maketrans("", "", "" if finding.id in NUMBERED else "0123456789.")
    return f"{finding.id} {finding.message.translate(digits)}"


NUMBERED = frozenset(("duplicate-address",))
"""The numbers are the subject."""
COUNTED = frozenset(
    (
        "messages-lost",
        "queue-overrun",
        "table-full",
        "replication-stalled",
        "conntrackd-mute",
        "node-unreachable",
    )
)
