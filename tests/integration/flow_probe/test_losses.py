# SPDX-License-Identifier: GPL-3.0-or-later
"""The probe through a router that cuts, rejects or just forwards: three namespaces, real packets."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.probe.spec import complete
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.accounting import decode
from ansible_collections.ftfw.pair.plugins.plugin_utils.packing.program import Program, build

CLIENT, SERVER = "192.0.2.1", "198.51.100.1"
ENGINE = Program("ansible_collections.ftfw.pair.plugins.module_utils.traffic.program")
Run = Callable[..., dict[str, Any]]
LISTENERS = [
    {"kind": "tcp", "address": SERVER, "port": 7001},
    {"kind": "udp", "address": SERVER, "port": 7002},
    {"kind": "ftp", "address": SERVER, "port": 21},
]
TCP = {"name": "tcp", "kind": "tcp", "target": SERVER, "port": 7001, "count": 10, "rate": 20}
CONNECT = {"name": "connect", "kind": "connect", "target": SERVER, "port": 7001, "rate": 50}
UDP = {"name": "udp", "kind": "udp", "target": SERVER, "port": 7002}
PING = {"name": "ping", "kind": "ping", "target": SERVER, "rate": 100}
FTP = {"name": "ftp", "kind": "ftp", "target": SERVER, "port": 21, "seconds": 3, "size": 300000}
FLOWS = [TCP, CONNECT, UDP, PING, FTP]
# how late a busy machine with two cores may notice the beginning and the end of a cut
TOLERANCE = 250


class Net:
    """Client, router and server, and probes on either side."""

    def __init__(self, module: Run, directory: Path) -> None:
        self.tag = secrets.token_hex(4)
        self.module, self.directory = module, str(directory)

    def name(self, where: str) -> str:
        return f"ftfw-test-{self.tag}-{where}"

    def command(self, where: str, *command: str) -> str:
        done = subprocess.run(
            ["ip", "netns", "exec", self.name(where), *command], check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def probe(self, where: str, state: str, **arguments: Any) -> dict[str, Any]:
        options = {"state": state, "name": where, "directory": self.directory, "lifetime": 60, **arguments}
        answer: dict[str, Any] = self.module("flow_probe", options, "ip", "netns", "exec", self.name(where))
        return answer

    def start(self, *flows: dict[str, Any], **arguments: Any) -> None:
        for where, options in (("server", {"listeners": LISTENERS}), ("client", {"flows": flows})):
            answer = self.probe(where, "started", **options, **arguments)
            assert not answer.get("failed"), answer["msg"]

    def collect(self) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]], dict[str, Any]]:
        """What became of the flows by name, what listeners had by kind, and the client's whole answer."""
        client = self.probe("client", "collected")
        server = self.probe("server", "collected")
        assert not client.get("failed"), client["msg"]
        return (
            {flow["name"]: flow for flow in client["flows"]},
            {one["kind"]: one for one in server["listeners"]},
            {**client, "server_cpu_percent": server["cpu_percent"]},
        )

    @contextlib.contextmanager
    def rule(self, rule: str) -> Iterator[None]:
        """Have the router do this with what it forwards."""
        table = f"table ip cut {{ chain c {{ type filter hook forward priority 0; {rule}; }}; }}"
        self.command("router", "nft", table)
        try:
            yield
        finally:
            self.command("router", "nft", "delete table ip cut")


@pytest.fixture
def net(module: Run, tmp_path: Path) -> Iterator[Net]:
    net = Net(module, tmp_path / "probes")
    roles = ("client", "router", "server")
    try:
        for role in roles:
            subprocess.run(["ip", "netns", "add", net.name(role)], check=True)
            net.command(role, "ip", "link", "set", "lo", "up")
        for role, address, gateway in (
            ("client", CLIENT, "192.0.2.254"),
            ("server", SERVER, "198.51.100.254"),
        ):
            link = ["ip", "link", "add", "eth0", "netns", net.name(role), "type", "veth"]
            subprocess.run([*link, "peer", role, "netns", net.name("router")], check=True)
            net.command("router", "ip", "address", "add", f"{gateway}/24", "dev", role)
            net.command("router", "ip", "link", "set", role, "up")
            net.command(role, "ip", "address", "add", f"{address}/24", "dev", "eth0")
            net.command(role, "ip", "link", "set", "eth0", "up")
            net.command(role, "ip", "route", "add", "default", "via", gateway)
        net.command("router", "sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
        yield net
    finally:
        for where in ("client", "server"):
            net.probe(where, "stopped")
        for role in roles:
            subprocess.run(["ip", "netns", "delete", net.name(role)], check=False)


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


@pytest.mark.parametrize("permitted", [True, False])
def test_realtime(net: Net, permitted: bool) -> None:
    """Where the priority is refused there is a note, and the probe runs."""
    command = ["ip", "netns", "exec", net.name("server")]
    if not permitted:
        command += ["setpriv", "--inh-caps=-sys_nice", "--bounding-set=-sys_nice"]
    options = {"name": "server", "directory": net.directory, "listeners": LISTENERS, "realtime": True}
    answer = net.module("flow_probe", options, *command)
    guard = Path(net.directory, "flow-server", "pid").read_text()
    child = Path(f"/proc/{guard}/task/{guard}/children").read_text().split()[0]
    policy = os.sched_getscheduler(int(child))
    if permitted and not answer["notes"]:
        assert policy == os.SCHED_FIFO
    else:
        assert answer["notes"] == ["no real-time priority: Operation not permitted"]
        # that of the tests, which may run with less than the usual one
        assert policy == os.sched_getscheduler(0)


def test_the_engine_runs_by_itself(net: Net, tmp_path: Path) -> None:
    """One file, and nothing but the standard library."""
    net.probe("server", "started", listeners=LISTENERS)
    spec = {"bin_ms": 10, "lifetime": 30, "timeout": 5, "require_reachable": True, "realtime": False}
    path = tmp_path / "spec.json"
    path.write_text(json.dumps({**spec, "listeners": [], "flows": [complete(UDP)]}))
    engine = tmp_path / "flow_probe.pyz"
    engine.write_bytes(build(ENGINE).content)
    # -S and -E: without site packages and PYTHONPATH
    command = ["ip", "netns", "exec", net.name("client"), sys.executable, "-S", "-E", str(engine), str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "started_at" in json.loads(process.stdout.readline())
        time.sleep(1)
        output, _nothing = process.communicate("\n")
    udp = json.loads(output)["flows"][0]
    assert (udp["lost"], udp["survivors"]) == (0, 1)


def test_a_port_that_is_taken(net: Net) -> None:
    net.probe("server", "started", listeners=LISTENERS[1:2])
    answer = net.probe("server", "started", name="other", listeners=LISTENERS[:2])
    assert answer["msg"] == (
        f"probe other: can't listen at udp port 7002 of {SERVER}: Address already in use (EADDRINUSE)"
    )
    # and nothing listens at the port before it
    again = net.probe("server", "started", name="third", listeners=LISTENERS[:1])
    assert "failed" not in again
    net.probe("server", "stopped", name="third")


def test_a_name_that_is_taken(net: Net) -> None:
    net.probe("server", "started", listeners=LISTENERS)
    answer = net.probe("server", "started", listeners=LISTENERS)
    assert answer["msg"].startswith("probe server: a probe of this name runs already")


@pytest.mark.parametrize(
    ("flow", "rule", "expected"),
    [
        pytest.param(
            TCP, None, "flow tcp (tcp) to 198.51.100.1 7001: refused (10 of 10 flows)", id="refused"
        ),
        pytest.param(CONNECT, None, "flow connect (connect) to 198.51.100.1 7001: refused", id="connect"),
        pytest.param(UDP, None, "flow udp (udp) to 198.51.100.1 7002: refused", id="udp refused"),
        pytest.param(UDP, "policy drop", "flow udp (udp) to 198.51.100.1 7002: timed out", id="udp dropped"),
        pytest.param(PING, "policy drop", "flow ping (ping) to 198.51.100.1: timed out", id="ping dropped"),
        pytest.param(FTP, "policy drop", "flow ftp (ftp) to 198.51.100.1 21: timed out", id="ftp dropped"),
        pytest.param(
            {**TCP, "target": "203.0.113.1", "count": 1},
            None,
            "flow tcp (tcp) to 203.0.113.1 7001: no route",
            id="no route",
        ),
    ],
)
def test_unreachable(net: Net, flow: dict[str, Any], rule: str | None, expected: str) -> None:
    with net.rule(rule) if rule else contextlib.nullcontext():
        answer = net.probe("client", "started", flows=[flow], timeout=1)
    assert answer["msg"].startswith("probe client: no exchange within ")
    assert answer["msg"].endswith(f" s: {expected}")
    assert net.probe("client", "stopped")["changed"] is False


def test_reachability_is_not_required(net: Net) -> None:
    answer = net.probe("client", "started", flows=[UDP, PING, CONNECT], require_reachable=False)
    assert "failed" not in answer
    net.probe("server", "started", listeners=LISTENERS)
    time.sleep(1)
    flows, heard, _client = net.collect()
    assert flows["udp"]["up"]["lost"] > 0
    assert heard["udp"]["name"] == "udp"
    assert flows["connect"]["refused"] > 0
    assert flows["ping"]["lost"] == 0


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


def test_bad_values_are_named_before_anything_starts(net: Net) -> None:
    flows = [{**UDP, "rate": 0}, {**UDP, "target": "server"}]
    answer = net.probe("client", "started", flows=flows, _ansible_check_mode=True)
    assert answer["msg"] == (
        "probe client: flows[0].rate: 0: use 0.1 a second or more, and up to 20000 with all flows; "
        "flows[1].name: udp: flows[0] has this name too; flows[1].target: server: is no IP address"
    )
    assert (
        "value of kind must be one of"
        in net.probe("client", "started", flows=[{**UDP, "kind": "sctp"}])["msg"]
    )


def test_it_ends_by_itself(net: Net) -> None:
    net.probe("server", "started", listeners=LISTENERS, lifetime=2, timeout=1)
    time.sleep(2.3)
    answer = net.probe("server", "collected")
    assert answer["msg"].endswith("it was never started, or its lifetime is over")
