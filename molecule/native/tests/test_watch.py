# SPDX-License-Identifier: GPL-3.0-or-later
"""Others take the table or a card away under a firewall that runs: it notices, and the pair goes on."""

from __future__ import annotations

import json
import subprocess
import time

import pytest
from containers import NODES, PREFIX, PROJECT, other_of, run, wait
from fault_table import inject
from pings import pinged
from test_pair import Flow, is_primary, primary, settle

CONFIGURATION = """flush ruleset
include "/etc/more*.nft"
table inet mine {
    chain mine {
        type filter hook input priority 5; policy accept;
        counter
    }
}
"""
CARDS = {"eth0": "outside", "eth1": "inside", "eth2": "sync"}


def tables(node: str) -> dict[str, str]:
    """Name and handle of each table; one that was deleted and added again has another handle."""
    listing = json.loads(run(node, "nft -j list tables"))["nftables"]
    return {entry["table"]["name"]: str(entry["table"]["handle"]) for entry in listing if "table" in entry}


def findings(node: str, identity: str) -> list[str]:
    found = json.loads(run(node, "pair-health"))["findings"]
    return [finding["message"] for finding in found if finding["id"] == identity]


def gap(flow: Flow) -> float:
    """The longest silence of the flow so far, and up to now."""
    times = [*flow.times(), time.time()]
    return max(after - before for before, after in zip(times, times[1:]))


def unplug(node: str, interface: str) -> None:
    run("wires", f"ip link delete {node}-{interface}")


def plug(node: str, interface: str, mac: str) -> None:
    """As the lab does it."""
    program = str(PROJECT / "roles/lab/files/wire-nodes")
    end = f"{node}/{interface}/{mac}/{CARDS[interface]}"
    subprocess.run(["sh", program, PREFIX, "wires", end], check=True, capture_output=True)


def test_the_distribution_s_service_spares_the_table() -> None:
    node = primary()
    before = tables(node)
    run(node, "cp -p /etc/nftables.conf /root/nftables.conf; echo 'table ip more { }' >/etc/more.nft")
    run(node, f"cat >/etc/nftables.conf <<'X'\n{CONFIGURATION}X")
    flow = Flow(60)
    try:
        for verb, theirs in (
            ("start", {"mine", "more"}),
            ("reload", {"mine", "more"}),
            ("restart", {"mine", "more"}),
            ("stop", set()),
        ):
            run(node, f"systemctl {verb} nftables.service")
            found = tables(node)
            assert found["ftfw"] == before["ftfw"]
            assert found.keys() == before.keys() | theirs
        assert is_primary(node)
        assert gap(flow) < 1
    finally:
        run(node, "mv /root/nftables.conf /etc/nftables.conf; rm -f /etc/more.nft; systemctl stop nftables")


def test_a_primary_without_its_table_gives_way_and_gets_it_again() -> None:
    node = primary()
    settle(node)
    flow = Flow(60)
    run(node, "nft flush ruleset")
    wait("the other one is primary", lambda: is_primary(other_of(node)), 5)
    wait(
        "the table is back", lambda: "chain forward" in run(node, "nft list table inet ftfw", check=False), 5
    )
    wait("keepalived runs", lambda: run(node, "systemctl is-active keepalived", check=False) == "active\n", 5)
    assert gap(flow) < 3
    settle(other_of(node))
    log = run(node, "journalctl -b -u pair-watch -o cat --no-pager")
    assert "table inet ftfw is gone: gives way to the peer" in log
    assert not findings(node, "ruleset-missing")


def test_a_backup_whose_card_was_made_anew_takes_over() -> None:
    old = primary()
    node = other_of(old)
    settle(old)
    macs = {interface: run(node, f"cat /sys/class/net/{interface}/address").strip() for interface in CARDS}
    # on each leg one that sends and one that listens, for each family
    sockets = "ss -Hawn | grep -c ':112 '"
    before = run(node, sockets)
    for interface in ("eth0", "eth2"):
        unplug(node, interface)
    wait("it is told of", lambda: len(findings(node, "card-deaf")) >= 2, 5)
    plug(node, "eth0", "12:34:56:00:00:01")
    wait(
        "another card of that name isn't it",
        lambda: any("it is another card" in said for said in findings(node, "card-deaf")),
        5,
    )
    unplug(node, "eth0")
    for interface in ("eth0", "eth2"):
        plug(node, interface, macs[interface])
    # 0.1 s on a machine that has nothing else to do
    wait("keepalived listens", lambda: run(node, sockets, check=False) == before, 2)
    wait("nothing is deaf", lambda: not findings(node, "card-deaf"), 5)
    wait("conntrackd has its link", lambda: "status=RUNNING" in run(node, "conntrackd -s link"), 5)
    settle(old)
    run(old, inject("keepalived_kill"))
    wait("it takes over", lambda: is_primary(node), 5)
    settle(node)


@pytest.mark.long
@pytest.mark.parametrize("away", [0.0, 1.5])
@pytest.mark.parametrize("interface", ["eth0", "eth1", "eth2"])
def test_a_primary_whose_card_goes_and_comes_is_missed_by_nobody(interface: str, away: float) -> None:
    node = primary()
    settle(node)
    mac = run(node, f"cat /sys/class/net/{interface}/address").strip()
    with pinged() as pings:
        unplug(node, interface)
        if away:
            gone = f"{interface}, which is not there"
            wait("it is told of", lambda: any(gone in said for said in findings(node, "card-deaf")), 5)
            time.sleep(away)
        plug(node, interface, mac)
        wait("nothing is deaf", lambda: not any(findings(each, "card-deaf") for each in NODES), 5)
        settle(primary())
        assert max(pings.gaps().values()) < 3
        # each of them hears the other one again: either can go
        for _each in NODES:
            old = primary()
            settle(old)
            run(old, inject("keepalived_kill"))
            wait("the other one takes over", lambda old=old: is_primary(other_of(old)), 5)
        settle(primary())
        assert max(pings.gaps().values()) < 3
