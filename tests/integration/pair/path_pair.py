# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two nodes that run path tracking on real wires, third parties, and cuts that leave carriers up.

    left --- outside-a --- outside-b --- right        a third party hangs on each half of outside
    left --------- inside --------- right             and one on inside
    left ---------- sync ---------- right

Each node, each third party, and the bridges have a network namespace of their own. Needs root.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

IN_NAMESPACE = ("ip", "netns", "exec")
NODES = ("left", "right")
NETWORKS = {"outside": "192.168.0.{}/24", "inside": "192.168.2.{}/24", "sync": "fd00:100::{}/64"}
NETWORKS_V6 = {"outside": "fd00:1::{}/64", "inside": "fd00:2::{}/64"}
"""The legs have both families, and their tests one after the other."""
THIRD = {"third-a": ("outside", 11), "third-b": ("outside", 12), "third-in": ("inside", 13)}
BRIDGE = {
    ("left", "outside"): "outside-a",
    ("right", "outside"): "outside-b",
    ("third-a", "outside"): "outside-a",
    ("third-b", "outside"): "outside-b",
}
PORT = 3781
SOON = 2.5
"""Seconds in which a node gives way. It takes 0.7 on a machine that has nothing else to do."""


def own(node: str, network: str, family: int = 4) -> str:
    networks = {**NETWORKS, **NETWORKS_V6} if family == 6 else NETWORKS
    return networks[network].format(NODES.index(node) + 1).split("/")[0]


@dataclass
class Wires:
    """The namespaces PREFIX-NAME; what is plugged into a bridge is called NAME-NETWORK there (15 letters)."""

    prefix: str

    def name(self, host: str) -> str:
        return f"{self.prefix}-{host}"

    def run(self, host: str, *command: str, text: str | None = None) -> str:
        words = [*IN_NAMESPACE, self.name(host), *command]
        return subprocess.run(words, check=True, capture_output=True, text=True, input=text).stdout

    def plug(self, host: str, network: str, number: int) -> None:
        end, bridge = self.end(host, network), BRIDGE.get((host, network), network)
        link = f"link add {end} type veth peer name {network} netns {self.name(host)}"
        self.run("wires", "ip", *link.split())
        self.run("wires", "ip", "link", "set", end, "master", bridge, "up")
        for networks in (NETWORKS, NETWORKS_V6):
            if network in networks:
                address = networks[network].format(number)
                nodad = ["nodad"] if ":" in address else []
                self.run(host, "ip", "address", "add", address, "dev", network, *nodad)
        self.run(host, "ip", "link", "set", network, "up")

    @staticmethod
    def end(host: str, network: str) -> str:
        return f"{host}-{network}"[:15]

    @contextmanager
    def cut(self, *ends: str, ways: str = "io") -> Iterator[None]:
        """Drop what comes in (i) and what goes out (o) at the bridges' ends; their carrier stays."""
        names = ", ".join(f'"{end}"' for end in ends)
        hooks = {"i": ("prerouting", "iifname"), "o": ("postrouting", "oifname")}
        chains = "".join(
            f" chain {hook} {{\n  type filter hook {hook} priority 0;\n  {match} {{ {names} }} drop\n }}\n"
            for hook, match in (hooks[way] for way in ways)
        )
        self.run("wires", "nft", "-f", "-", text=f"table bridge cut {{\n{chains}}}\n")
        try:
            yield
        finally:
            self.run("wires", "nft", "delete", "table", "bridge", "cut")


@contextmanager
def laid() -> Iterator[Wires]:
    made = Wires(f"ftfw-path-{secrets.token_hex(3)}")
    hosts = ("wires", *NODES, *THIRD)
    try:
        for host in hosts:
            subprocess.run(["ip", "netns", "add", made.name(host)], check=True)
        for bridge in ("outside-a", "outside-b", "inside", "sync"):
            made.run("wires", "ip", "link", "add", bridge, "type", "bridge", "mcast_snooping", "0")
            made.run("wires", "ip", "link", "set", bridge, "up")
        made.run("wires", "ip", "link", "add", "trunk-a", "type", "veth", "peer", "name", "trunk-b")
        for half in "ab":
            made.run("wires", "ip", "link", "set", f"trunk-{half}", "master", f"outside-{half}", "up")
        for number, node in enumerate(NODES, 1):
            for network in NETWORKS:
                made.plug(node, network, number)
        for host, (network, number) in THIRD.items():
            made.plug(host, network, number)
        yield made
    finally:
        for host in hosts:
            subprocess.run(["ip", "netns", "delete", made.name(host)], check=False)


@dataclass
class PathNode:
    """One instance of the program, as its unit runs it."""

    wires: Wires
    name: str
    program: Path
    folder: Path
    process: subprocess.Popen[str] | None = None
    config: dict[str, Any] = field(default_factory=dict)

    def configure(self, targets: dict[str, list[str]], family: int) -> None:
        peer = NODES[1 - NODES.index(self.name)]
        self.config = {
            "port": PORT,
            "preferred": self.name == "left",
            "yields": self.name == "right",
            "claim_file": str(self.folder / "claim") if self.name == "left" else "",
            "interval": 0.1,
            "hold": 0.4,
            "recovery": 2,
            "virtual_addresses": ["192.168.0.100", "192.168.2.100", "fd00:1::100", "fd00:2::100"],
            "targets": targets,
            "links": [
                {
                    "network": network,
                    "interface": network,
                    "local": own(self.name, network, family),
                    "peer": own(peer, network, family),
                    "leg": network != "sync",
                    "targets": [],
                }
                for network in NETWORKS
            ],
        }
        # the test itself stands in for a keepalived that runs
        self.keepalived(os.getpid())

    def keepalived(self, pid: int) -> None:
        (self.folder / "vrrp.pid").write_text(f"{pid}\n")

    def start(self) -> None:
        (self.folder / "path.json").write_text(json.dumps(self.config))
        options = {
            "config": "path.json",
            "fault-file": "fault",
            "pid-file": "vrrp.pid",
            "notify-fifo": "notify",
        }
        arguments = [f"--{name}={self.folder / file}" for name, file in options.items()]
        log = (self.folder / "log").open("a")
        self.process = subprocess.Popen(
            [
                *IN_NAMESPACE,
                self.wires.name(self.name),
                sys.executable,
                "-I",
                self.program,
                "path",
                *arguments,
            ],
            stderr=log,
            text=True,
        )

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    @property
    def fault(self) -> bool:
        return (self.folder / "fault").read_text() != "0\n"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()


Pair = tuple[PathNode, PathNode]
TARGETS = {
    4: {"outside": ["192.168.0.11", "192.168.0.12"], "inside": ["192.168.2.13"]},
    6: {"outside": ["fd00:1::11", "fd00:1::12"], "inside": ["fd00:2::13"]},
}


@contextmanager
def running(
    wires: Wires, agent: Path, folder: Path, targets: dict[str, list[str]], family: int = 4
) -> Iterator[Pair]:
    nodes = []
    for name in NODES:
        (folder / name).mkdir()
        node = PathNode(wires, name, agent, folder / name)
        node.configure(targets, family)
        node.start()
        nodes.append(node)
    try:
        time.sleep(1.2)
        assert not any(node.fault for node in nodes)
        yield nodes[0], nodes[1]
        for node in nodes:
            assert "Traceback" not in node.log, node.log
    finally:
        for node in nodes:
            node.stop()


def logs(node: PathNode) -> dict[str, str]:
    return {name: (node.folder.parent / name / "log").read_text() for name in NODES}


def wait_for(node: PathNode, fault: bool, seconds: float) -> float:
    """Wait until the node has given way, or is back; the seconds that it took."""
    start = time.monotonic()
    while node.fault is not fault:
        assert time.monotonic() - start < seconds, f"{node.name}: fault {node.fault}: {logs(node)}"
        time.sleep(0.02)
    return time.monotonic() - start


def nobody_gives_way(pair: Pair, seconds: float = 2.5) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for node in pair:
            assert not node.fault, f"{node.name}: {node.log}"
        time.sleep(0.05)


@dataclass
class Holder:
    """The left node has a virtual address of the network inside; of it, a neighbour there can be misled."""

    wires: Wires
    node: PathNode
    device: str
    address: str
    neighbour: str = "third-in"
    wrong: str = "02:00:00:00:00:01"

    @property
    def with_length(self) -> str:
        return f"{self.address}/{128 if ':' in self.address else 32}"

    @property
    def options(self) -> list[str]:
        """As keepalived adds it."""
        return ["nodad"] if ":" in self.address else []

    def entry(self) -> str:
        return self.wires.run(self.neighbour, "ip", "neigh", "show", self.address)

    def mislead(self) -> None:
        learnt = ["lladdr", self.wrong, "dev", "inside", "nud", "reachable"]
        self.wires.run(self.neighbour, "ip", "neigh", "replace", self.address, *learnt)

    def wait_until_announced(self, seconds: float, why: str) -> None:
        """The line in the log comes after the frame."""
        line = f"{why}, announced {self.address} on inside"
        end = time.monotonic() + seconds
        while self.device not in self.entry() or line not in self.node.log:
            assert time.monotonic() < end, f"{self.entry()}: {logs(self.node)}"
            time.sleep(0.05)
