# SPDX-License-Identifier: GPL-3.0-or-later
"""The pair of inventories/native, as the bench sees it: containers, wires, who holds the virtual addresses.

All hosts share one kernel, so their clocks are one clock. Times are seconds.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
NODES = ("fw-1", "fw-2")
VIRTUAL = ("192.168.2.100", "192.168.0.100")
LEGS = ("eth0", "eth1", "eth2")
SERVER, CLIENT = "192.168.0.3", "192.168.2.3"
VIRTUAL_6 = ("2001:db8:2::100", "2001:db8::100")
SERVER_6, CLIENT_6 = "2001:db8::3", "2001:db8:2::3"
"""The same in IPv6, which the manual's system has not."""


@dataclass(frozen=True)
class Ends:
    """Who sends to whom in one family; `mark` stands in the names of its figures and flows."""

    family: int
    mark: str
    server: str
    client: str
    virtual: tuple[str, str]


FOUR = Ends(4, "", SERVER, CLIENT, VIRTUAL)
SIX = Ends(6, "v6_", SERVER_6, CLIENT_6, VIRTUAL_6)


class LabError(Exception):
    """The lab is not as a trial needs it; what it is instead is in the message."""


def other(node: str) -> str:
    return NODES[1 - NODES.index(node)]


@dataclass
class Lab:
    """Containers named PREFIX-HOST."""

    prefix: str
    ends: tuple[Ends, ...] = (FOUR, SIX)
    """The families in which the pair has virtual addresses; those of a profile where one is in force."""
    _children: list[subprocess.Popen[str]] = field(default_factory=list)

    def command(self, host: str, *words: str) -> list[str]:
        return ["podman", "exec", "-i", f"{self.prefix}-{host}", *words]

    def run(self, host: str, script: str, check: bool = True, text: str | None = None) -> str:
        """Run a shell script on a host, and return what it printed."""
        done = subprocess.run(
            self.command(host, "sh", "-c", script), input=text, capture_output=True, text=True, check=False
        )
        if check and done.returncode:
            raise LabError(f"{host}: {script!r}: exit code {done.returncode}: {done.stderr.strip()[-500:]}")
        return done.stdout

    def start(self, host: str, *words: str) -> subprocess.Popen[str]:
        """Start a program on a host; it ends with `end_all` at the latest."""
        process = subprocess.Popen(
            self.command(host, *words),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._children.append(process)
        return process

    def end_all(self) -> None:
        for process in self._children:
            if process.poll() is None:
                process.terminate()
            process.wait()
        self._children.clear()

    def playbook(self, name: str, *options: str) -> subprocess.Popen[str]:
        """Run a playbook on the lab; its output, by lines as they come, is to be read. `end_all` ends it."""
        process = subprocess.Popen(
            [
                "ansible-playbook",
                f"playbooks/{name}.yml",
                "--inventory=inventories/native",
                f"--extra-vars=lab_name={self.prefix.removeprefix('ftfw-')}",
                *options,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "ANSIBLE_NOCOLOR": "1"},
        )
        self._children.append(process)
        return process

    def copy(self, host: str, file: Path, target: str) -> None:
        subprocess.run(["podman", "cp", str(file), f"{self.prefix}-{host}:{target}"], check=True)

    # --- wires ---------------------------------------------------------------------------------------------

    def links(self, node: str, state: str, legs: Sequence[str] = LEGS) -> None:
        """Set a node's wires up or down, from outside, in one go."""
        batch = "".join(f"link set dev {node}-{leg} {state}\n" for leg in legs)
        self.run("wires", "ip -batch -", text=batch)

    @contextmanager
    def silent(self, node: str, legs: Sequence[str] = LEGS) -> Iterator[list[float]]:
        """Lose what passes a node's wires, while their carrier stays.

        The list has, afterwards, when that ended.
        """
        names = ", ".join(f'"{node}-{leg}"' for leg in legs)
        rules = (
            "table bridge bench {\n chain cut {\n  type filter hook prerouting priority 0; policy accept;\n"
            f"  iifname {{ {names} }} drop\n }}\n"
            " chain cut_out {\n  type filter hook postrouting priority 0; policy accept;\n"
            f"  oifname {{ {names} }} drop\n }}\n}}\n"
        )
        self.run("wires", "nft -f -", text=rules)
        healed: list[float] = []
        try:
            yield healed
        finally:
            # the hosts' time, not the time at which the container was asked
            healed.append(float(self.run("wires", "date +%s.%N && nft delete table bridge bench")))

    # --- state ---------------------------------------------------------------------------------------------

    def holders(self) -> dict[str, list[str]]:
        """Who has which virtual address of both families, as the kernels see it."""
        found = {}
        for node in NODES:
            links: list[dict[str, Any]] = json.loads(self.run(node, "ip -json address show"))
            addresses = {entry["local"] for link in links for entry in link.get("addr_info", [])}
            found[node] = sorted(addresses.intersection(VIRTUAL + VIRTUAL_6))
        return found

    def held(self) -> list[str]:
        """The virtual addresses that a primary has."""
        return sorted(address for one in self.ends for address in one.virtual)

    def is_primary(self, node: str) -> bool:
        return self.holders() == {node: self.held(), other(node): []}

    def two_primaries(self) -> bool:
        """Whether each node has all virtual addresses."""
        return list(self.holders().values()) == [self.held()] * len(NODES)

    def wait(self, what: str, true: Callable[[], bool], seconds: float = 20, pause: float = 0.1) -> float:
        """Wait until something is true; the seconds that it took."""
        start = time.monotonic()
        while not true():
            if time.monotonic() - start > seconds:
                raise LabError(f"not within {seconds:g} s: {what}; holders {self.holders()}")
            time.sleep(pause)
        return time.monotonic() - start

    def primary(self) -> str:
        self.wait("one primary", lambda: any(self.is_primary(node) for node in NODES))
        return next(node for node in NODES if self.is_primary(node))

    def entries(self, node: str) -> int:
        """How many entries the node's kernel has."""
        return int(self.run(node, "cat /proc/sys/net/netfilter/nf_conntrack_count"))

    def internal(self, node: str) -> int:
        """How many flows conntrackd calls the node's own."""
        return self._cached(node, "internal")

    def external(self, node: str) -> int:
        """How many flows of its peer the node has: in the external cache, or else in the kernel."""
        if "external inject:" in self.run(node, "conntrackd -s"):
            return self.entries(node)
        return self._cached(node, "external")

    def _cached(self, node: str, cache: str) -> int:
        lines = self.run(node, "conntrackd -s").splitlines()
        return int(lines[lines.index(f"cache {cache}:") + 1].split()[-1])
