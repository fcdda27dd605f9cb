# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Path tracking on real wires: what a node concludes, and does. The wires are in path_pair.py. Needs root."""

from __future__ import annotations

import json
import os
import select
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.ftfw.pair.tests.integration.pair.path_pair import (
    NETWORKS,
    NODES,
    PORT,
    SOON,
    TARGETS,
    Holder,
    Pair,
    PathNode,
    Wires,
    laid,
    nobody_gives_way,
    running,
    wait_for,
)

both_families = pytest.mark.parametrize("family", [4, 6], ids=["IPv4", "IPv6"])


@pytest.fixture(scope="module")
def wires() -> Iterator[Wires]:
    with laid() as made:
        yield made


@pytest.fixture
def family() -> int:
    return 4


@pytest.fixture
def pair(wires: Wires, agent: Path, tmp_path: Path, family: int) -> Iterator[Pair]:
    with running(wires, agent, tmp_path, TARGETS[family], family) as nodes:
        yield nodes


@pytest.mark.parametrize("leg", ["outside", "inside"])
@pytest.mark.parametrize("loser", NODES)
def test_a_lost_leg_gives_way_and_comes_back(wires: Wires, pair: Pair, loser: str, leg: str) -> None:
    lost, other = pair if loser == "left" else pair[::-1]
    with wires.cut(wires.end(loser, leg)):
        assert wait_for(lost, True, SOON) > 0.3
        nobody_gives_way((other, other), 1)
        assert lost.fault
    assert wait_for(lost, False, 3.5) >= 1.8
    nobody_gives_way(pair)


@both_families
@pytest.mark.parametrize("way", ["i", "o"], ids=["to-the-bridge", "to-the-node"])
def test_a_leg_lost_in_one_direction(wires: Wires, pair: Pair, way: str) -> None:
    with wires.cut(wires.end("left", "outside"), ways=way):
        wait_for(pair[0], True, SOON)
        assert not pair[1].fault
    wait_for(pair[0], False, 3.5)


@both_families
def test_a_cut_in_the_middle_moves_nothing(wires: Wires, pair: Pair) -> None:
    with wires.cut("trunk-a"):
        nobody_gives_way(pair)
        assert all("outside (outside) works here, since others answer" in node.log for node in pair)
    nobody_gives_way(pair)


@pytest.mark.parametrize("cut", ["left-outside", "trunk-a"])
def test_without_third_parties_nobody_knows_better(
    wires: Wires, agent: Path, tmp_path: Path, cut: str
) -> None:
    """Those that are known do not answer, the pair's own addresses are never asked."""
    targets = {"outside": ["192.168.0.77", "192.168.0.1", "192.168.0.2", "192.168.0.100"]}
    with running(wires, agent, tmp_path, targets) as pair:
        with wires.cut(cut):
            nobody_gives_way(pair)
            assert all("outside (outside) is dead here" in node.log for node in pair)
        nobody_gives_way(pair)


def test_a_lost_sync_link_moves_nothing(wires: Wires, pair: Pair) -> None:
    with wires.cut(wires.end("left", "sync")):
        nobody_gives_way(pair)


def test_a_lost_leg_while_the_sync_link_is_down(wires: Wires, pair: Pair) -> None:
    with wires.cut(wires.end("left", "sync"), wires.end("left", "outside")):
        wait_for(pair[0], True, SOON)
        assert not pair[1].fault


def test_all_links_lost_moves_nothing(wires: Wires, pair: Pair) -> None:
    """VRRP's own matter: neither node hears anything of the other."""
    with wires.cut(*(wires.end("left", network) for network in NETWORKS)):
        nobody_gives_way(pair)
    nobody_gives_way(pair)


@pytest.fixture
def holder(wires: Wires, pair: Pair, family: int) -> Iterator[Holder]:
    device = json.loads(wires.run("left", "ip", "-j", "link", "show", "inside"))[0]["address"]
    made = Holder(wires, pair[0], device, "192.168.2.100" if family == 4 else "fd00:2::100")
    address = made.with_length
    wires.run("left", "ip", "address", "add", address, "dev", "inside", *made.options)
    # those of the start have to be over
    time.sleep(3.5)
    yield made
    wires.run("left", "ip", "address", "delete", address, "dev", "inside")
    wires.run(made.neighbour, "ip", "neigh", "flush", "to", made.address)


@both_families
@pytest.mark.parametrize("cut", ["inside", "outside"])
def test_the_holder_announces_its_addresses_when_the_peer_is_heard_again(
    wires: Wires, pair: Pair, holder: Holder, cut: str
) -> None:
    """Whichever leg comes back: a neighbour may have learnt an address from the node that gave it up."""
    left = pair[0]
    with wires.cut(wires.end("left", cut), wires.end("left", "sync")):
        time.sleep(1.5)
        holder.mislead()
        logged = left.log.count("announced")
        time.sleep(0.5)
        assert holder.wrong in holder.entry() and left.log.count("announced") == logged
    holder.wait_until_announced(4, "the peer is heard again")
    assert "announced" not in pair[1].log


def test_flows_are_to_be_sent_again_when_links_are_heard(pair: Pair) -> None:
    """Once for all of them; how often at most is the plan's matter."""
    left = pair[0]
    os.mkfifo(left.folder / "notify")
    notified = os.open(left.folder / "notify", os.O_RDWR | os.O_NONBLOCK)
    try:
        assert select.select([notified], [], [], 5)[0]
        assert os.read(notified, 100) == b"PEER heard\n"
        assert not select.select([notified], [], [], 1)[0]
    finally:
        os.close(notified)


@both_families
def test_the_holder_announces_its_addresses_when_the_peer_has_given_its_up(
    wires: Wires, pair: Pair, holder: Holder
) -> None:
    """All links are heard: VRRP alone was lost, and of two primaries one has given way."""
    left, right = pair
    change = ["dev", "inside"]
    wires.run("right", "ip", "address", "add", "192.168.2.77/32", *change)
    wires.run("right", "ip", "address", "add", holder.with_length, *change, *holder.options)
    # for it has come there, too
    time.sleep(3.5)
    holder.mislead()
    logged = left.log.count("announced")
    wires.run("right", "ip", "address", "delete", "192.168.2.77/32", *change)
    time.sleep(1)
    assert holder.wrong in holder.entry() and left.log.count("announced") == logged
    wires.run("right", "ip", "address", "delete", holder.with_length, *change)
    holder.wait_until_announced(1, "the peer has given its up")
    assert "given its up" not in right.log


@both_families
def test_an_address_that_comes_again_on_a_new_card_is_announced(
    wires: Wires, pair: Pair, holder: Holder
) -> None:
    """keepalived may put it there without a word, and neighbours have learnt another node's meanwhile."""
    wires.run("left", "ip", "link", "delete", "inside")
    wires.plug("left", "inside", 1)
    device = json.loads(wires.run("left", "ip", "-j", "link", "show", "inside"))[0]["address"]
    wires.run("left", "ip", "address", "add", holder.with_length, "dev", "inside", *holder.options)
    replace(holder, device=device).mislead()
    replace(holder, device=device).wait_until_announced(4, "they have come here")


def claim(node: PathNode, now: bool = True) -> None:
    """What pair-preempt does on a node that holds all flows."""
    (node.folder / "claim").write_text(f"{time.monotonic() if now else 0:.3f}\n")


def test_the_claim_of_the_preferred_node_is_heeded_once(wires: Wires, pair: Pair) -> None:
    left, right = pair
    claim(left)
    wait_for(right, True, SOON)
    assert not left.fault
    assert wait_for(right, False, 3.5) >= 1.8
    assert "gives the role back to the preferred node, which holds all flows" in right.log
    # one that does not become primary in spite of it has a reason
    claim(left)
    nobody_gives_way(pair)


def test_a_claim_of_long_ago_counts_for_nothing(wires: Wires, pair: Pair) -> None:
    claim(pair[0], now=False)
    nobody_gives_way(pair)


@pytest.mark.parametrize("network", ["inside", "sync"])
def test_a_claim_while_a_link_is_lost(wires: Wires, pair: Pair, network: str) -> None:
    """A leg has to work; that the replication link does not is seen by whoever claims."""
    left, right = pair
    with wires.cut(wires.end("left", network)):
        time.sleep(1.5)
        claim(left)
        if network == "sync":
            wait_for(right, True, SOON)
        else:
            time.sleep(2)
            assert not right.fault


def test_the_preferred_node_heeds_no_claim(wires: Wires, pair: Pair) -> None:
    _left, right = pair
    right.stop()
    right.config.update(preferred=True, claim_file=str(right.folder / "claim"), yields=False)
    right.start()
    claim(right)
    nobody_gives_way(pair)


@pytest.mark.parametrize("end", ["kill", "freeze"])
def test_a_peer_that_is_gone(wires: Wires, pair: Pair, end: str) -> None:
    left, right = pair
    assert right.process is not None
    if end == "freeze":
        right.process.send_signal(19)  # SIGSTOP
        nobody_gives_way(pair)
        right.process.send_signal(18)  # SIGCONT
    else:
        right.stop()
        nobody_gives_way(pair)
        right.start()
    nobody_gives_way(pair, 1.5)
    with wires.cut(wires.end("left", "outside")):
        wait_for(left, True, SOON)


def test_nobody_gives_way_to_a_peer_without_keepalived(wires: Wires, pair: Pair) -> None:
    left, right = pair
    right.keepalived(0)
    time.sleep(1.2)
    with wires.cut(wires.end("left", "outside")):
        nobody_gives_way(pair)
        right.keepalived(os.getpid())
        wait_for(left, True, 2)
        right.keepalived(0)
        # one node has to be there for what still works
        wait_for(left, False, 4.5)


def test_the_last_node_takes_its_fault_back(wires: Wires, pair: Pair) -> None:
    left, right = pair
    with wires.cut(wires.end("left", "outside")):
        wait_for(left, True, SOON)
        right.stop()
        assert wait_for(left, False, 4.5) > 2


def test_a_restart_keeps_the_state(wires: Wires, pair: Pair) -> None:
    left, right = pair
    with wires.cut(wires.end("left", "outside")):
        wait_for(left, True, SOON)
        left.stop()
        left.start()
        right.stop()
        right.start()
        end = time.monotonic() + 3
        while time.monotonic() < end:
            assert left.fault and not right.fault
            time.sleep(0.02)
    wait_for(left, False, 3.5)


@both_families
def test_third_parties_are_told_by_the_one_that_knows_them(
    wires: Wires, agent: Path, tmp_path: Path, family: int
) -> None:
    """A primary talks to its neighbours; a backup, which doesn't, has to learn of them."""
    for address in (TARGETS[family]["outside"][0], TARGETS[family]["inside"][0]):
        wires.run("left", "bash", "-c", f"echo >/dev/udp/{address}/9")
    time.sleep(0.5)
    with running(wires, agent, tmp_path, {}, family) as pair, wires.cut(wires.end("left", "outside")):
        wait_for(pair[0], True, SOON)
        assert not pair[1].fault


FORGERY = """
import json, socket, sys
said = {"version": 1, "boot": "forged", "sequence": 10**9, "able": True, "fault": False, "heard": [],
        "legs": {"outside": "third", "inside": "third"}, "neighbours": {}}
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.setsockopt(socket.SOL_IP, 19, 1)  # IP_TRANSPARENT: send as somebody else
sender.bind((sys.argv[1], int(sys.argv[2])))
for data in (json.dumps(said).encode(), b"nonsense", b"{}", b""):
    sender.sendto(data, (sys.argv[3], 3781))
"""


@pytest.mark.parametrize(
    ("host", "source", "port"),
    [
        pytest.param("third-in", "192.168.2.13", PORT, id="another-address"),
        pytest.param("third-in", "192.168.2.2", 4000, id="another-port"),
        pytest.param("third-in", "192.168.0.2", PORT, id="an-address-of-another-link"),
    ],
)
def test_reports_of_others_are_not_heard(wires: Wires, pair: Pair, host: str, source: str, port: int) -> None:
    wires.run(host, sys.executable, "-c", FORGERY, source, str(port), "192.168.2.1")
    nobody_gives_way(pair, 0.5)
    assert "reports on" not in pair[0].log
    with wires.cut(wires.end("left", "outside")):
        wait_for(pair[0], True, SOON)


def test_an_interface_that_comes_again(wires: Wires, pair: Pair) -> None:
    wires.run("left", "ip", "link", "delete", "inside")
    nobody_gives_way((pair[1], pair[1]), 1.5)
    wires.plug("left", "inside", 1)
    wait_for(pair[0], False, 5)
    time.sleep(1)
    with wires.cut(wires.end("left", "outside")):
        wait_for(pair[0], True, SOON)
