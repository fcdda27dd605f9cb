# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node's own check finds by asking its peer, over real sockets, and what it says without an answer."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.conntrack.digest import Digest
from ansible_collections.ftfw.pair.plugins.module_utils.health import peer
from ansible_collections.ftfw.pair.plugins.module_utils.health.node import HealthConfig, NodeFacts

VIRTUAL = ["192.168.2.100", "192.168.0.100"]
CLOCK = {"begun": 0.0, "ended": 0.0}
VERSIONS = {"kernel": "6.1.0", "keepalived": "2.2.7"}
Document = dict[str, Any]


def flows(*ports: int) -> Document:
    kernel = Digest.of(("tcp", "", f"sport={port}") for port in ports).pack()
    return {"kernel": kernel, "external": None, "why": None}


def facts(node: str = "fw-2", **changed: Any) -> Document:
    """Those of a backup that is well, but for these."""
    return {
        "pair": "ftfw",
        "node": node,
        "virtual_addresses": [],
        "conntrackd": {"general": {"external": {"kind": "inject"}}},
        "ruleset": {"loaded": True, "same": True, "why": None, "policy": "3e66"},
        "versions": VERSIONS,
        "flows": None,
        "clock": {"ahead": 0.0},
        **changed,
    }


def primary(**changed: Any) -> Document:
    return facts("fw-1", virtual_addresses=VIRTUAL, **changed)


class Peer:
    """Answers on a port of its own, one connection after the other."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer: Callable[[str], bytes] = lambda _what: b""
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listening.getsockname()[1]
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def tells(self, document: Document, *flows_in_turn: Document) -> None:
        turns = iter(flows_in_turn)

        def answer(what: str) -> bytes:
            now = time.time() + document["clock"]["ahead"]
            clock = {"begun": now, "ended": now}
            told = next(turns) if what == peer.FLOWS else None
            return json.dumps({**document, "clock": clock, "flows": told}).encode()

        self.answer = answer

    def _serve(self) -> None:
        while True:
            try:
                connection, _address = self.listening.accept()
            except OSError:
                return
            with connection, connection.makefile("r") as file:
                what = file.readline().strip()
                if what == "stop":
                    return
                self.asked.append(what)
                connection.sendall(self.answer(what))

    def stop(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(b"stop\n")
        self.thread.join(5)
        self.listening.close()


@pytest.fixture
def other() -> Iterator[Peer]:
    one = Peer()
    yield one
    one.stop()


def comparison(
    port: int,
    monkeypatch: pytest.MonkeyPatch,
    *own_flows: Document,
    held: Sequence[Sequence[str]] = ((),),
    **kept: Any,
) -> peer.PeerComparison:
    """Of fw-2, which has these flows, and these virtual addresses, at one look after the other."""
    link = {"local": "127.0.0.1", "peer": "127.0.0.1", "interface": "lo"}
    node = NodeFacts(HealthConfig("ftfw", "fw-2", "fw-1", VIRTUAL, {}, [link], port))
    turns, addresses = iter(own_flows), iter([*held[:-1], *[held[-1]] * 9])
    monkeypatch.setattr(NodeFacts, "flows", lambda _self, _conntrackd: next(turns))
    monkeypatch.setattr(NodeFacts, "vrrp", lambda _self: {"virtual_addresses": list(next(addresses))})
    monkeypatch.setattr(peer, "APART", 0.01)
    return peer.PeerComparison(node, **kept)


def sentences(found: list[Any]) -> list[str]:
    return [f"{one.severity} {one.id}: {one.message}" for one in found]


@pytest.mark.parametrize(
    ("there", "held", "found"),
    [
        pytest.param(primary(), [[]], [], id="well"),
        pytest.param(
            primary(),
            [VIRTUAL],
            ["error two-primaries: two primaries: fw-1 and fw-2 have 192.168.2.100, 192.168.0.100"],
            id="two-primaries",
        ),
        pytest.param(primary(), [VIRTUAL, []], [], id="role-on-its-way"),
        pytest.param(
            facts("fw-1"),
            [[]],
            ["error no-primary: no primary: no node has a virtual address"],
            id="no-primary",
        ),
        pytest.param(
            primary(versions={**VERSIONS, "keepalived": "2.3.1"}),
            [[]],
            ["warning version-skew: versions of keepalived differ: 2.3.1 on fw-1, 2.2.7 on fw-2"],
            id="versions",
        ),
        pytest.param(
            primary(ruleset={"policy": "77aa"}),
            [[]],
            ["error rulesets-differ: the ruleset files of fw-1 and fw-2 are not of the same policy"],
            id="rulesets",
        ),
    ],
)
def test_what_the_nodes_differ_in(
    other: Peer, monkeypatch: pytest.MonkeyPatch, there: Document, held: list[list[str]], found: list[str]
) -> None:
    other.tells(there, flows(1))
    assert sentences(comparison(other.port, monkeypatch, flows(1), held=held).find(facts())) == found


def test_a_clock_that_is_ahead(other: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    other.tells(primary(clock={"ahead": 90.0}), flows())
    [found] = comparison(other.port, monkeypatch, flows()).find(facts())
    assert found.id == "clock-skew"
    assert "the clocks of fw-1 and fw-2 differ by" in found.message


LACKING = "error caches-differ: fw-2 lacks flows that fw-1 has to replicate: at least 1"


@pytest.mark.parametrize(
    ("there", "here", "found"),
    [
        pytest.param([flows(1, 2)], [flows(1, 2)], [], id="the-same"),
        pytest.param([flows(1, 2), flows(1, 2)], [flows(1), flows(1, 2)], [], id="under-way"),
        pytest.param([flows(1, 2), flows(1, 2)], [flows(1), flows(1)], [LACKING], id="lacking"),
    ],
)
def test_the_backup_compares_the_flows(
    other: Peer,
    monkeypatch: pytest.MonkeyPatch,
    there: list[Document],
    here: list[Document],
    found: list[str],
) -> None:
    other.tells(primary(), *there)
    assert sentences(comparison(other.port, monkeypatch, *here).find(facts())) == found
    assert other.asked == [peer.FACTS, *[peer.FLOWS] * len(there)]


def test_the_primary_leaves_that_to_the_backup(other: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    other.tells(facts("fw-1"))
    compared = comparison(
        other.port, monkeypatch, held=[VIRTUAL], earlier={"at": 1, "seconds": 9, "findings": []}
    )
    assert compared.find(facts(virtual_addresses=VIRTUAL)) == []
    assert other.asked == [peer.FACTS]
    assert compared.earlier == {}


KEPT = {"id": "caches-differ", "severity": "error", "message": "as it was"}


def test_a_comparison_that_took_long_is_not_made_again_soon(
    other: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = {"at": time.monotonic() - 80, "seconds": 5.0, "findings": [KEPT]}
    other.tells(primary(), flows())
    compared = comparison(other.port, monkeypatch, flows(), earlier=earlier)
    assert sentences(compared.find(facts())) == ["error caches-differ: as it was"]
    assert other.asked == [peer.FACTS]
    # after 20 times as long it is made, and kept
    earlier["at"] -= 21
    assert compared.find(facts()) == []
    assert other.asked == [peer.FACTS, peer.FACTS, peer.FLOWS]
    assert compared.earlier["findings"] == []
    assert compared.earlier["at"] == pytest.approx(time.monotonic(), abs=5)


def test_flows_that_a_node_does_not_tell_are_not_the_same(
    other: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    other.tells(primary(), {"kernel": None, "external": None, "why": "'conntrack -L' ended with 1: no"})
    earlier = {"at": 0.0, "seconds": 0.1, "findings": [KEPT]}
    assert sentences(comparison(other.port, monkeypatch, flows(1), earlier=earlier).find(facts())) == [
        "warning flows-unknown: whether flows differ can't be told: fw-1: 'conntrack -L' ended with 1: no",
        "error caches-differ: as it was",
    ]


def test_a_peer_that_needs_too_long_for_its_flows(other: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(peer.ANSWER_SECONDS, peer.FLOWS, 0.1)
    other.tells(primary())
    facts_of_peer = other.answer
    other.answer = lambda what: time.sleep(0.5) or b"" if what == peer.FLOWS else facts_of_peer(what)
    compared = comparison(other.port, monkeypatch, flows(1))
    [found] = compared.find(facts())
    assert found.id == "flows-unknown"
    assert "timed out" in found.message
    assert compared.earlier["seconds"] >= 0.1


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param(b"", "127.0.0.1, TCP port PORT: no answer", id="nothing"),
        pytest.param(b"no", "its answer is not that of pair-health: b'no'", id="cut-off"),
        pytest.param(b'["facts"]', "its answer is not that of pair-health", id="other-json"),
        pytest.param(b'{"pair": "ftfw"}', "its answer lacks node, virtual_addresses, ruleset", id="older"),
        pytest.param(
            json.dumps(facts("fw-3", clock=CLOCK)).encode(),
            "fw-3 of ftfw answers in its place",
            id="stranger",
        ),
        pytest.param(
            json.dumps(primary(ruleset=None, clock=CLOCK)).encode(),
            "its answer is not understood: TypeError",
            id="of-another-shape",
        ),
    ],
)
def test_an_answer_that_is_none(
    other: Peer, monkeypatch: pytest.MonkeyPatch, answer: bytes, why: str
) -> None:
    other.answer = lambda _what: answer
    [found] = comparison(other.port, monkeypatch, flows()).find(facts())
    assert (found.id, found.severity) == ("node-unreachable", "error")
    said = f"fw-1: can't be asked for its state: {why}".replace("PORT", str(other.port))
    assert found.message.startswith(said)


def test_what_was_known_stands_while_the_peer_can_not_be_asked(
    other: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = [KEPT, {"id": "ruleset-changed", "severity": "error", "message": "its own, and found anew"}]
    found = comparison(other.port, monkeypatch, known=known).find(facts())
    assert [one.id for one in found] == ["node-unreachable", "caches-differ"]


def test_a_peer_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    [found] = comparison(port, monkeypatch, flows()).find(facts())
    why = f"127.0.0.1, TCP port {port}: Connection refused"
    assert found.message == f"fw-1: can't be asked for its state: {why}"


def test_the_next_link_where_one_is_cut(other: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.2", 0)):
        other.tells(primary(), flows())
        compared = comparison(other.port, monkeypatch, flows())
        compared.config.links.insert(0, {"local": "127.0.0.1", "peer": "127.0.0.2"})
        assert compared.find(facts()) == []
