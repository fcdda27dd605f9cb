# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node's own check finds by a comparison with its peer, which it asks on a replication link.

The peer's `pair-health --answer` reads one line, FACTS or FLOWS, and writes what there is to compare as JSON
(`NodeFacts.shared`), with digests of its flows where they were asked for. systemd hands it the connection
(systemd.socket(5), Accept=yes). The nodes' rules let nobody but the peer ask.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.conntrack.digest import DigestError
from ansible_collections.ftfw.pair.plugins.module_utils.health import pair as together
from ansible_collections.ftfw.pair.plugins.module_utils.health.findings import ERROR, WARNING, Finding
from ansible_collections.ftfw.pair.plugins.module_utils.health.node import HealthConfig, NodeFacts
from ansible_collections.ftfw.pair.plugins.module_utils.system.commands import DUMP_SECONDS

FACTS, FLOWS = "facts", "flows"
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = {FACTS: 20.0, FLOWS: float(DUMP_SECONDS)}
ANSWER_BYTES = 1 << 22
APART = 2.0
"""Seconds between two looks at what differs: what was under way has arrived by then."""
QUICK, SELDOM = 3.0, 20
"""A comparison of the flows that took more than QUICK seconds is made again SELDOM times as late."""
NEEDED = ("pair", "node", "virtual_addresses", "ruleset", "versions", "flows", "clock")
LACKING = "caches-differ"
ROLES = ("no-primary", "two-primaries", "addresses-split")
COMPARED = frozenset((*ROLES, LACKING, "version-skew", "clock-skew", "rulesets-differ"))
"""Findings of a comparison: without one, those of the last one stand."""


class PeerError(Exception):
    """The peer does not tell how it is; the text says why."""


def ask(links: Sequence[Mapping[str, Any]], port: int, what: str) -> tuple[dict[str, Any], list[float]]:
    """The peer's answer, and how far at least and at most its clock is ahead of ours (seconds).

    The links are tried in their order.
    """
    why = "the pair has no replication link"
    for link in links:
        try:
            sent, answer, received = _exchange(link, port, what)
        except OSError as error:
            why = f"{link['peer']}, TCP port {port}: {error.strerror or error}"
            continue
        if not answer:
            why = f"{link['peer']}, TCP port {port}: no answer"
            continue
        return _read(answer, sent, received)
    raise PeerError(why)


def _read(answer: bytes, sent: float, received: float) -> tuple[dict[str, Any], list[float]]:
    try:
        told = dict(json.loads(answer))
        lacking = [key for key in NEEDED if key not in told]
        if lacking:
            raise PeerError(f"its answer lacks {', '.join(lacking)}")
        begun, ended = (float(told["clock"][key]) for key in ("begun", "ended"))
    except (ValueError, TypeError, KeyError) as error:
        raise PeerError(f"its answer is not that of pair-health: {answer[:100]!r}") from error
    return told, [ended - received, begun - sent]


def _exchange(link: Mapping[str, Any], port: int, what: str) -> tuple[float, bytes, float]:
    """When it was asked, what came, and when (seconds since the epoch). Raises OSError."""
    with socket.create_connection((link["peer"], port), CONNECT_SECONDS, (link["local"], 0)) as opened:
        deadline = time.monotonic() + ANSWER_SECONDS[what]
        sent = time.time()
        opened.sendall(f"{what}\n".encode())
        answer = bytearray()
        while len(answer) <= ANSWER_BYTES:
            opened.settimeout(max(0.01, deadline - time.monotonic()))
            data = opened.recv(1 << 16)
            if not data:
                break
            answer += data
        return sent, bytes(answer), time.time()


def look(facts: Mapping[str, Any], clock_offset: Sequence[float]) -> dict[str, Any]:
    """A node as `pair_health_pair` looks at it, from its own facts."""
    return {
        "health": facts,
        "virtual_addresses": facts["virtual_addresses"],
        "clock_offset": clock_offset,
    }


@dataclass
class PeerComparison:
    """Of this node with its peer."""

    node: NodeFacts
    earlier: Mapping[str, Any] = field(default_factory=dict)
    """What the last comparison of the flows has left; to be kept for the next one."""
    known: Sequence[Mapping[str, str]] = ()
    """The findings of the last check."""

    @property
    def config(self) -> HealthConfig:
        return self.node.config

    def find(self, facts: dict[str, Any]) -> list[Finding]:
        """What neither node can tell alone; of a peer that does not answer, that, and what was known."""
        try:
            pair = self._pair(*self._look(facts))
            found = together.find_together(pair)
            if any(one.id in ROLES for one in found):
                # the role may have moved between two looks
                time.sleep(APART)
                pair = self._pair(*self._look(facts))
                before, found = {one.id for one in found}, together.find_together(pair)
                found = [one for one in found if one.id not in ROLES or one.id in before]
            told = [Finding(one.id, one.severity, one.sentence) for one in found]
            compared = pair.compared()
            # one of both is enough to compare the flows, and the backup has the time
            if compared is not None and compared[1].name == self.config.node:
                return told + self._flows(facts)
        except (KeyError, TypeError, AttributeError, DigestError) as error:
            return self._unknown(f"its answer is not understood: {type(error).__name__}: {error}")
        except PeerError as error:
            return self._unknown(str(error))
        self.earlier = {}
        return told

    def _unknown(self, why: str) -> list[Finding]:
        said = f"{self.config.peer}: can't be asked for its state: {why}"
        kept = [Finding(**one) for one in self.known if one["id"] in COMPARED]
        return [Finding("node-unreachable", ERROR, said), *kept]

    def _ask(self, what: str) -> dict[str, Any]:
        told, offset = ask(self.config.links, self.config.port, what)
        if (told["pair"], told["node"]) != (self.config.pair, self.config.peer):
            raise PeerError(f"{told['node']} of {told['pair']} answers in its place")
        return look(told, offset)

    def _look(self, facts: dict[str, Any], flows: bool = False) -> tuple[dict[str, Any], dict[str, Any]]:
        """This node and its peer at one moment."""
        own = {**facts, "flows": self.node.flows(facts["conntrackd"])} if flows else facts
        peer = self._ask(FLOWS if flows else FACTS)
        return look({**own, "virtual_addresses": self.node.vrrp()["virtual_addresses"]}, [0.0, 0.0]), peer

    def _pair(self, own: dict[str, Any], peer: dict[str, Any], *again: dict[str, Any]) -> together.SeenPair:
        later = again or (None, None)
        nodes = [
            together.SeenNode(self.config.node, own, later[0]),
            together.SeenNode(self.config.peer, peer, later[1]),
        ]
        return together.SeenPair(
            self.config.pair, self.config.virtual_addresses, sorted(nodes, key=lambda node: node.name)
        )

    def _flows(self, facts: dict[str, Any]) -> list[Finding]:
        """Compare the flows. Too soon after a comparison that took long, or without one, that one stands."""
        earlier = list(self.earlier.get("findings", []))
        since = time.monotonic() - self.earlier.get("at", 0.0)
        if self.earlier and 0 <= since < SELDOM * self.earlier["seconds"] and self.earlier["seconds"] > QUICK:
            return [Finding(**one) for one in earlier]
        begun, why, differing, waited = time.monotonic(), None, None, 0.0
        try:
            first = self._look(facts, flows=True)
            why = self._why_unknown(facts, *first)
            pair = self._pair(*first)
            if together.look_again(pair):
                waited = APART
                time.sleep(waited)
                pair = self._pair(*first, *self._look(facts, flows=True))
            differing = together.flows_that_differ(pair)
        except PeerError as error:
            why = str(error)
        if differing is not None:
            earlier = [Finding(one.id, one.severity, one.sentence).to_json() for one in differing]
        now = time.monotonic()
        self.earlier = {"at": now, "seconds": now - begun - waited, "findings": earlier}
        unknown = [Finding("flows-unknown", WARNING, f"whether flows differ can't be told: {why}")]
        return [*(unknown if why else []), *(Finding(**one) for one in earlier)]

    def _why_unknown(self, facts: dict[str, Any], *looks: dict[str, Any]) -> str | None:
        """Why one of the nodes does not tell its flows; without conntrackd that is another finding."""
        for name, one in zip((self.config.node, self.config.peer), looks):
            why = one["health"]["flows"]["why"]
            if why and (name != self.config.node or facts["conntrackd"] is not None):
                return f"{name}: {why}"
        return None
