# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe through a router that cuts, rejects or just forwards: three namespaces, real packets."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.accounting import decode
from ansible_collections.ftfw.pair.tests.integration.flow_probe.net import (
    CLIENT,
    CONNECT,
    FLOWS,
    FTP,
    LISTENERS,
    PING,
    SERVER,
    TCP,
    UDP,
    Net,
)

# how late a busy machine with two cores may notice the beginning and the end of a cut
TOLERANCE = 250


def test_nothing_is_lost_where_nothing_happens(net: Net) -> None:
    net.start(*FLOWS)
    time.sleep(4)
    flows, heard, client = net.collect()
    for flow in flows.values():
        bad = {key: flow[key] for key in ("lost", "duplicated", "resets", "timeouts", "refused", "corrupt")}
        assert set(bad.values()) == {0}, (flow["name"], bad, flow["happened"])
        assert flow["survivors"] == flow["count"], flow
        assert flow["longest_gap_ms"] < TOLERANCE + flow["sender_stall_ms"], flow["name"]
        assert flow["sent"] == flow["received"] > 0
    assert flows["udp"]["complete"]
    assert flows["udp"]["up"]["sent"] == heard["udp"]["received"] == heard["udp"]["sent"]
    assert flows["udp"]["down"]["received"] == heard["udp"]["down_sent"]
    assert flows["udp"]["down"]["sent"] > 3500
    assert sum(decode(flows["udp"]["series"]["counts"])) == flows["udp"]["down"]["received"]
    assert flows["ftp"]["transfers"] == [[{"bytes": 300000, "ok": True}] * 2]
    assert (heard["tcp"]["count"], heard["tcp"]["received"]) == (10, flows["tcp"]["sent"])
    assert heard["tcp"]["peer"] == CLIENT
    assert heard["connect"]["received"] >= flows["connect"]["received"]
    assert 4 < client["ended_at"] - client["started_at"] < 20


@pytest.mark.parametrize("how", ["link", "rule"])
def test_a_cut_is_a_gap(net: Net, how: str) -> None:
    net.start(*FLOWS)
    time.sleep(1)
    began = time.time()
    if how == "link":
        net.command("router", "ip", "link", "set", "server", "down")
        time.sleep(0.5)
        net.command("router", "ip", "link", "set", "server", "up")
    else:
        with net.rule("policy drop"):
            time.sleep(0.5)
    cut = 1000 * (time.time() - began)
    time.sleep(3)
    flows, heard, _client = net.collect()
    # while a link comes up, what waits for its neighbour is kept, and the first question for that may be
    # lost: 1 s more
    kept, asked = (300, 1000) if how == "link" else (0, 0)
    longest = cut + asked + TOLERANCE
    for direction in ("up", "down"):
        udp = flows["udp"][direction]
        assert cut - TOLERANCE < udp["longest_gap_ms"] < longest
        # a packet each millisecond
        assert cut - TOLERANCE - kept < udp["lost"] < longest
        assert udp["longest_gap_at"] == pytest.approx(began, abs=0.3)
    assert heard["udp"]["lost"] == flows["udp"]["up"]["lost"]
    assert heard["udp"]["longest_gap_ms"] == pytest.approx(flows["udp"]["up"]["longest_gap_ms"])
    assert cut - TOLERANCE < flows["ping"]["longest_gap_ms"] < longest
    assert 25 <= flows["ping"]["lost"] <= longest / 10
    assert "0*" in flows["udp"]["series"]["counts"]
    # what runs over TCP waits, and comes: after a retransmission
    for name in ("tcp", "ftp"):
        assert flows[name]["longest_gap_ms"] >= 400
        assert (flows[name]["lost"], flows[name]["resets"]) == (0, 0)
        assert flows[name]["survivors"] == flows[name]["count"]
    assert flows["connect"]["resets"] == flows["connect"]["refused"] == 0


def test_the_directions_of_udp_are_apart(net: Net) -> None:
    net.start(UDP)
    time.sleep(0.5)
    with net.rule(f"ip saddr {CLIENT} drop"):
        time.sleep(0.5)
    time.sleep(0.5)
    udp = net.collect()[0]["udp"]
    assert udp["up"]["lost"] > 300
    assert udp["up"]["longest_gap_ms"] > 450
    assert udp["down"]["lost"] == 0
    assert udp["down"]["longest_gap_ms"] < TOLERANCE


def test_a_cut_up_to_the_end(net: Net) -> None:
    net.start(TCP, UDP, PING)
    time.sleep(0.5)
    with net.rule("policy drop"):
        time.sleep(1.5)
        client = net.probe("client", "collected", window=1)
    flows = {flow["name"]: flow for flow in client["flows"]}
    assert [flow["survivors"] for flow in flows.values()] == [0, 0, 0]
    assert not flows["udp"]["complete"]
    assert flows["udp"]["up"]["received"] is None
    for flow in flows.values():
        assert flow["longest_gap_ms"] > 1400, flow["name"]
    assert flows["tcp"]["lost"] > 10 * 20


def test_resets(net: Net) -> None:
    net.start(TCP, CONNECT)
    with net.rule("meta l4proto tcp reject with tcp reset"):
        time.sleep(1)
    flows = net.collect()[0]
    assert (flows["tcp"]["resets"], flows["tcp"]["survivors"]) == (10, 0)
    # a connection that is answered with a reset is refused
    assert flows["connect"]["refused"] > 20
    assert flows["connect"]["lost"] >= flows["connect"]["refused"]


def test_connections_that_time_out(net: Net) -> None:
    net.start(CONNECT)
    with net.rule("policy drop"):
        time.sleep(3.5)
    connect = net.collect()[0]["connect"]
    assert connect["timeouts"] > 10
    assert connect["lost"] == connect["timeouts"]
    assert connect["longest_gap_ms"] > 2500


def test_every_loss_is_counted_once(net: Net) -> None:
    """The router's own counter says how many it has dropped."""
    net.start(UDP)
    with net.rule(f"ip saddr {CLIENT} meta length 92 numgen random mod 10 < 3 counter drop"):
        time.sleep(1)
        rules = json.loads(net.command("router", "nft", "-j", "list chain ip cut c"))["nftables"]
    dropped = next(
        expression["counter"]["packets"]
        for item in rules
        for expression in item.get("rule", {}).get("expr", [])
        if "counter" in expression
    )
    udp = net.collect()[0]["udp"]
    assert dropped > 100
    assert dropped <= udp["up"]["lost"] <= dropped + 100
    assert udp["up"]["sent"] == udp["up"]["received"] + udp["up"]["lost"]
    assert udp["down"]["lost"] == 0


def test_duplicates_are_no_arrivals(net: Net) -> None:
    net.start(UDP)
    with net.rule(f"ip saddr {CLIENT} dup to {SERVER}"):
        time.sleep(0.5)
    udp = net.collect()[0]["udp"]
    assert udp["up"]["duplicated"] > 300
    assert udp["up"]["received"] == udp["up"]["sent"]
    assert (udp["up"]["lost"], udp["down"]["duplicated"]) == (0, 0)


def test_cost(net: Net) -> None:
    """The default rates, with 70 long flows, cost each side less than 15 % of a core."""
    long = {"name": "long", "kind": "tcp", "target": SERVER, "port": 7001, "count": 70}
    others = [{key: flow[key] for key in flow if key != "rate"} for flow in (CONNECT, UDP, PING, FTP)]
    net.start(long, *others)
    time.sleep(8)
    flows, _heard, client = net.collect()
    assert flows["long"]["survivors"] == 70
    assert client["cpu_percent"] < 15
    assert client["server_cpu_percent"] < 15


def test_ipv6(net: Net) -> None:
    for where, device, address in (
        ("client", "eth0", "2001:db8:1::1/64"),
        ("router", "client", "2001:db8:1::ff/64"),
        ("router", "server", "2001:db8:2::ff/64"),
        ("server", "eth0", "2001:db8:2::1/64"),
    ):
        net.command(where, "ip", "address", "add", address, "dev", device, "nodad")
    net.command("client", "ip", "route", "add", "default", "via", "2001:db8:1::ff")
    net.command("server", "ip", "route", "add", "default", "via", "2001:db8:2::ff")
    net.command("router", "sysctl", "-q", "-w", "net.ipv6.conf.all.forwarding=1")
    target = "2001:db8:2::1"
    flows = [{**flow, "target": target} for flow in (TCP, CONNECT, UDP, PING, {**FTP, "seconds": 1})]
    started = net.probe("server", "started", listeners=[{**one, "address": target} for one in LISTENERS])
    assert "failed" not in started
    assert "failed" not in net.probe("client", "started", flows=flows)
    time.sleep(1)
    seen = net.collect()[0]
    assert {name: (flow["lost"], flow["survivors"]) for name, flow in seen.items()} == {
        "tcp": (0, 10),
        "connect": (0, 1),
        "udp": (0, 1),
        "ping": (0, 1),
        "ftp": (0, 1),
    }


def test_a_wrong_answer_is_corrupt(net: Net) -> None:
    """A server that changes a byte is found out."""
    code = (
        "import socket\n"
        f"server = socket.create_server(({SERVER!r}, 7001))\n"
        "print('ready', flush=True)\n"
        "peer, _ = server.accept()\n"
        "while data := peer.recv(64): peer.sendall(data[:-9] + b'?' + data[-8:])\n"
    )
    command = ["ip", "netns", "exec", net.name("server"), sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            net.probe("client", "started", flows=[{**TCP, "count": 1}], require_reachable=False)
            time.sleep(1)
            flow = net.probe("client", "collected")["flows"][0]
        finally:
            process.kill()
    assert flow["corrupt"] > 5
    assert (flow["received"], flow["survivors"]) == (0, 0)
