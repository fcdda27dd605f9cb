# SPDX-License-Identifier: GPL-3.0-or-later
"""Client, router and server of a test."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.ftfw.pair.tests.integration.flow_probe.net import CLIENT, SERVER, Net, Run


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
