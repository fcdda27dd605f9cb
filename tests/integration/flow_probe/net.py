# SPDX-License-Identifier: GPL-3.0-or-later
"""Three namespaces, client, router and server, and the probe in them."""

from __future__ import annotations

import contextlib
import secrets
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

CLIENT, SERVER = "192.0.2.1", "198.51.100.1"
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
