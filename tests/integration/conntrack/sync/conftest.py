# SPDX-License-Identifier: GPL-3.0-or-later
"""Two conntrackd that replicate to each other, each in a network namespace of its own."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftfw.pair.tests.integration.daemon import Daemon, join, remove

PATIENCE = 10.0

CONFIG = """\
Sync {{
  Mode {mode} {{
    DisableExternalCache {disable_external}
    {more}
  }}
  UDP {{
    IPv4_address {local}
    IPv4_Destination_Address {peer}
    Port 3780
    Interface sync0
    Checksum on
  }}
}}
General {{
  HashSize 1024
  HashLimit 16384
  LockFile {directory}/lock
  UNIX {{
    Path {directory}/ctl
  }}
  Filter From Kernelspace {{
    Protocol Accept {{
      TCP
      UDP
      ICMP
      {protocols}
    }}
    Address Ignore {{
      IPv4_address 127.0.0.1
    }}
  }}
}}
"""


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE:g} s: {what}"
        time.sleep(0.05)


@dataclass
class SyncNode(Daemon):
    """A namespace with a conntrackd."""

    @property
    def config(self) -> str:
        return str(self.directory / "conntrackd.conf")

    def ask(self, *arguments: str) -> str:
        return self.run("conntrackd", "-C", self.config, *arguments)

    def answers(self) -> bool:
        command = [*self.enter, "conntrackd", "-C", self.config, "-s"]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0

    def start(self) -> None:
        self.launch("conntrackd", "-C", self.config)
        until(self.answers, f"an answer of the daemon in {self.directory}")

    def inject(self, *flows: str) -> None:
        """Entries of the kernel's table, each given as to `conntrack -I`."""
        for flow in flows:
            self.run("conntrack", "-I", *flow.split())

    def count(self, option: str) -> int:
        return len(self.ask(option).splitlines())

    def kernel(self) -> str:
        return self.run("conntrack", "-L")

    def sync(self, check: bool = False, **arguments: Any) -> dict[str, Any]:
        return self.call("conntrack_sync", check, **arguments)

    def info(self, **arguments: Any) -> dict[str, Any]:
        return self.call("conntrack_sync_info", False, **arguments)

    def call(self, name: str, check: bool, **arguments: Any) -> dict[str, Any]:
        given = {"config": self.config, "_ansible_check_mode": check, **arguments}
        return self.module(name, given, *self.enter)


@dataclass
class Pair:
    primary: SyncNode
    backup: SyncNode

    @property
    def nodes(self) -> Sequence[SyncNode]:
        return (self.primary, self.backup)

    def cut(self) -> None:
        self.backup.run("ip", "link", "set", "sync0", "down")

    def heal(self) -> None:
        self.backup.run("ip", "link", "set", "sync0", "up")

    def settle(self, count: int) -> None:
        """Wait until the daemons have replicated this many flows."""
        until(lambda: self.primary.count("-i") == count, f"{count} flows in the internal cache")
        until(lambda: self.backup.count("-e") == count, f"{count} flows in the external cache")


TCP = "-s 192.0.2.1 -d 198.51.100.1 -p tcp --sport 1000 --dport 80 --state ESTABLISHED -t 600 -u ASSURED"
NAT = (
    "-s 192.0.2.2 -d 198.51.100.1 -p udp --sport 1001 --dport 53 -t 600 -u SEEN_REPLY --src-nat 10.1.1.1:5000"
)
PING = "-s 192.0.2.3 -d 198.51.100.1 -p icmp --icmp-type 8 --icmp-code 0 --icmp-id 77 -t 600"
OTHER_PING = PING.replace("77", "78")
V6 = "-s 2001:db8::1 -d 2001:db8::2 -p tcp --sport 1000 --dport 80 --state ESTABLISHED -t 600"
FLOWS = (TCP, NAT, PING, OTHER_PING, V6)
# what the configuration's filter leaves out: an ignored address, and a protocol that is not accepted
UNREPLICATED = (
    TCP.replace("192.0.2.1", "127.0.0.1"),
    "-s 192.0.2.4 -d 198.51.100.1 -p gre --srckey 1 --dstkey 2 -t 600",
)


@pytest.fixture
def make_pair(module: Callable[..., dict[str, Any]]) -> Iterator[Callable[..., Pair]]:
    """Makes a running pair: `make_pair(external_cache=False)`."""
    nodes: list[SyncNode] = []

    def make(external_cache: bool = True, mode: str = "FTFW", more: str = "", protocols: str = "") -> Pair:
        addresses = ("10.99.0.1", "10.99.0.2")
        for local, peer in (addresses, addresses[::-1]):
            node = SyncNode(module)
            nodes.append(node)
            node.make()
            text = CONFIG.format(
                mode=mode,
                more=more,
                protocols=protocols,
                disable_external="off" if external_cache else "on",
                local=local,
                peer=peer,
                directory=node.directory,
            )
            Path(node.config).write_text(text, encoding="utf-8")
        one, two = nodes[-2:]
        join(one, two, "sync0", (f"{addresses[0]}/24", f"{addresses[1]}/24"))
        for node in (one, two):
            node.start()
        return Pair(one, two)

    try:
        yield make
    finally:
        remove(nodes)


@pytest.fixture
def pair(make_pair: Callable[..., Pair]) -> Pair:
    return make_pair()


@pytest.fixture
def flows() -> dict[str, Any]:
    """Flows as arguments of `conntrack -I`."""
    return {"all": FLOWS, "tcp": TCP, "nat": NAT, "ping": PING, "unreplicated": UNREPLICATED}


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool], str], None]:
    """Waits for a condition: `eventually(lambda: node.count("-e") == 1, "a flow")`."""
    return until
