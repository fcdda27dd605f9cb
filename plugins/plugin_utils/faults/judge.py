# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges a fault of a drill: what was expected, what was seen, and whether that is good. Pure code."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.faults import balanced
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.checks import (
    UNKNOWN,
    FaultCheck,
    at_most,
    check,
    flows,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.holders import (
    Held,
    overlap_ms,
    up_to,
    without,
)

EQUAL = "caches-differ", "flows-unknown"
FAILED_UNIT = "unit-failed", "units-unknown"
"""What is wrong, and that it could not be seen."""
COUNT = re.compile(r": at least \d+$")
"""Of a finding about flows: how many there are changes from look to look."""
ADVERTISED = "unsolicited neighbour advertisements"
STREAM, FORWARDED = "UDP stream", "forwarded UDP stream"
"""The client's to the server, and the server's to the virtual address."""
USUAL_RATE = 1000
"""Datagrams a second of the stream that the bounds of a table are for."""
PAUSE_MS = 10
"""How much longer a gap may be than the pause of its sender that it is taken for, when nothing was lost.

It may be shorter: what was sent before the pause has come late to one that is as busy.
"""


Counts = Mapping[str, int] | None
"""Packets by the name of a counter."""


@dataclass(frozen=True)
class FaultSeen:
    """What was seen of one fault.

    `client` and `server` are what `flow_probe` has collected there, `held` each node's time with virtual
    addresses, `fault_at` and `undo_at` seconds since the epoch. `primary` is of the last look at the pair,
    `healthy` and `findings` have one of each time that the fault was made, in order: the seconds from its
    undo, or from when a node that is `gone` could be reached again, until nothing was wrong (None when the
    time was over before), and what the last look after it has found. `silent` are nodes that stand still
    during the fault; when they are `gone`, they come back as if they had never held anything. `warned` are
    the findings that were there before the fault. `counts` are what the ruleset's counters had before the
    fault and have afterwards, None for what could not be seen; of nodes that have not started anew meanwhile.
    """

    nodes: Sequence[str]
    before: str
    primary: str | None
    holders: str
    findings: Sequence[Sequence[Mapping[str, Any]]]
    healthy: Sequence[float | None]
    client: Mapping[str, Any]
    server: Mapping[str, Any]
    held: Mapping[str, Held]
    fault_at: float | None
    undo_at: float | None
    silent: Sequence[str] = ()
    gone: bool = False
    preferred: str = ""
    preempts: bool = False
    """The preferred node takes its role back after each fault, before the look or after it."""
    warned: Sequence[Mapping[str, Any]] = ()
    late: Mapping[str, Any] = field(default_factory=dict)
    late_count: int = 0
    announcements: Mapping[str, int | None] = field(default_factory=dict)
    """Frames from the end of the fault on, by which a node has announced virtual addresses."""
    announced_by: str = "gratuitous ARP"
    advertisements: Mapping[str, int | None] | None = None
    """The same of IPv6, where a node has virtual addresses of both families."""
    counts: Mapping[str, tuple[Counts, Counts]] = field(default_factory=dict)
    rate: int = USUAL_RATE
    """Datagrams a second that the stream was to have."""
    known_after: float = 0
    """Within so many seconds a balancer's server that answers no more is known."""


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


def judge(expect: Mapping[str, Any], seen: FaultSeen) -> list[FaultCheck]:
    """Make a check of each expectation; one that could not be seen has failed."""
    wanted = {key: value for key, value in expect.items() if value is not None}
    return [*_roles(wanted, seen), *_traffic(wanted, seen), *_pair(wanted, seen), *_special(wanted, seen)]


def _roles(wanted: Mapping[str, Any], seen: FaultSeen) -> Iterator[FaultCheck]:
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
        # where nobody takes it back, what returns is backup, and the next time moves nothing
        most = wanted["takeovers"] * (2 * len(seen.healthy) if seen.preempts else 1)
        yield at_most("takeovers", most, takeovers(seen))
    if "overlap_ms" in wanted:
        yield at_most("two nodes have virtual addresses", wanted["overlap_ms"], overlap(seen, False), " ms")
    if "overlap_after_ms" in wanted:
        yield at_most(
            "the same after the end of the fault", wanted["overlap_after_ms"], overlap(seen, True), " ms"
        )


def takeovers(seen: FaultSeen) -> int | None:
    """How often a node has taken the addresses since the fault."""
    if seen.fault_at is None or set(seen.held) != set(seen.nodes):
        return None
    return sum(at >= seen.fault_at for held in seen.held.values() for at in held.taken)


def overlap(seen: FaultSeen, after: bool) -> float | None:
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


def download_checks(every: bool, downloads: Sequence[Mapping[str, Any]]) -> Iterator[FaultCheck]:
    """Judge FTP: one that has ended is whole, and where `every` one has to end, each session has had two."""
    ended = [one["ok"] for flow in downloads for session in flow["transfers"] for one in session]
    right, due = sum(ended), sum(2 * flow["count"] for flow in downloads)
    why = "; ".join(dict.fromkeys(how for flow in downloads for how in flow["happened"]))
    told = f"{right} of {due if every else len(ended)}" + (f" ({why})" if why else "")
    if every:
        yield check("FTP downloads with the right checksum", f"all {due}", told, 0 < due == right)
    else:
        yield check("FTP downloads that have ended", "with the right checksum", told, right == len(ended))


def _traffic(wanted: Mapping[str, Any], seen: FaultSeen) -> Iterator[FaultCheck]:
    """Judge each family's flows by themselves: one must not hide behind the other."""
    for name, probe in (("client", seen.client), ("server", seen.server)):
        if probe and not probe.get("flows"):
            yield check(f"the {name}'s probe", "tells", str(probe.get("msg") or "nothing"), False)
    families = sorted(
        {_family(flow) for probe in (seen.client, seen.server) for flow in probe.get("flows") or []}
    )
    for family in families or [4]:
        client, server = (
            {**probe, "flows": [flow for flow in probe.get("flows") or [] if _family(flow) == family]}
            for probe in (seen.client, seen.server)
        )
        for one in (
            *_traffic_of_family(wanted, client, server, seen.rate),
            *balanced.judge_balanced(wanted, client, seen.known_after),
        ):
            second = family in families[1:]
            yield {**one, "name": one["name"] + (f" (IPv{family})" if second else "")}


def _family(flow: Mapping[str, Any]) -> int:
    return 6 if ":" in str(flow.get("target", "")) else 4


def _traffic_of_family(
    wanted: Mapping[str, Any], client: Mapping[str, Any], server: Mapping[str, Any], rate: int
) -> Iterator[FaultCheck]:
    sessions = flows(client, server, kind="tcp")
    streams = {STREAM: flows(client, kind="udp"), FORWARDED: flows(server, kind="udp")}
    if not streams[FORWARDED]:
        del streams[FORWARDED]
    fresh = flows(client, server, kind="connect")
    if wanted.get("flows") == "all":
        count = sum(flow["count"] for flow in sessions)
        alive = sum(flow["survivors"] for flow in sessions)
        yield check("TCP flows that survive", f"all {count}", str(alive), 0 < count == alive)
    downloads = flows(client, kind="ftp")
    if downloads:
        yield from download_checks(wanted.get("flows") == "all", downloads)
    if "resets" in wanted:
        yield at_most(
            "resets", wanted["resets"], sum(flow["resets"] for flow in sessions) if sessions else None
        )
    if "gap_ms" in wanted:
        for name, several in streams.items():
            yield _gap(wanted["gap_ms"], name, several)
    if "lost" in wanted:
        for name, several in streams.items():
            yield _lost(wanted["lost"], name, several, rate)
    if "failed_connections" in wanted:
        # refused, reset, timed out, or ended by an ICMP error; what is under way at the end is none of them
        failed = sum(flow["lost"] for flow in fresh) if fresh else None
        yield at_most("new connections that fail", wanted["failed_connections"], failed)
    if wanted.get("reachable"):
        through = bool(fresh) and all(flow["survivors"] for flow in fresh)
        yield check("new connections at the end", "pass", "pass" if through else "do not pass", through)


def _gap(most: float, stream: str, streams: Sequence[Mapping[str, Any]]) -> FaultCheck:
    """The longest gap. What its sender has paused for is no gap of the pair's, and told instead."""
    name = f"longest gap of the {stream}"
    gaps, judged, paused = [], [0.0], 0.0
    for way in (way for flow in streams for way in (flow["up"], flow["down"])):
        gap, stall = way["longest_gap_ms"], way.get("sender_stall_ms") or 0.0
        if gap is None:
            return at_most(name, most, None, " ms")
        own = stall > gap / 2 and gap - stall <= PAUSE_MS and not way["lost"]
        gaps.append(gap)
        judged += [] if own else [gap]
        paused = max(paused, stall)
    if not gaps:
        return at_most(name, most, None, " ms")
    told = f" (a sender itself paused for {paused:g} ms)" if paused > most / 2 else ""
    return check(name, f"at most {most:g} ms", f"{max(gaps):g} ms{told}", max(judged) <= most)


def _lost(most: float, stream: str, streams: Sequence[Mapping[str, Any]], rate: int) -> FaultCheck:
    lost = [way["lost"] for flow in streams for way in (flow["up"], flow["down"])]
    known = bool(lost) and None not in lost
    name = f"datagrams lost, of {rate} a second each way" + (f": {stream}" if stream == FORWARDED else "")
    return at_most(name, most, max(lost) if known else None)


def _pair(wanted: Mapping[str, Any], seen: FaultSeen) -> Iterator[FaultCheck]:
    """What the looks at the pair tell."""
    if "healthy_s" in wanted:
        yield _healthy(wanted["healthy_s"], seen)
    before = [_subject(finding) for finding in seen.warned]
    for name, (wrong, unseen) in (
        ("both nodes have the same flows", EQUAL),
        ("no unit has failed", FAILED_UNIT),
    ):
        found = [one for look in seen.findings for one in look if one["id"] in (wrong, unseen)]
        # that it can't be seen is never as before: it proves nothing
        new = [one for one in found if one["id"] == unseen or _subject(one) not in before]
        words = "; ".join(dict.fromkeys(_sentence(one) for one in new or found))
        yield check(name, "yes", f"as before: {words}" if found and not new else words or "yes", not new)
    if seen.gone:
        anew = [node for node in seen.silent if node not in seen.counts]
        told = " and ".join(anew) or "none"
        yield check("has started anew", " and ".join(seen.silent), told, anew == list(seen.silent))
    if seen.counts:
        lost = "; ".join(words for node, counts in seen.counts.items() for words in _fewer(node, *counts))
        yield check("the ruleset's counters go on", "yes", lost or "yes", not lost)


def _healthy(most: float, seen: FaultSeen) -> FaultCheck:
    """The longest time of all, or the first one that nothing became right in."""
    after = [math.inf if one is None else one for one in seen.healthy]
    worst = max(range(len(after)), key=after.__getitem__, default=None)
    ok = worst is not None and after[worst] <= most
    told = UNKNOWN
    if worst is not None and after[worst] < math.inf:
        told = f"after {after[worst]:g} s" + (" of being reached again" if seen.gone else "")
    elif worst is not None:
        told = "; ".join(_sentence(one) for one in seen.findings[worst]) or UNKNOWN
    which = f" (time {(worst or 0) + 1} of {len(after)})" if len(after) > 1 else ""
    return check("nothing is wrong with the pair", f"within {most:g} s", told + which, ok)


def _subject(finding: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a finding is about; two that are about the same are the same finding."""
    return finding["id"], finding.get("node"), COUNT.sub("", str(finding["message"]))


def _sentence(finding: Mapping[str, Any]) -> str:
    node = finding.get("node")
    return f"{node}: {finding['message']}" if node else str(finding["message"])


def _fewer(node: str, before: Counts, after: Counts) -> Iterator[str]:
    if before is None or after is None:
        yield f"those of {node} are {UNKNOWN}"
        return
    for name, count in before.items():
        if after.get(name, 0) < count:
            yield f"{name} of {node} had {count} packets, and has {after.get(name, 'none')}"


def _special(wanted: Mapping[str, Any], seen: FaultSeen) -> Iterator[FaultCheck]:
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
        yield _announced(seen, seen.announced_by, seen.announcements)
        if seen.advertisements is not None:
            yield _announced(seen, ADVERTISED, seen.advertisements)


def _announced(seen: FaultSeen, words: str, frames: Mapping[str, int | None]) -> FaultCheck:
    sent = frames.get(seen.primary or "")
    if sent is None:
        why = f"{seen.primary} has counted nothing" if seen.primary else "there is no primary"
        told = f"{UNKNOWN}: {why}"
    else:
        told = f"{sent} frames"
    return check(f"{words} after the end of the fault", "sent by the primary", told, bool(sent))


def passed(checks: Iterable[FaultCheck]) -> bool:
    """A fault without a check has proved nothing."""
    results = [one["ok"] for one in checks]
    return bool(results) and all(results)
