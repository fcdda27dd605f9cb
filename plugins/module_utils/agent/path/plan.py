# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a leg of this node is lost, and whether the other node should have the virtual addresses.

Pure; program.py carries it out. Both nodes send a report on every link that they share, a round at a time.

- A leg on which the nodes hear each other, both ways, is good. What counts are rounds and not seconds: a leg
  is suspicious when later rounds have arrived on another link, and on this one not. So a node that is slow,
  or stood still, puts no leg under suspicion, for all its links are late together.
- On a suspicious leg third parties are asked. If one answers, the leg is good on this side, else it is dead.
- A node gives way only if a leg is dead here and third parties answer the other node there. Where the wire is
  cut in the middle, or dead for both, neither knows better, and nothing moves.
- Where the pair is told to, a node gives way to the preferred one as well, when all legs work and that one
  claims its role: it holds all flows then (agent/preempt).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

VERSION = 1
MAX_BYTES = 1400
"""A report fits into one frame of any Ethernet."""

PEER, THIRD, ASKING, DEAD, UNKNOWN = "peer", "third", "asking", "dead", "unknown"
"""What a leg is known to be: heard by the peer and hearing it; answered by third parties; being asked;
answered by nobody; and, without a peer to compare with, not looked at."""
VERDICTS = (PEER, THIRD, ASKING, DEAD, UNKNOWN)
GOOD = (PEER, THIRD)

SUSPICIOUS = 2
"""Rounds missed on a link at which third parties are asked, ahead of any verdict."""
MINIMUM_ASKS = 3
BUSY_SECONDS = 2.0
"""So long an unsettled leg is asked in every interval, and then every SLOW_SECONDS."""
SLOW_SECONDS = 1.0
MAX_TARGETS, MAX_NEIGHBOURS = 8, 4
YIELD_AGAIN = 60.0
"""Seconds until a claim is heeded once more: a preferred node that did not become primary has a reason."""


class ReportError(ValueError):
    """A datagram that is no report; what is wrong with it is in the message."""


@dataclass(frozen=True)
class Report:
    """What one node says of itself and its links, which are called by the names of their networks."""

    boot: str
    """Another one for each start of the program."""
    sequence: int
    able: bool
    """Whether its keepalived runs, so that it could take the addresses."""
    fault: bool
    """Whether it has given way."""
    heard: frozenset[str]
    """Links on which it hears the node that it sends this to."""
    legs: Mapping[str, str]
    neighbours: Mapping[str, tuple[str, ...]]
    """Third parties that it knows. A backup has nobody to talk to, and so knows none by itself."""
    claims: bool = False
    """Whether it is backup, is to be primary, and holds all flows for it. Earlier versions don't say."""
    given_up: int = 0
    """Virtual addresses that it has given up since it started. Earlier versions don't say."""


def encode(report: Report) -> bytes:
    """Write a report. One that would be too long tells no neighbours: they are a help, and no more."""
    data = _encode(report, report.neighbours)
    return data if len(data) <= MAX_BYTES else _encode(report, {})


def _encode(report: Report, neighbours: Mapping[str, tuple[str, ...]]) -> bytes:
    # earlier versions take none of IPv6 among those of IPv4
    six = {name: some for name, some in neighbours.items() if ":" in "".join(some)}
    return json.dumps(
        {
            "version": VERSION,
            "boot": report.boot,
            "sequence": report.sequence,
            "able": report.able,
            "fault": report.fault,
            "heard": sorted(report.heard),
            "legs": report.legs,
            "neighbours": {name: some for name, some in neighbours.items() if name not in six},
            "neighbours_v6": six,
            "claims": report.claims,
            "given_up": report.given_up,
        },
        separators=(",", ":"),
    ).encode()


def decode(data: bytes) -> Report:
    """Read a report. Raises ReportError for whatever else comes from the peer's address."""
    try:
        said = json.loads(data)
        if said["version"] != VERSION:
            raise ReportError(f"version {said['version']!r}, not {VERSION}")
        report = Report(
            said["boot"],
            said["sequence"],
            said["able"],
            said["fault"],
            frozenset(said["heard"]),
            dict(said["legs"].items()),
            {
                name: tuple(str(kind(address)) for address in addresses[:MAX_NEIGHBOURS])
                for kind, key in ((IPv4Address, "neighbours"), (IPv6Address, "neighbours_v6"))
                for name, addresses in {"neighbours_v6": {}, **said}[key].items()
            },
            said.get("claims", False),
            said.get("given_up", 0),
        )
    except ReportError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ReportError(f"{type(error).__name__}: {error}") from error
    typed = (
        isinstance(report.boot, str)
        and all(
            isinstance(number, int) and not isinstance(number, bool)
            for number in (report.sequence, report.given_up)
        )
        and isinstance(report.able, bool)
        and isinstance(report.fault, bool)
        and isinstance(report.claims, bool)
        and all(isinstance(name, str) for name in report.heard)
        and all(verdict in VERDICTS for verdict in report.legs.values())
    )
    if not typed:
        raise ReportError("a value of a wrong type")
    return report


@dataclass(frozen=True)
class Timing:
    """In seconds."""

    interval: float = 0.1
    hold: float = 0.4
    """Silence of a link, counted in rounds of this node's interval, and patience with third parties."""
    peer_timeout: float = 1.0
    """What the peer said last is believed for so long."""
    recovery: float = 2.0
    """So long a node must have had the same reason to be at the pair's disposal again."""

    @property
    def rounds(self) -> int:
        return max(SUSPICIOUS + 1, math.ceil(self.hold / self.interval - 1e-9))

    def pause(self, asking_for: float) -> float:
        """Seconds between two questions on a leg that has been asked for so long."""
        return self.interval if asking_for < BUSY_SECONDS else max(SLOW_SECONDS, self.interval)


def targets(
    known: Iterable[Iterable[str]], excluded: Iterable[str], limit: int = MAX_TARGETS
) -> tuple[str, ...]:
    """Third parties to ask, the best source first; never the pair's own addresses, which prove nothing."""
    out = set(excluded)
    return tuple(dict.fromkeys(address for some in known for address in some if address not in out))[:limit]


def gives_way(legs: Mapping[str, str], heard: Iterable[str], peer: Report) -> bool:
    """Whether the peer is better off: a leg that is lost here works there, and none the other way round.

    `heard` are the links on which the peer is heard now. That the peer hears this node on a leg is no proof:
    it may not have noticed yet. Only third parties' answers are.
    """
    lost = [name for name, verdict in legs.items() if verdict == DEAD and peer.legs.get(name) == THIRD]
    better = [name for name, verdict in legs.items() if verdict in GOOD and peer.legs.get(name) == DEAD]
    return (
        any(set(heard) - {name} for name in lost)
        and not better
        and peer.able
        # it has given way itself, and both would be without addresses
        and not peer.fault
    )


def takes_back(legs: Mapping[str, str], peer: Report | None, preferred: bool) -> str | None:
    """Why a node that has given way need not any more: `peer` is None when it is not heard on any link.

    That the peer has a dead leg as well is no reason: it has the addresses, and on that leg neither hears the
    other.
    """
    if all(verdict in GOOD for verdict in legs.values()):
        return "all legs work"
    if peer is None:
        return "the peer is not heard"
    if not peer.able:
        return "the peer has no keepalived"
    # both at the same moment: one of them has to
    return "the peer has given way too" if peer.fault and preferred else None


@dataclass
class _Link:
    last: int = 0
    """The last round that arrived on it."""
    seen: bool = False
    asking_since: float | None = None
    asked_at: float = 0.0
    asks: int = 0
    answered_at: float | None = None

    def good(self) -> None:
        self.asking_since, self.asks = None, 0


@dataclass(frozen=True)
class Judgement:
    """What is known at one moment, and the legs whose third parties are to be asked now."""

    legs: Mapping[str, str]
    heard: frozenset[str]
    fault: bool
    ask: tuple[str, ...]


class Watch:
    """What was heard so far. Times are seconds of any clock that never goes back."""

    def __init__(
        self,
        links: Mapping[str, bool],
        timing: Timing,
        preferred: bool,
        fault: bool,
        yields: bool = False,
    ) -> None:
        """`links` says for each link whether it is a leg; `fault` is what an earlier run has left.

        `yields`: this node gives way to the peer's claim.
        """
        self.legs = [name for name, leg in links.items() if leg]
        self.timing = timing
        self.preferred = preferred
        self.yields = yields
        self._yielded_at = -math.inf
        self.fault = fault
        self.peer: Report | None = None
        self._peer_at = -math.inf
        self._links = {name: _Link() for name in links}
        self._reason: str | None = None
        self._reason_since = -math.inf

    def hear(self, name: str, report: Report, now: float) -> None:
        """Note a report that came on a link."""
        if self.peer is None or now - self._peer_at > self.timing.peer_timeout:
            for link in self._links.values():
                link.last, link.seen = report.sequence - 1, False
            self.peer, self._peer_at = report, now
        elif report.boot != self.peer.boot:
            # The program there has started anew. It is believed when the old one is silent for sure: the
            # kernel there may send the old one's last reports late, once it has found this node's address.
            return
        elif report.sequence > self.peer.sequence:
            self.peer, self._peer_at = report, now
        link = self._links[name]
        link.last, link.seen = max(link.last, report.sequence), True

    def answer(self, name: str, now: float) -> None:
        """Note that a third party has answered on a leg."""
        self._links[name].answered_at = now

    def asking(self, name: str) -> bool:
        """Whether third parties on a leg have a reason to be asked."""
        return self._links[name].asking_since is not None

    def judge(self, now: float) -> Judgement:
        """Judge after all that has arrived was noted."""
        peer = self.peer if now - self._peer_at <= self.timing.peer_timeout else None
        heard = frozenset(name for name, link in self._links.items() if self._hears(link, peer))
        legs = {name: self._verdict(name, peer, name in heard, now) for name in self.legs}
        if not self.fault:
            self.fault = peer is not None and (gives_way(legs, heard, peer) or self._heeds(legs, peer, now))
            self._reason = None
        else:
            reason = takes_back(legs, peer, self.preferred)
            if reason != self._reason:
                self._reason, self._reason_since = reason, now
            if reason is not None and now - self._reason_since >= self.timing.recovery:
                self.fault = False
        return Judgement(legs, heard, self.fault, tuple(name for name in self.legs if self._asks(name, now)))

    def _heeds(self, legs: Mapping[str, str], peer: Report, now: float) -> bool:
        """Whether the peer's claim is heeded now; that it is, is noted."""
        heeds = (
            self.yields
            and peer.claims
            and peer.able
            and not peer.fault
            and all(verdict == PEER for verdict in (*legs.values(), *peer.legs.values()))
            and now - self._yielded_at >= YIELD_AGAIN
        )
        if heeds:
            self._yielded_at = now
        return heeds

    def _hears(self, link: _Link, peer: Report | None) -> bool:
        return peer is not None and link.seen and peer.sequence - link.last < self.timing.rounds

    def _verdict(self, name: str, peer: Report | None, heard: bool, now: float) -> str:
        link = self._links[name]
        if peer is None:
            link.good()
            return UNKNOWN
        mutual = heard and name in peer.heard
        if mutual and peer.sequence - link.last < SUSPICIOUS:
            link.good()
            return PEER
        if link.asking_since is None:
            link.asking_since = now
        if mutual:
            return PEER
        asking_for = now - link.asking_since
        believed = self.timing.hold + 2 * self.timing.pause(asking_for)
        if link.answered_at is not None and link.answered_at >= link.asking_since:
            if now - link.answered_at <= believed:
                return THIRD
            return DEAD
        if asking_for >= self.timing.hold and link.asks >= MINIMUM_ASKS:
            return DEAD
        return ASKING

    def _asks(self, name: str, now: float) -> bool:
        """Whether the leg is to be asked now; that it is, is noted."""
        link = self._links[name]
        if link.asking_since is None:
            return False
        # half an interval of tolerance, since the rounds don't come to the microsecond
        pause = self.timing.pause(now - link.asking_since) - self.timing.interval / 2
        if link.asks and now - link.asked_at < pause:
            return False
        link.asks += 1
        link.asked_at = now
        return True
