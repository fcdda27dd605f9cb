# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges a fault of a drill: what was expected, what was seen, and whether that is good. Pure code."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.drill_holders import (
    Held,
    overlap_ms,
    up_to,
    without,
)

Check = dict[str, Any]
UNKNOWN = "unknown"
EQUAL = "caches-differ", "flows-unknown"
FAILED_UNIT = "unit-failed", "units-unknown"
"""What is wrong, and that it could not be seen."""
GAP = "longest gap of the UDP stream"
USUAL_RATE = 1000
"""Datagrams a second of the stream that the bounds of a table are for."""
PAUSE_MS = 10
"""How far a gap may be from the pause of its sender that it is taken for, when nothing was lost."""


Counts = Mapping[str, int] | None
"""Packets by the name of a counter."""


@dataclass(frozen=True)
class Seen:
    """What was seen of one fault.

    `client` and `server` are what `flow_probe` has collected there, `held` each node's time with virtual
    addresses, `fault_at` and `undo_at` seconds since the epoch. `findings` and `primary` are of the last look
    at the pair, `healthy_after` the seconds from the undo until nothing was wrong, None when the time was
    over before. `silent` are nodes that stand still during the fault; when they are `gone`, they come back
    as if they had never held anything. `warned` are the kinds of findings that were there before the fault.
    `counts` are what the ruleset's counters had before the fault and have afterwards, None for what could not
    be seen; of nodes that have not started anew meanwhile.
    """

    nodes: Sequence[str]
    before: str
    primary: str | None
    holders: str
    findings: Sequence[Mapping[str, Any]]
    healthy_after: float | None
    client: Mapping[str, Any]
    server: Mapping[str, Any]
    held: Mapping[str, Held]
    fault_at: float | None
    undo_at: float | None
    silent: Sequence[str] = ()
    gone: bool = False
    preferred: str = ""
    preempts: bool = False
    """The preferred node takes its role back, before the last look or after it: once more than without."""
    warned: Sequence[str] = ()
    late: Mapping[str, Any] = field(default_factory=dict)
    late_count: int = 0
    gratuitous_arps: Mapping[str, int | None] = field(default_factory=dict)
    counts: Mapping[str, tuple[Counts, Counts]] = field(default_factory=dict)
    rate: int = USUAL_RATE
    """Datagrams a second that the stream was to have."""


ADVERTS = 4
"""Within so many a backup has taken over (RFC 9568, section 6.1: three intervals and a skew)."""
_OF_A_TAKEOVER = ("gap_ms", "lost", "overlap_ms", "overlap_after_ms")
_OF_TIME = (*_OF_A_TAKEOVER, "healthy_s")


def for_site(
    expect: Mapping[str, Any], *, interval: float, usual: float, rate: int = USUAL_RATE, slack: int = 1
) -> dict[str, Any]:
    """Make the bounds of a table those of a site.

    With adverts every `interval` seconds instead of `usual` ones a takeover takes longer. `slack` is how many
    times longer everything may take, as where machines are emulated. Of a stream of `rate` datagrams a second
    fewer are lost, and what it shows of a gap is one of its own intervals longer. A bound of 0 stays: what
    must not be at all depends on none of these.
    """
    longer = round(max(0.0, interval - usual) * 1000 * ADVERTS)
    bounds = dict(expect)
    for key in _OF_TIME:
        if bounds.get(key):
            bounds[key] = (bounds[key] + (longer if key in _OF_A_TAKEOVER else 0)) * slack
    if bounds.get("lost"):
        bounds["lost"] = math.ceil(bounds["lost"] * rate / USUAL_RATE)
    if bounds.get("gap_ms"):
        bounds["gap_ms"] += round(1000 / rate - 1000 / USUAL_RATE)
    return bounds


def judge(expect: Mapping[str, Any], seen: Seen) -> list[Check]:
    """Make a check of each expectation; one that could not be seen has failed."""
    wanted = {key: value for key, value in expect.items() if value is not None}
    return [*_roles(wanted, seen), *_traffic(wanted, seen), *_pair(wanted, seen), *_special(wanted, seen)]


def check(name: str, expected: str, seen: str, ok: bool) -> Check:
    return {"name": name, "expected": expected, "seen": seen, "ok": ok}


def at_most(name: str, most: float, value: float | None, unit: str = "", detail: str = "") -> Check:
    if value is None:
        return check(name, f"at most {most:g}{unit}", UNKNOWN, False)
    return check(name, f"at most {most:g}{unit}", f"{value:g}{unit}{detail}", value <= most)


def _roles(wanted: Mapping[str, Any], seen: Seen) -> Iterator[Check]:
    """Who is primary afterwards, how often the role went over, and whether two had it at a time."""
    other = next((node for node in seen.nodes if node != seen.before), "")
    after = {
        "changed": other,
        "unchanged": seen.before,
        "backup_or_changed": next((node for node in seen.nodes if node != seen.preferred), ""),
    }.get(wanted.get("primary", "any"))
    if seen.preempts:
        after = None
    expected = f"all on {after}" if after else "all on one node"
    yield check(
        "virtual addresses afterwards",
        expected,
        f"all on {seen.primary}" if seen.primary else seen.holders,
        seen.primary is not None and (after is None or seen.primary == after),
    )
    if "takeovers" in wanted:
        most = wanted["takeovers"] * (2 if seen.preempts else 1)
        yield at_most("takeovers", most, takeovers(seen))
    if "overlap_ms" in wanted:
        yield at_most("two nodes have virtual addresses", wanted["overlap_ms"], overlap(seen, False), " ms")
    if "overlap_after_ms" in wanted:
        yield at_most(
            "the same after the end of the fault", wanted["overlap_after_ms"], overlap(seen, True), " ms"
        )


def takeovers(seen: Seen) -> int | None:
    """How often a node has taken the addresses since the fault."""
    if seen.fault_at is None or set(seen.held) != set(seen.nodes):
        return None
    return sum(at >= seen.fault_at for held in seen.held.values() for at in held.taken)


def overlap(seen: Seen, after: bool) -> float | None:
    """Milliseconds with two holders: from the fault to its end, or from there on."""
    if seen.fault_at is None or seen.undo_at is None or set(seen.held) != set(seen.nodes):
        return None
    still = (seen.fault_at, seen.undo_at)

    def answering(node: str, held: Held) -> Held:
        if node not in seen.silent:
            return held
        return up_to(held, seen.fault_at or 0.0) if seen.gone else without(held, still)

    one, other = (answering(node, held) for node, held in seen.held.items())
    begin, end = (seen.undo_at, float("inf")) if after else still
    return overlap_ms(one, other, begin, end)


def flows(*probes: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    return [flow for probe in probes for flow in probe.get("flows") or [] if flow["kind"] == kind]


def _traffic(wanted: Mapping[str, Any], seen: Seen) -> Iterator[Check]:
    for name, probe in (("client", seen.client), ("server", seen.server)):
        if probe and not probe.get("flows"):
            yield check(f"the {name}'s probe", "tells", str(probe.get("msg") or "nothing"), False)
    sessions = flows(seen.client, seen.server, kind="tcp")
    streams = flows(seen.client, seen.server, kind="udp")
    fresh = flows(seen.client, seen.server, kind="connect")
    if wanted.get("flows") == "all":
        count = sum(flow["count"] for flow in sessions)
        alive = sum(flow["survivors"] for flow in sessions)
        yield check("TCP flows that survive", f"all {count}", str(alive), 0 < count == alive)
    if "resets" in wanted:
        yield at_most(
            "resets", wanted["resets"], sum(flow["resets"] for flow in sessions) if sessions else None
        )
    if "gap_ms" in wanted:
        yield _gap(wanted["gap_ms"], streams)
    if "lost" in wanted:
        yield _lost(wanted["lost"], streams, seen.rate)
    if "failed_connections" in wanted:
        failed = [
            sum(flow[how] for how in ("refused", "resets", "timeouts") if flow[how] is not None)
            for flow in fresh
        ]
        yield at_most(
            "new connections that fail", wanted["failed_connections"], sum(failed) if fresh else None
        )
    if wanted.get("reachable"):
        through = bool(fresh) and all(flow["survivors"] for flow in fresh)
        yield check("new connections at the end", "pass", "pass" if through else "do not pass", through)


def _gap(most: float, streams: Sequence[Mapping[str, Any]]) -> Check:
    """The longest gap. What its sender has paused for is no gap of the pair's, and told instead."""
    gaps, judged, paused = [], [0.0], 0.0
    for way in (way for flow in streams for way in (flow["up"], flow["down"])):
        gap, stall = way["longest_gap_ms"], way.get("sender_stall_ms") or 0.0
        if gap is None:
            return at_most(GAP, most, None, " ms")
        own = stall > gap / 2 and abs(gap - stall) <= PAUSE_MS and not way["lost"]
        gaps.append(gap)
        judged += [] if own else [gap]
        paused = max(paused, stall)
    if not gaps:
        return at_most(GAP, most, None, " ms")
    told = f" (a sender itself paused for {paused:g} ms)" if paused > most / 2 else ""
    return check(GAP, f"at most {most:g} ms", f"{max(gaps):g} ms{told}", max(judged) <= most)


def _lost(most: float, streams: Sequence[Mapping[str, Any]], rate: int) -> Check:
    lost = [way["lost"] for flow in streams for way in (flow["up"], flow["down"])]
    known = bool(lost) and None not in lost
    return at_most(f"datagrams lost, of {rate} a second each way", most, max(lost) if known else None)


def _pair(wanted: Mapping[str, Any], seen: Seen) -> Iterator[Check]:
    """What the last look at the pair tells."""
    told = "; ".join(str(finding["message"]) for finding in seen.findings)
    if "healthy_s" in wanted:
        after = seen.healthy_after
        yield check(
            "nothing is wrong with the pair",
            f"within {wanted['healthy_s']} s",
            f"after {after:g} s" if after is not None else told or UNKNOWN,
            after is not None and after <= wanted["healthy_s"],
        )
    for name, kinds in (("both nodes have the same flows", EQUAL), ("no unit has failed", FAILED_UNIT)):
        found = [finding for finding in seen.findings if finding["id"] in kinds]
        messages = [str(finding["message"]) for finding in found]
        wrong, _unseen = kinds
        before = bool(found) and wrong in seen.warned and all(finding["id"] == wrong for finding in found)
        words = "; ".join(messages)
        good = not messages or before
        yield check(name, "yes", f"as before: {words}" if before else words or "yes", good)
    if seen.counts:
        lost = "; ".join(words for node, counts in seen.counts.items() for words in _fewer(node, *counts))
        yield check("the ruleset's counters go on", "yes", lost or "yes", not lost)


def _fewer(node: str, before: Counts, after: Counts) -> Iterator[str]:
    if before is None or after is None:
        yield f"those of {node} are {UNKNOWN}"
        return
    for name, count in before.items():
        if after.get(name, 0) < count:
            yield f"{name} of {node} had {count} packets, and has {after.get(name, 'none')}"


def _special(wanted: Mapping[str, Any], seen: Seen) -> Iterator[Check]:
    if wanted.get("late_arrive"):
        replicated, missing = seen.late.get("replicated"), seen.late.get("missing_count")
        if replicated is None or missing is None:
            told, arrived = str(seen.late.get("msg") or UNKNOWN), False
        else:
            told = f"{missing} of {replicated} are missing"
            arrived = missing == 0 and replicated >= max(1, seen.late_count)
        yield check(
            "flows that began meanwhile arrive",
            f"all, {seen.late_count} at least",
            told,
            arrived,
        )
    if wanted.get("gratuitous_arp"):
        sent = seen.gratuitous_arps.get(seen.primary or "")
        yield check(
            "gratuitous ARP after the end of the fault",
            "sent by the primary",
            UNKNOWN if sent is None else f"{sent} frames",
            bool(sent),
        )


def passed(checks: Iterable[Check]) -> bool:
    """A fault without a check has proved nothing."""
    results = [one["ok"] for one in checks]
    return bool(results) and all(results)
