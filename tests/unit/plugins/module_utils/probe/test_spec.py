# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of a flow probe: what they are by default, and which make no sense."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.probe.spec import complete, problems

FLOW = {"name": "a", "kind": "tcp", "target": "192.0.2.1", "port": 7001}
PING = {"name": "a", "kind": "ping", "target": "192.0.2.1"}
LISTENER = {"kind": "tcp", "address": "192.0.2.1", "port": 7001}


def found(flow: dict[str, Any] | None = None, **options: Any) -> list[str]:
    spec = {"bin_ms": 10, "timeout": 10.0, "lifetime": 60.0, "listeners": [LISTENER], "flows": []}
    if flow:
        spec["flows"] = [complete(flow)]
    return problems({**spec, **options})


def test_defaults() -> None:
    assert complete({**FLOW, "rate": None, "count": 3}) == {
        **FLOW,
        "count": 3,
        "rate": 5,
        "size": 64,
        "seconds": 20.0,
        "down": True,
        "source_port": None,
        "path": "/",
    }


@pytest.mark.parametrize("kind", ["tcp", "connect", "udp", "ftp", "http", "http_connect"])
def test_defaults_make_sense(kind: str) -> None:
    assert found({**FLOW, "kind": kind}) == found(PING) == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"kind": "sctp"}, "kind: sctp: is none of tcp, connect, udp, ping, ftp, http, http_connect"),
        ({"target": "server"}, "target: server: is no IP address"),
        ({"port": None}, "port: is missing"),
        ({"port": 65536}, "port: 65536: use 1 to 65535"),
        ({"rate": -1}, "rate: -1: use 0.1 a second or more, and up to 20000 with all flows"),
        ({"rate": 300, "count": 70}, "rate: 300: use 0.1 a second or more, and up to 20000 with all flows"),
        ({"rate": float("nan")}, "rate: nan: use 0.1 a second or more, and up to 20000 with all flows"),
        ({"count": 0}, "count: 0: use 1 to 2000"),
        ({"size": 20}, "size: 20: use 36 to 65536 bytes for tcp"),
        ({"kind": "udp", "size": 1473}, "size: 1473: use 36 to 1472 bytes for udp"),
        ({"kind": "connect", "count": 2}, "count: 2: new connections have a rate, leave it out"),
        ({"kind": "connect", "source_port": 5}, "source_port: 5: connect can't keep one, leave it out"),
        (
            {"count": 70, "source_port": 65500},
            "source_port: 65500: use 1 to 65466, for 70 ports from there on",
        ),
        ({"kind": "http", "size": 64}, "size: 64: of http the server says it, leave it out"),
        (
            {"kind": "http", "path": "page"},
            "path: page: is no path; begin with a slash, and write blanks as %20",
        ),
        (
            {"kind": "http_connect", "path": "/a b"},
            "path: /a b: is no path; begin with a slash, and write blanks as %20",
        ),
        ({"kind": "http_connect", "count": 2}, "count: 2: new connections have a rate, leave it out"),
        ({"kind": "http", "source_port": 5}, "source_port: 5: http can't keep one, leave it out"),
        ({"kind": "ping"}, "port: 7001: a ping has no port, leave it out"),
        ({"kind": "ftp", "seconds": 3601}, "seconds: 3601: use 0 to 3600"),
    ],
)
def test_flows_that_make_no_sense(changes: dict[str, Any], problem: str) -> None:
    assert found({**FLOW, **changes}) == [f"flows[0].{problem}"]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"bin_ms": 0}, "bin_ms: 0: use 1 to 1000"),
        ({"timeout": 0}, "timeout: 0: use more than 0 seconds"),
        ({"lifetime": 10.0}, "lifetime: 10.0: use more than timeout (10.0), up to 86400 seconds"),
        ({"listeners": []}, "neither listeners nor flows: name one at least"),
        ({"listeners": [{**LISTENER, "kind": "sctp"}]}, "listeners[0].kind: sctp: is none of tcp, udp, ftp"),
        ({"listeners": [{**LISTENER, "address": "eth0"}]}, "listeners[0].address: eth0: is no IP address"),
        (
            {"listeners": [LISTENER, {**LISTENER, "kind": "ftp"}]},
            "listeners[1].port: 7001: listeners[0] has this tcp port too",
        ),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], problem: str) -> None:
    assert found(**options) == [problem]


def test_tcp_and_udp_may_have_one_port() -> None:
    assert found(listeners=[LISTENER, {**LISTENER, "kind": "udp"}]) == []


def test_all_problems_are_found_at_once() -> None:
    spec = {"bin_ms": 0, "timeout": 10.0, "lifetime": 5.0, "listeners": [], "flows": []}
    flows = [complete({**FLOW, "rate": 0}), complete({**FLOW, "kind": "udp"})]
    assert len(problems({**spec, "flows": flows})) == 4
