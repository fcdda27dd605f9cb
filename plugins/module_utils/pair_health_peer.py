# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node's own check finds by a comparison with its peer, which it asks on a replication link.

The peer's `pair-health --answer` reads one line, FACTS or FLOWS, and writes the document of `pair-health
--compare`, with digests of its flows where they were asked for. systemd hands it the connection
(systemd.socket(5), Accept=yes). The nodes' rules let nobody but the peer ask.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils import pair_health_pair as together
from ansible_collections.ftfw.pair.plugins.module_utils.flow_digest import DigestError
from ansible_collections.ftfw.pair.plugins.module_utils.pair_health_ask import DUMP_SECONDS
from ansible_collections.ftfw.pair.plugins.module_utils.pair_health_findings import ERROR, Finding
from ansible_collections.ftfw.pair.plugins.module_utils.pair_health_node import Config, Node

FACTS, FLOWS = "facts", "flows"
CONNECT_SECONDS = 5.0
ANSWER_BYTES = 1 << 22
APART = 2.0
"""Seconds between two looks at flows that differ: what was under way has arrived by then."""
SELDOM = 20
"""A comparison of the flows that took a second is made again after so many seconds at the earliest."""
NEEDED = ("pair", "node", "virtual_addresses", "units", "conntrackd", "ruleset", "versions", "flows", "clock")


class PeerError(Exception):
    """The peer does not tell how it is; the text says why."""


def ask(links: Sequence[Mapping[str, Any]], port: int, what: str) -> tuple[dict[str, Any], list[float]]:
    """The peer's document, and how far at least and at most its clock is ahead of ours (seconds).

    The links are tried in their order.
    """
    why = "the pair has no replication link"
    for link in links:
        try:
            sent, answer, received = _exchange(link, port, what)
        except OSError as error:
            why = f"{link['peer']}, TCP port {port}: {error.strerror or error}"
            continue
        try:
            told = dict(json.loads(answer))
            lacking = [key for key in NEEDED if key not in told]
            if lacking:
                raise PeerError(f"its answer lacks {', '.join(lacking)}")
            wall = float(told["clock"]["wall"])
        except (ValueError, TypeError, KeyError) as error:
            raise PeerError(f"its answer is not that of pair-health: {answer[:100]!r}") from error
        return told, [wall - received, wall - sent]
    raise PeerError(why)


def _exchange(link: Mapping[str, Any], port: int, what: str) -> tuple[float, bytes, float]:
    """When it was asked, what came, and when (seconds since the epoch). Raises OSError."""
    with socket.create_connection((link["peer"], port), CONNECT_SECONDS, (link["local"], 0)) as opened:
        opened.settimeout(DUMP_SECONDS)
        sent = time.time()
        opened.sendall(f"{what}\n".encode())
        answer = bytearray()
        while len(answer) <= ANSWER_BYTES and (data := opened.recv(1 << 16)):
            answer += data
        return sent, bytes(answer), time.time()


def look(facts: Mapping[str, Any], clock_offset: Sequence[float]) -> dict[str, Any]:
    """A node as `pair_health_pair` looks at it, from its own facts."""
    return {
        "health": facts,
        "virtual_addresses": facts["virtual_addresses"],
        "keepalived": facts["units"].get("keepalived"),
        "conntrackd": facts["conntrackd"] is not None,
        "clock_offset": clock_offset,
    }


@dataclass
class Comparison:
    """Of this node with its peer. `earlier` is what the last comparison of flows has left: `keep` of it."""

    node: Node
    earlier: Mapping[str, Any] = field(default_factory=dict)

    @property
    def config(self) -> Config:
        return self.node.config

    @property
    def keep(self) -> Mapping[str, Any]:
        return self.earlier

    def find(self, facts: dict[str, Any]) -> list[Finding]:
        """What neither node can tell alone; of a peer that does not answer, that."""
        try:
            pair = self._pair(look(facts, [0.0, 0.0]), self._ask(FACTS))
            found = [
                Finding(one.id, one.severity, one.sentence)
                for one in together.find_together(pair)
                if one.id != "caches-differ"
            ]
            compared = pair.compared()
            # one of both is enough, and the backup has the time
            if compared is not None and compared[1].name == self.config.node:
                found += self._flows(facts)
        except (KeyError, TypeError, AttributeError, DigestError) as error:
            return [self._unknown(f"its answer is not understood: {type(error).__name__}: {error}")]
        except PeerError as error:
            return [self._unknown(str(error))]
        return found

    def _unknown(self, why: str) -> Finding:
        return Finding("node-unreachable", ERROR, f"{self.config.peer}: can't be asked for its state: {why}")

    def _ask(self, what: str) -> dict[str, Any]:
        told, offset = ask(self.config.links, self.config.port, what)
        if (told["pair"], told["node"]) != (self.config.pair, self.config.peer):
            raise PeerError(f"{told['node']} of {told['pair']} answers in its place")
        return look(told, offset)

    def _pair(self, own: dict[str, Any], peer: dict[str, Any], *again: dict[str, Any]) -> together.Pair:
        later = again or (None, None)
        nodes = [
            together.Node(self.config.node, own, later[0]),
            together.Node(self.config.peer, peer, later[1]),
        ]
        return together.Pair(
            self.config.pair, self.config.virtual_addresses, sorted(nodes, key=lambda node: node.name)
        )

    def _flows(self, facts: dict[str, Any]) -> list[Finding]:
        """Compare the flows, or, too soon after a comparison that took long, tell of that one."""
        since = time.monotonic() - self.earlier.get("at", 0.0)
        if self.earlier and 0 <= since < SELDOM * self.earlier["seconds"]:
            return [Finding(**one) for one in self.earlier["findings"]]
        begun = time.monotonic()
        first = self._look(facts)
        pair = self._pair(*first)
        waited = 0.0
        if together.look_again(pair):
            waited = APART
            time.sleep(APART)
            pair = self._pair(*first, *self._look(facts))
        found = [
            Finding(one.id, one.severity, one.sentence)
            for one in together.differences(pair)
            if one.id == "caches-differ"
        ]
        self.earlier = {
            "at": time.monotonic(),
            "seconds": time.monotonic() - begun - waited,
            "findings": [one.to_json() for one in found],
        }
        return found

    def _look(self, facts: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        own = {**facts, "flows": self.node.flows(facts["conntrackd"])}
        return look(own, [0.0, 0.0]), self._ask(FLOWS)
