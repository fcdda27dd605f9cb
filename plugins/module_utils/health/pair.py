# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pair's health from its nodes': what only a comparison shows. Pure code.

A look is what the action `pair_health` returns for a node, or what a node's own check knows of itself and of
its peer; of one that can't be reached there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.conntrack.digest import Difference, Digest, difference
from ansible_collections.ftfw.pair.plugins.module_utils.health.findings import ERROR, WARNING

CLOCK_SECONDS = 1.0
BALANCER_SECONDS = 30
"""So long both nodes have to think otherwise of a server."""
STALLED = "replication-stalled"
UNREACHABLE = "node-unreachable"
MOMENTARY = frozenset(("flows-unknown", "units-unknown", "unit-failed"))
"""Warnings that a daemon's restart may cause."""
Look = Mapping[str, Any]


@dataclass(frozen=True)
class PairFinding:
    """What is wrong, on one node or (without one) with the pair."""

    id: str
    severity: str
    message: str
    node: str | None = None

    @property
    def sentence(self) -> str:
        return f"{self.node}: {self.message}" if self.node else self.message


@dataclass(frozen=True)
class SeenNode:
    """One node of a pair as it was seen, perhaps twice."""

    name: str
    look: Look | None
    again: Look | None = None

    @property
    def health(self) -> Mapping[str, Any] | None:
        return self.look["health"] if self.look else None


@dataclass(frozen=True)
class SeenPair:
    """Nodes in the order of the inventory."""

    name: str
    virtual_addresses: Sequence[str]
    nodes: Sequence[SeenNode]

    def last(self) -> SeenPair:
        """As it was seen last: by the second look, where one was taken.

        A moment's state, such as that of a daemon that starts anew or of addresses that move, is over then.
        """
        if all(node.again is None for node in self.nodes):
            return self
        return replace(self, nodes=[SeenNode(node.name, node.again) for node in self.nodes])

    def compared(self) -> tuple[SeenNode, SeenNode] | None:
        """Primary and backup, when both can be compared."""
        held = {node.name: (node.look or {}).get("virtual_addresses", []) for node in self.nodes}
        primary = primary_of(held, self.virtual_addresses)
        if len(self.nodes) != 2 or primary is None or any(node.health is None for node in self.nodes):
            return None
        one, other = self.nodes
        return (one, other) if one.name == primary else (other, one)


def primary_of(held: Mapping[str, Sequence[str]], virtual_addresses: Sequence[str]) -> str | None:
    """Who alone has the virtual addresses, and all of them, by what each node's kernel has."""
    holders = [name for name, addresses in held.items() if addresses]
    whole = [name for name in holders if len(held[name]) == len(virtual_addresses)]
    return whole[0] if len(holders) == 1 and holders == whole else None


def find(pair: SeenPair) -> list[PairFinding]:
    """All findings: first who is primary, then each node's own, then what the nodes differ in."""
    last = pair.last()
    compared = (*_versions(last), *_clocks(last), *_rulesets(last), *_balancers(last))
    return [*_roles(last), *_own(last), *_flows(pair), *compared]


def find_together(pair: SeenPair) -> list[PairFinding]:
    """What no node can tell alone, but for their flows: who is primary, and what the nodes differ in."""
    return [*_roles(pair), *_versions(pair), *_clocks(pair), *_rulesets(pair)]


def flows_that_differ(pair: SeenPair) -> list[PairFinding] | None:
    """What the flows of primary and backup differ in; None when there are no two sets of flows to compare."""
    compared = pair.compared()
    if compared is None or _digests(compared[0].look, compared[1].look) is None:
        return None
    return list(_flows(pair))


def look_again(pair: SeenPair) -> bool:
    """Whether the flows differ, so that a second look has to tell whether they only were under way."""
    return bool(_difference(pair, twice=False))


def may_pass(pair: SeenPair) -> bool:
    """Whether a second look has to tell what lasts: all that is wrong may be a moment of a healthy change."""
    return any(under_way(node) is not None for node in pair.nodes) or any(
        (finding.severity == ERROR and finding.id != UNREACHABLE) or finding.id in MOMENTARY
        for finding in find(pair)
    )


def under_way(node: SeenNode) -> float | None:
    """How many seconds the node's transition may still take; None when none is under way."""
    left = ((node.health or {}).get("vrrp") or {}).get("left")
    return None if left is None else float(left)


def _roles(pair: SeenPair) -> Iterator[PairFinding]:
    held = {node.name: list(node.look["virtual_addresses"]) for node in pair.nodes if node.look}
    for node in pair.nodes:
        if node.look is None:
            yield PairFinding(UNREACHABLE, ERROR, "can't be reached", node.name)
    holders = [name for name, addresses in held.items() if addresses]
    twice = [
        address
        for address in pair.virtual_addresses
        if sum(address in addresses for addresses in held.values()) > 1
    ]
    if not holders:
        known = "no node" if len(held) == len(pair.nodes) else "no node that can be reached"
        yield PairFinding("no-primary", ERROR, f"no primary: {known} has a virtual address")
    elif twice:
        yield PairFinding(
            "two-primaries", ERROR, f"two primaries: {' and '.join(holders)} have {', '.join(twice)}"
        )
    elif len(holders) > 1 or len(held[holders[0]]) < len(pair.virtual_addresses):
        shares = "; ".join(f"{name} has {', '.join(held[name])}" for name in holders)
        yield PairFinding("addresses-split", ERROR, f"not all virtual addresses are on one node: {shares}")


def _own(pair: SeenPair) -> Iterator[PairFinding]:
    for node in pair.nodes:
        if node.look is None:
            continue
        if node.health is None:
            yield PairFinding(
                "health-unknown", ERROR, f"can't tell its health: {node.look['health_error']}", node.name
            )
            for daemon in ("keepalived", "conntrackd"):
                if not node.look[daemon]:
                    yield PairFinding(f"{daemon}-down", ERROR, f"{daemon} does not run", node.name)
            continue
        peer = next((other for other in pair.nodes if other.name != node.name), None)
        for each in node.health["findings"]:
            if each["id"] == STALLED and peer is not None:
                yield from _stalled(node, peer)
            else:
                yield PairFinding(each["id"], each["severity"], each["message"], node.name)


def _stalled(node: SeenNode, peer: SeenNode) -> Iterator[PairFinding]:
    """Named with its direction; nothing where the peer's daemon does not work: that is the finding then."""
    silent = (node.health or {})["replication"]["silent_seconds"]
    works = peer.look is None or (peer.look["conntrackd"] and "conntrackd" not in _stopped(peer))
    if works:
        yield PairFinding(
            STALLED,
            ERROR,
            f"replication from {peer.name} to {node.name} is stalled: nothing has arrived for {silent:.0f} s",
        )


def _stopped(node: SeenNode) -> Sequence[str]:
    return [] if node.health is None else list(node.health["stopped"])


def _flows(pair: SeenPair) -> Iterator[PairFinding]:
    compared, differing = pair.compared(), _difference(pair, twice=True)
    if compared is None:
        return
    primary, backup = compared
    if lost := ((primary.health or {}).get("flows") or {}).get("unreplicated"):
        told = ", ".join(f"{count} of {protocol}" for protocol, count in sorted(lost.items()))
        yield PairFinding(
            "flows-unreplicated",
            WARNING,
            f"flows that can't be replicated end with a takeover: {told}",
            primary.name,
        )
    if lacking := _orphans_lacking(primary, backup):
        yield PairFinding(
            "orphans-lacking",
            WARNING,
            f"{backup.name} can't be given flows that a helper of {primary.name} expected, for their control"
            f" connections are over; a takeover ends them: at least {lacking}",
        )
    if differing.lacking:
        yield PairFinding(
            "caches-differ",
            ERROR,
            f"{backup.name} lacks flows that {primary.name} has to replicate: at least {differing.lacking}",
        )
    # in the kernel what ended while the nodes changed roles stays until its timeout, and does no harm
    if differing.surplus and _has_external_cache(backup):
        yield PairFinding(
            "caches-differ",
            WARNING,
            f"{backup.name} has flows that {primary.name} has not: at least {differing.surplus}",
        )


def _orphans_lacking(primary: SeenNode, backup: SeenNode) -> int:
    """How many flows that can't be replicated any more the backup has not; see `conntrack_orphans`."""
    wanted, present = (((node.health or {}).get("flows") or {}).get("orphans") for node in (primary, backup))
    return difference(Digest.unpack(wanted), Digest.unpack(present)).lacking if wanted and present else 0


def _has_external_cache(node: SeenNode) -> bool:
    flows = (node.health or {}).get("flows")
    return bool(flows and flows["external"])


def _difference(pair: SeenPair, twice: bool) -> Difference:
    """How the backup's flows differ from the primary's; none when one of the looks needed is missing."""
    compared = pair.compared()
    if compared is None:
        return Difference(0, 0)
    primary, backup = compared
    last = pair.last().compared() if twice else compared
    if last is None or last[0].name != primary.name:
        return Difference(0, 0)
    first = _digests(primary.look, backup.look)
    again = _digests(primary.again, backup.again) if twice else None
    if first is None or (twice and again is None):
        return Difference(0, 0)
    return difference(*first, again)


def _digests(primary: Look | None, backup: Look | None) -> tuple[Digest, Digest] | None:
    """What is to be replicated, and what has been: in the external cache or, without one, in the kernel."""
    wanted, present = (((look or {}).get("health") or {}).get("flows") for look in (primary, backup))
    if not wanted or not present or not wanted["kernel"] or not present["kernel"]:
        return None
    return Digest.unpack(wanted["kernel"]), Digest.unpack(present["external"] or present["kernel"])


def _versions(pair: SeenPair) -> Iterator[PairFinding]:
    known = {
        node.name: node.health["versions"] for node in pair.nodes if node.health and node.health["versions"]
    }
    if len(known) < 2:
        return
    first, *_others = known.values()
    for program in first:
        found = {name: versions.get(program) for name, versions in known.items()}
        if len(set(found.values())) > 1:
            told = ", ".join(f"{version or 'none'} on {name}" for name, version in found.items())
            yield PairFinding("version-skew", WARNING, f"versions of {program} differ: {told}")


def _clocks(pair: SeenPair) -> Iterator[PairFinding]:
    seen = [node for node in pair.nodes if node.look and node.look["clock_offset"]]
    for one, other in zip(seen, seen[1:]):
        (low, high), (least, most) = (node.look["clock_offset"] for node in (one, other) if node.look)
        apart = max(low - most, least - high)
        if apart > CLOCK_SECONDS:
            yield PairFinding(
                "clock-skew",
                WARNING,
                f"the clocks of {one.name} and {other.name} differ by {apart:.1f} s at least",
            )


def _rulesets(pair: SeenPair) -> Iterator[PairFinding]:
    found = {node.name: node.health["ruleset"]["policy"] for node in pair.nodes if node.health}
    if len(set(found.values())) > 1:
        yield PairFinding(
            "rulesets-differ",
            ERROR,
            f"the ruleset files of {' and '.join(found)} are not of the same policy",
        )


def _balancers(pair: SeenPair) -> Iterator[PairFinding]:
    """Servers of which the nodes think otherwise, and not only until the next check."""
    known = [node for node in pair.nodes if node.health and node.health.get("balancers")]
    if len(known) != 2:
        return
    one, other = (_lasting(node) for node in known)
    for server in sorted(one.keys() & other.keys()):
        if one[server] != other[server]:
            well, not_so = known if one[server] else known[::-1]
            yield PairFinding(
                "balancers-differ",
                WARNING,
                f"balancer {server[0]}: {well.name} finds {server[1]} well, and {not_so.name} does not",
            )


def _lasting(node: SeenNode) -> dict[tuple[str, str], bool]:
    """Whether servers are up, as far as it has been so for a while."""
    health = node.health or {}
    return {
        (balancer["name"], server["name"]): bool(server["up"])
        for balancer in health["balancers"]
        # an earlier version says nothing of a sorry server
        for server in (*balancer["servers"], *filter(None, [balancer.get("sorry_server")]))
        if health["clock"]["wall"] - server["since"] > BALANCER_SECONDS
    }
