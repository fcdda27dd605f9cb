# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pair whose nodes run two versions works: what the programs sent before they were one file, as bytes.

A node of that version is read, and reads what is sent now. Which version it has is told as `version-skew`.
"""

from __future__ import annotations

import io
import json

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.agent.path import plan as path
from ansible_collections.ftfw.pair.plugins.module_utils.agent.preempt import plan as preempt
from ansible_collections.ftfw.pair.plugins.module_utils.agent.state.plan import State
from ansible_collections.ftfw.pair.plugins.module_utils.health import pair, peer
from ansible_collections.ftfw.pair.plugins.module_utils.health.node import HealthConfig, NodeFacts
from ansible_collections.ftfw.pair.plugins.module_utils.system.version import version

REPORT = (
    b'{"version":1,"boot":"5f0c","sequence":7,"able":true,"fault":false,"heard":["inside","sync"],'
    b'"legs":{"inside":"peer","outside":"asking"},"neighbours":{"inside":["192.0.2.1"]},'
    b'"neighbours_v6":{"outside":["2001:db8::1"]},"claims":true,"given_up":3}'
)
FLOWS = [
    ("tcp", "", "src=192.0.2.3 dst=198.51.100.3 sport=40000 dport=22"),
    ("udp", "", "src=2001:db8::3 dst=2001:db8:1::3 sport=5000 dport=53"),
]
FLOW_SET = bytes.fromhex("66746677736574310000000000000002a1319935043cb6a9eda9b17a070f9787")
STATE = {
    "state": "BACKUP",
    "groups": {"ftfw": "BACKUP"},
    "since": {"ftfw": 1796000000.5},
    "pending": None,
    "deadline": None,
    "steps": [
        {
            "name": "leave the flows to the peer",
            "command": "conntrackd -f internal",
            "exit_code": 0,
            "seconds": 0.01,
            "message": "",
        }
    ],
}
ANSWER = {
    "pair": "ftfw",
    "node": "fw-2",
    "virtual_addresses": [],
    "ruleset": {"policy": "3e66"},
    "versions": {"kernel": "6.1.0", "keepalived": "2.2.7", "pair-state": "0123456789abcdef"},
    "flows": None,
    "clock": {"begun": 10.0, "ended": 10.5},
}
"""To the question `facts`. The version was a digest of the programs' files."""


def test_reports_of_path_tracking() -> None:
    report = path.decode(REPORT)
    assert (report.boot, report.sequence, report.claims, report.given_up) == ("5f0c", 7, True, 3)
    assert report.heard == {"inside", "sync"}
    assert report.neighbours == {"inside": ("192.0.2.1",), "outside": ("2001:db8::1",)}
    assert path.encode(report) == REPORT


def test_flows_for_the_preferred_node() -> None:
    flows = {preempt.hash_of(each) for each in FLOWS}
    assert preempt.read_set(io.BytesIO(FLOW_SET)) == flows
    sent = io.BytesIO()
    preempt.write_set(flows, sent)
    assert sent.getvalue() == FLOW_SET


def test_the_state_that_is_taken_up_at_an_upgrade() -> None:
    assert State.from_json(STATE).to_json() == STATE


def test_what_is_compared_of_health(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, str]] = []

    def exchange(_link: object, port: int, what: str) -> tuple[float, bytes, float]:
        asked.append((port, what))
        return 9.0, json.dumps(ANSWER).encode(), 11.0

    monkeypatch.setattr(peer, "_exchange", exchange)
    told, offset = peer.ask([{"peer": "192.0.2.2"}], 3783, peer.FACTS)
    assert (told, offset, asked) == (ANSWER, [-0.5, 1.0], [(3783, "facts")])


def test_what_is_told_of_health(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NodeFacts, "vrrp", lambda _self: {"virtual_addresses": []})
    told = NodeFacts(HealthConfig("ftfw", "fw-1", "fw-2", [], {})).shared(flows=False)
    assert told.keys() == ANSWER.keys()
    assert {"kernel", "keepalived", "pair-state"} <= told["versions"].keys()
    assert told["versions"]["pair-state"] == version()


def test_two_versions_are_a_finding() -> None:
    def node(name: str, known: str, held: list[str]) -> pair.SeenNode:
        health = {"versions": {**ANSWER["versions"], "pair-state": known}, "ruleset": ANSWER["ruleset"]}
        look = {"health": health, "virtual_addresses": held, "clock_offset": [0.0, 0.0]}
        return pair.SeenNode(name, look)

    now, before = "0.2.0+0123456789ab", ANSWER["versions"]["pair-state"]
    both = pair.SeenPair(
        "ftfw", ["192.0.2.100"], [node("fw-1", now, ["192.0.2.100"]), node("fw-2", before, [])]
    )
    (found,) = pair.find_together(both)
    assert (found.id, found.severity) == ("version-skew", "warning")
    assert found.message == f"versions of pair-state differ: {now} on fw-1, {before} on fw-2"
