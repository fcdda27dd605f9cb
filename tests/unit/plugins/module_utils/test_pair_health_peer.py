# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node's own check finds by asking its peer, over real sockets, and what it says without an answer."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils import pair_health_peer as peer
from ansible_collections.ftfw.pair.plugins.module_utils.flow_digest import Digest
from ansible_collections.ftfw.pair.plugins.module_utils.pair_health_node import Config, Node

VIRTUAL = ["192.168.2.100", "192.168.0.100"]
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
        "units": {"keepalived": True, "conntrackd": True},
        "conntrackd": {"general": {"external": {"kind": "inject"}}},
        "ruleset": {"loaded": True, "same": True, "why": None, "policy": "3e66"},
        "versions": VERSIONS,
        "flows": None,
        "clock": {"wall": time.time(), "monotonic": 1.0},
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
            wall = {"wall": time.time() + document["clock"].get("ahead", 0.0)}
            told = next(turns) if what == peer.FLOWS else None
            return json.dumps({**document, "clock": wall, "flows": told}).encode()

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
    port: int, monkeypatch: pytest.MonkeyPatch, *own_flows: Document, earlier: Document | None = None
) -> peer.Comparison:
    """Of fw-2, which has these flows at one look after the other."""
    link = {"local": "127.0.0.1", "peer": "127.0.0.1", "interface": "lo"}
    node = Node(Config("ftfw", "fw-2", "fw-1", VIRTUAL, {}, [link], port))
    turns = iter(own_flows)
    monkeypatch.setattr(Node, "flows", lambda _self, _conntrackd: next(turns))
    monkeypatch.setattr(peer, "APART", 0.01)
    return peer.Comparison(node, earlier or {})


def sentences(found: list[Any]) -> list[str]:
    return [f"{one.severity} {one.id}: {one.message}" for one in found]


@pytest.mark.parametrize(
    ("there", "here", "found"),
    [
        pytest.param(primary(), facts(), [], id="well"),
        pytest.param(
            primary(),
            facts(virtual_addresses=VIRTUAL),
            ["error two-primaries: two primaries: fw-1 and fw-2 have 192.168.2.100, 192.168.0.100"],
            id="two-primaries",
        ),
        pytest.param(
            facts("fw-1"),
            facts(),
            ["error no-primary: no primary: no node has a virtual address"],
            id="no-primary",
        ),
        pytest.param(
            primary(versions={**VERSIONS, "keepalived": "2.3.1"}),
            facts(),
            ["warning version-skew: versions of keepalived differ: 2.3.1 on fw-1, 2.2.7 on fw-2"],
            id="versions",
        ),
        pytest.param(
            primary(ruleset={"policy": "77aa"}),
            facts(),
            ["error rulesets-differ: the ruleset files of fw-1 and fw-2 are not of the same policy"],
            id="rulesets",
        ),
    ],
)
def test_what_the_nodes_differ_in(
    other: Peer, monkeypatch: pytest.MonkeyPatch, there: Document, here: Document, found: list[str]
) -> None:
    other.tells(there, flows(1))
    assert sentences(comparison(other.port, monkeypatch, flows(1)).find(here)) == found


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
    assert comparison(other.port, monkeypatch).find(facts(virtual_addresses=VIRTUAL)) == []
    assert other.asked == [peer.FACTS]


def test_a_comparison_that_took_long_is_not_made_again_soon(
    other: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking = {"id": "caches-differ", "severity": "error", "message": "as it was"}
    earlier = {"at": time.monotonic() - 30, "seconds": 2.0, "findings": [lacking]}
    other.tells(primary(), flows(), flows())
    compared = comparison(other.port, monkeypatch, flows(), earlier=earlier)
    assert sentences(compared.find(facts())) == ["error caches-differ: as it was"]
    assert other.asked == [peer.FACTS]
    # after 20 times as long it is made, and kept
    earlier["at"] -= 11
    assert compared.find(facts()) == []
    assert other.asked == [peer.FACTS, peer.FACTS, peer.FLOWS]
    assert compared.keep["findings"] == []
    assert compared.keep["at"] == pytest.approx(time.monotonic(), abs=5)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param(b"", "its answer is not that of pair-health: b''", id="nothing"),
        pytest.param(b'["facts"]', "its answer is not that of pair-health", id="other-json"),
        pytest.param(b'{"pair": "ftfw"}', "its answer lacks node, virtual_addresses, units", id="older"),
        pytest.param(json.dumps(facts("fw-3")).encode(), "fw-3 of ftfw answers in its place", id="stranger"),
        pytest.param(
            json.dumps(primary(ruleset=None)).encode(),
            "its answer is not understood: TypeError",
            id="of-another-shape",
        ),
    ],
)
def test_an_answer_that_is_none(
    other: Peer, monkeypatch: pytest.MonkeyPatch, answer: bytes, why: str
) -> None:
    other.answer = lambda _what: answer
    [found] = comparison(other.port, monkeypatch).find(facts())
    assert (found.id, found.severity) == ("node-unreachable", "error")
    assert found.message.startswith(f"fw-1: can't be asked for its state: {why}")


def test_a_peer_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    [found] = comparison(port, monkeypatch).find(facts())
    why = f"127.0.0.1, TCP port {port}: Connection refused"
    assert found.message == f"fw-1: can't be asked for its state: {why}"


def test_the_next_link_where_one_is_cut(other: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.2", 0)):
        other.tells(primary(), flows())
        compared = comparison(other.port, monkeypatch, flows())
        compared.config.links.insert(0, {"local": "127.0.0.1", "peer": "127.0.0.2"})
        assert compared.find(facts()) == []
