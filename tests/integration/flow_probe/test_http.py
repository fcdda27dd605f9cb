# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions with web servers that know nothing of the probe, in both families: real servers, real packets."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftfw.pair.tests.integration.flow_probe.net import SERVER, Net

SIX = "2001:db8:51::1"
PORT = 8080
FAMILIES = pytest.mark.parametrize("target", [SERVER, SIX], ids=["ipv4", "ipv6"])


@contextmanager
def served(net: Net, folder: Path, protocol: str) -> Iterator[None]:
    """A web server of this version of HTTP: up to 1.0 it ends each connection after an answer."""
    for where, address, far, gateway in (
        ("client", "2001:db8:2::1", "client", "2001:db8:2::254"),
        ("server", SIX, "server", "2001:db8:51::254"),
    ):
        net.command("router", "ip", "address", "add", f"{gateway}/64", "dev", far, "nodad")
        net.command(where, "ip", "address", "add", f"{address}/64", "dev", "eth0", "nodad")
        net.command(where, "ip", "route", "add", "default", "via", gateway)
    net.command("router", "sysctl", "-q", "-w", "net.ipv6.conf.all.forwarding=1")
    (folder / "page.html").write_text("Hello.\n" * 1000)
    words = ["ip", "netns", "exec", net.name("server"), sys.executable, "-m", "http.server", str(PORT)]
    options = ["--bind", "::", "--directory", str(folder), "--protocol", protocol]
    with subprocess.Popen([*words, *options], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as server:
        try:
            yield
        finally:
            server.kill()


def start(net: Net, target: str, **more: Any) -> dict[str, Any]:
    to = {"target": target, "port": PORT, "path": "/page.html"}
    sessions = {"name": "sessions", "kind": "http", "count": 5, "rate": 4, **to}
    fresh = {"name": "new", "kind": "http_connect", "rate": 20, **to}
    return net.probe("client", "started", flows=[sessions, fresh], **more)


def collect(net: Net) -> tuple[dict[str, Any], dict[str, Any]]:
    told = net.probe("client", "collected")
    assert not told.get("failed"), told["msg"]
    sessions, fresh = told["flows"]
    return sessions, fresh


@FAMILIES
@pytest.mark.parametrize(("protocol", "kept"), [("HTTP/1.1", True), ("HTTP/1.0", False)])
def test_a_web_server_is_asked_again_and_again(
    net: Net, tmp_path: Path, target: str, protocol: str, kept: bool
) -> None:
    with served(net, tmp_path, protocol):
        told = start(net, target)
        assert not told.get("failed"), told["msg"]
        time.sleep(2)
        sessions, fresh = collect(net)
    assert (sessions["kept"], sessions["survivors"], sessions["ended"]) == (kept, 5, 0), sessions
    assert (sessions["corrupt"], sessions["happened"]) == (0, {})
    # four a second of each, for two seconds
    assert 25 <= sessions["received"] <= 60
    assert (fresh["lost"], fresh["survivors"], fresh["last_failed_at"]) == (0, 1, None), fresh
    assert fresh["received"] >= 25


@FAMILIES
def test_what_a_reset_ends_does_not_survive(net: Net, tmp_path: Path, target: str) -> None:
    with served(net, tmp_path, "HTTP/1.1"):
        told = start(net, target)
        assert not told.get("failed"), told["msg"]
        time.sleep(1)
        before = time.time()
        rule = f"policy accept; tcp dport {PORT} reject with tcp reset"
        table = f"table inet cut {{ chain c {{ type filter hook forward priority 0; {rule}; }}; }}"
        net.command("router", "nft", table)
        time.sleep(1)
        net.command("router", "nft", "delete table inet cut")
        after = time.time()
        time.sleep(2)
        sessions, fresh = collect(net)
    assert (sessions["survivors"], sessions["resets"], sessions["ended"]) == (0, 5, 5), sessions
    assert fresh["lost"] == fresh["refused"] > 5, fresh
    assert before - 0.2 <= fresh["first_failed_at"] < fresh["last_failed_at"] <= after + 0.2
    assert fresh["survivors"] == 1


def test_who_answers_no_http_is_told(net: Net, tmp_path: Path) -> None:
    with served(net, tmp_path, "HTTP/1.1"):
        listener = {"kind": "tcp", "address": SERVER, "port": 7001}
        net.probe("server", "started", listeners=[listener])
        flow = {"name": "web", "kind": "http", "target": SERVER, "port": 7001}
        told = net.probe("client", "started", flows=[flow], timeout=2)
        nobody = {**flow, "port": 7009}
        refused = net.probe("client", "started", flows=[nobody], timeout=10)
    assert "no exchange within" in told["msg"] and f"flow web (http) to {SERVER} 7001" in told["msg"]
    assert "refused" in refused["msg"]
