# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules of a verification, between two network namespaces: real packets, real processes."""

from __future__ import annotations

import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftfw.pair.tests.integration.probes import server as server_program

CLIENT, SERVER = "192.0.2.1", "192.0.2.2"
CLIENT6, SERVER6 = "2001:db8::1", "2001:db8::2"
BOTH = pytest.mark.parametrize("server", [SERVER, SERVER6], ids=["IPv4", "IPv6"])
BEFORE, AFTER = "02:00:00:00:00:11", "02:00:00:00:00:12"
HELPER = Path(server_program.__file__)

Run = Callable[..., dict[str, Any]]


class Wire:
    """A client and a server in namespaces of their own, and the modules run in either."""

    def __init__(self, client: str, server: str, module: Run, directory: Path) -> None:
        self.names = {"client": client, "server": server}
        self.module = module
        self.directory = directory

    def command(self, where: str, *command: str) -> subprocess.CompletedProcess[str]:
        full = ["ip", "netns", "exec", self.names[where], *command]
        return subprocess.run(full, check=True, capture_output=True, text=True)

    def __call__(self, where: str, name: str, **arguments: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.module(name, arguments, "ip", "netns", "exec", self.names[where])
        return answer

    def check(self, *checks: dict[str, Any]) -> dict[str, tuple[str, str]]:
        rows = self(
            "client", "service_check", checks=[{"timeout": 2, "target": SERVER, **one} for one in checks]
        )
        return {row["name"]: (row["seen"], row["detail"]) for row in rows["checks"]}

    def sessions(self, state: str, **arguments: Any) -> dict[str, Any]:
        return self("client", "session_probe", state=state, directory=str(self.directory), **arguments)

    def take_over(self) -> None:
        """What the client sees of a takeover: the address has another link address from now on."""
        self.command("server", "ip", "link", "set", "eth0", "address", AFTER)


@pytest.fixture
def wire(module: Run, tmp_path: Path) -> Iterator[Wire]:
    names = [f"ftfw-test-{secrets.token_hex(4)}" for _side in range(2)]
    try:
        for name in names:
            subprocess.run(["ip", "netns", "add", name], check=True)
        wire = Wire(names[0], names[1], module, tmp_path / "probes")
        link = ["ip", "link", "add", "eth0", "netns", names[0], "type", "veth", "peer", "eth0"]
        subprocess.run([*link, "address", BEFORE, "netns", names[1]], check=True)
        for side, address, six in (("client", CLIENT, CLIENT6), ("server", SERVER, SERVER6)):
            wire.command(side, "ip", "address", "add", f"{address}/24", "dev", "eth0")
            wire.command(side, "ip", "address", "add", f"{six}/64", "dev", "eth0", "nodad")
            wire.command(side, "ip", "link", "set", "lo", "up")
            wire.command(side, "ip", "link", "set", "eth0", "up")
        for switch in ("ipv4/conf/eth0/arp_notify", "ipv6/conf/eth0/ndisc_notify"):
            wire.command("server", "sh", "-c", f"echo 1 >/proc/sys/net/{switch}")
        yield wire
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], check=False)


@pytest.fixture
def served(wire: Wire) -> Iterator[Wire]:
    """The wire with a web and an FTP server on it."""
    command = ["ip", "netns", "exec", wire.names["server"], sys.executable, str(HELPER), SERVER, SERVER6]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield wire
        finally:
            process.kill()


def filter_packets(wire: Wire, verdict: str, ports: str) -> None:
    rules = [
        "add table inet t",
        "add chain inet t c { type filter hook input priority 0; policy accept; }",
        f"add rule inet t c tcp dport {ports} {verdict}",
        f"add rule inet t c udp dport {ports} {verdict}",
    ]
    wire.command("server", "nft", "\n".join(rules))


@pytest.mark.parametrize(
    ("check", "seen", "detail"),
    [
        pytest.param({"kind": "tcp", "port": 80}, "accept", "", id="tcp"),
        pytest.param({"kind": "http", "path": "/small"}, "accept", "4096 bytes", id="http"),
        pytest.param({"kind": "http", "path": "/none"}, "error", "/none: 404 Not Found", id="no such file"),
        pytest.param(
            {"kind": "http", "path": "/small", "sha256": server_program.CHECKSUMS["large"]},
            "error",
            "/small: 4096 bytes with another checksum",
            id="another file",
        ),
        pytest.param({"kind": "ftp", "path": "small"}, "accept", "4096 bytes", id="ftp"),
        pytest.param({"kind": "ssh", "port": 21}, "error", "not ssh: '220 ready'", id="another service"),
        pytest.param(
            {"kind": "ssh", "port": 80, "timeout": 4}, "error", "no answer on the connection", id="silent"
        ),
        pytest.param({"kind": "tcp", "port": 25}, "reject", "Connection refused", id="tcp without listener"),
        pytest.param({"kind": "udp", "port": 123}, "reject", "Connection refused", id="udp without listener"),
    ],
)
def test_service_check(served: Wire, check: dict[str, Any], seen: str, detail: str) -> None:
    targets = {"IPv4": SERVER, "IPv6": SERVER6}
    rows = served.check(*({"name": name, "target": target, **check} for name, target in targets.items()))
    assert rows == {"IPv4": (seen, detail), "IPv6": (seen, detail)}


@BOTH
@pytest.mark.parametrize("verdict", ["drop", "reject"])
def test_filtered_services(wire: Wire, verdict: str, server: str) -> None:
    filter_packets(wire, verdict, "{ 25, 123 }")
    seen = wire.check(
        {"name": "t", "kind": "tcp", "port": 25, "target": server},
        {"name": "u", "kind": "udp", "port": 123, "target": server},
    )
    assert {name: outcome for name, (outcome, _detail) in seen.items()} == {"t": verdict, "u": verdict}


def test_a_check_needs_its_port(wire: Wire) -> None:
    answer = wire("client", "service_check", checks=[{"name": "x", "kind": "tcp", "target": SERVER}])
    assert answer["failed"]
    assert "port" in answer["msg"]


@BOTH
def test_listener(wire: Wire, server: str) -> None:
    options = {
        "listeners": [
            {"protocol": "tcp", "address": server, "port": 25},
            {"protocol": "udp", "address": server, "port": 123},
        ],
        "directory": str(wire.directory),
        "lifetime": 30,
    }
    probes = (
        {"name": "t", "kind": "tcp", "port": 25, "target": server},
        {"name": "u", "kind": "udp", "port": 123, "target": server},
    )
    client = CLIENT if server == SERVER else CLIENT6

    planned = wire("server", "service_listener", **options, _ansible_check_mode=True)
    assert planned["changed"]
    assert wire.check(probes[0])["t"][0] == "reject"

    started = wire("server", "service_listener", **options)
    assert [row["seen"] for row in started["checks"]] == ["accept", "accept"]
    filter_packets(wire, "drop", "25")
    assert {name: seen for name, (seen, _detail) in wire.check(*probes).items()} == {
        "t": "drop",
        "u": "accept",
    }

    stopped = wire("server", "service_listener", state="stopped", **options)
    assert stopped["listeners"] == [{"arrivals": 0, "peers": []}, {"arrivals": 1, "peers": [client]}]
    assert [row["ok"] for row in stopped["checks"]] == [True, False]
    again = wire("server", "service_listener", state="stopped", **options)
    assert (again["changed"], "checks" in again) == (False, False)


def test_listener_at_a_port_in_use(served: Wire) -> None:
    listeners = [{"protocol": "tcp", "address": SERVER, "port": 80}]
    answer = served("server", "service_listener", listeners=listeners, directory=str(served.directory))
    assert answer["msg"] == f"listener verify: can't listen at tcp/80 of {SERVER}: Address already in use"


def test_listener_ends_by_itself(wire: Wire) -> None:
    listeners = [{"protocol": "tcp", "address": SERVER, "port": 25}]
    wire("server", "service_listener", listeners=listeners, directory=str(wire.directory), lifetime=1)
    time.sleep(1.2)
    assert wire.check({"name": "t", "kind": "tcp", "port": 25})["t"][0] == "reject"
    assert list(wire.directory.iterdir()) == []


FLOWS: list[dict[str, Any]] = [
    {"name": "web", "kind": "http", "target": SERVER, "path": "/echo", "interval": 0.1},
    {
        "name": "download",
        "kind": "download",
        "target": SERVER,
        "path": "/large",
        "interval": 0.1,
        "sha256": server_program.CHECKSUMS["large"],
    },
    {
        "name": "ftp",
        "kind": "ftp",
        "target": SERVER,
        "path": "small",
        "sha256": server_program.CHECKSUMS["small"],
    },
]


DUAL = [
    {**flow, "target": target, "name": flow["name"] + name}
    for target, name in ((SERVER, ""), (SERVER6, " (IPv6)"))
    for flow in FLOWS
]


def seen_rows(answer: dict[str, Any]) -> dict[str, tuple[str, bool]]:
    return {row["name"]: (row["seen"], row["ok"]) for row in answer["checks"]}


def begin(wire: Wire, **arguments: Any) -> None:
    options = {"gateway": [SERVER, SERVER6], "flows": DUAL, **arguments}
    started = wire.sessions("started", lifetime=40, **options)
    assert started["changed"]
    # the kernel takes no second answer for a neighbour within a second (locktime in arp(7))
    time.sleep(1.2)


def test_sessions_that_survive(served: Wire) -> None:
    begin(served)
    served.take_over()
    collected = served.sessions("collected", window=5)
    assert seen_rows(collected) == {
        "failover: takeovers that the client has seen": ("1", True),
        "failover: takeovers that the client has seen (IPv6)": ("1", True),
        "failover: web": ("survives", True),
        "failover: download": ("survives", True),
        "failover: ftp": ("survives", True),
        "failover: web (IPv6)": ("survives", True),
        "failover: download (IPv6)": ("survives", True),
        "failover: ftp (IPv6)": ("survives", True),
        "failover: web: still works at the end": ("yes", True),
        "failover: download: complete, with the right checksum": ("yes", True),
        "failover: ftp: a new data transfer on it": ("yes", True),
        "failover: web (IPv6): still works at the end": ("yes", True),
        "failover: download (IPv6): complete, with the right checksum": ("yes", True),
        "failover: ftp (IPv6): a new data transfer on it": ("yes", True),
    }
    assert collected["ok"]
    assert collected["takeovers"] == [
        {"gateway": gateway, "before": BEFORE, "after": AFTER} for gateway in (SERVER, SERVER6)
    ]


@BOTH
def test_sessions_of_one_family(served: Wire, server: str) -> None:
    begin(served, gateway=server, flows=[flow for flow in DUAL if flow["target"] == server][:1])
    served.take_over()
    collected = served.sessions("collected", window=5)
    assert collected["ok"]
    assert len(collected["checks"]) == 3


@pytest.mark.parametrize(
    ("table", "expected", "survivors", "ok"),
    [
        pytest.param("inet", "dies", [False] * 6, True, id="both, as they should"),
        pytest.param("inet", "survives", [False] * 6, False, id="both"),
        pytest.param("ip6", "survives", [True] * 3 + [False] * 3, False, id="IPv6 alone"),
    ],
)
def test_sessions_that_die(served: Wire, table: str, expected: str, survivors: list[bool], ok: bool) -> None:
    begin(served)
    chain = "type filter hook input priority 0; meta l4proto tcp drop;"
    served.command("server", "nft", f"table {table} t {{ chain c {{ {chain} }}; }}")
    served.take_over()
    collected = served.sessions("collected", window=2, expected=expected, finish_timeout=1)
    assert [flow["survived"] for flow in collected["flows"]] == survivors
    assert collected["ok"] == ok


def test_a_control_that_survives_is_not_ok(served: Wire) -> None:
    begin(served)
    served.take_over()
    collected = served.sessions("collected", window=2, expected="dies")
    assert [flow["survived"] for flow in collected["flows"]] == [True] * 6
    assert not collected["ok"]


def test_without_takeover_nothing_is_proved(served: Wire) -> None:
    begin(served)
    collected = served.sessions("collected", window=1, takeover_timeout=0.5, expected="dies")
    assert set(seen_rows(collected).values()) == {("0", False), ("no takeover seen", False)}


def test_sessions_that_cannot_be_opened(wire: Wire) -> None:
    answer = wire.sessions("started", gateway=SERVER, flows=FLOWS[:1], open_timeout=2)
    assert answer["msg"] == "sessions failover: sessions can't be opened: web: [Errno 111] Connection refused"
    assert wire.sessions("stopped")["changed"] is False


def test_collecting_what_was_never_started(wire: Wire) -> None:
    answer = wire.sessions("collected")
    assert answer["msg"].endswith("it was never started, or its lifetime is over")


def test_a_session_needs_a_gateway_of_its_family(served: Wire) -> None:
    answer = served.sessions("started", gateway=SERVER, flows=DUAL)
    assert answer["msg"].endswith(f"web (IPv6): no gateway of the family of {SERVER6}")
