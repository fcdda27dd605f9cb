# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody else on a real wire has an address of the node, and the watch says so. Needs root.

A bridge joins the node, its peer and a stranger; each has a network namespace of its own.
"""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HOSTS = {"node": 1, "peer": 2, "stranger": 9}
NEAR = "fe80::ff:fe00:1"
VIRTUAL = ["192.0.2.100", "2001:db8::100"]
RULES = """table inet ftfw {
    chain c {
        type filter hook input priority 0
        icmpv6 type nd-neighbor-advert drop
    }
}"""
"""The answers are heard all the same."""
SECONDS = 10.0

Run = Callable[..., str]


@pytest.fixture
def run() -> Iterator[Run]:
    """Runs a command in the namespace of a host."""
    prefix = f"ftfw-dup-{secrets.token_hex(3)}"

    def command(host: str, line: str) -> str:
        words = ["ip", "netns", "exec", f"{prefix}-{host}", *line.split()]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout

    try:
        for host in ("wire", *HOSTS):
            subprocess.run(["ip", "netns", "add", f"{prefix}-{host}"], check=True)
        command("wire", "ip link add wire type bridge")
        command("wire", "ip link set wire up")
        for host, number in HOSTS.items():
            mac = f"address 02:00:00:00:00:0{number}"
            command("wire", f"ip link add {host} type veth peer name eth0 {mac} netns {prefix}-{host}")
            command("wire", f"ip link set {host} master wire up")
            command(host, "sysctl -q net.ipv6.conf.eth0.accept_dad=0")
            command(host, f"ip address add 192.0.2.{number}/24 dev eth0")
            command(host, f"ip address add 2001:db8::{number}/64 dev eth0 nodad")
            command(host, "ip link set eth0 up")
        yield command
    finally:
        for host in ("wire", *HOSTS):
            subprocess.run(["ip", "netns", "delete", f"{prefix}-{host}"], check=False)


class Watch:
    """The program, and what it says in its state file."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "state.json"

    def said(self) -> list[str]:
        try:
            found: list[str] = json.loads(self.file.read_text())["duplicates"]
        except FileNotFoundError:
            return []
        return found

    def says(self, expected: list[str]) -> None:
        end = time.monotonic() + SECONDS
        while (said := self.said()) != expected:
            assert time.monotonic() < end, said
            time.sleep(0.05)

    def stays(self, expected: list[str], seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.said() == expected
            time.sleep(0.05)


@pytest.fixture
def watch(run: Run, agent: Path, tmp_path: Path) -> Iterator[Watch]:
    namespace = run("node", "ip netns identify").strip()
    enter = ["ip", "netns", "exec", namespace]
    subprocess.run([*enter, "nft", "-f", "-"], check=True, input=RULES, text=True)
    config = {
        "table": "ftfw",
        "macs": {},
        "instances": [],
        "links": [],
        "offload": [],
        "virtual_addresses": VIRTUAL,
        "paths": [{"interface": "eth0", "peer": "192.0.2.2"}],
    }
    (tmp_path / "watch.json").write_text(json.dumps(config))
    options = {"config": "watch.json", "folder": "", "vrrp-pid-file": "none", "conntrackd-socket": "none"}
    arguments = [f"--{name}={tmp_path / file}" for name, file in options.items()]
    with subprocess.Popen(
        [*enter, sys.executable, "-I", agent, "watch", *arguments, "--every=0.2"],
    ) as process:
        try:
            yield Watch(tmp_path)
            assert process.poll() is None
        finally:
            process.kill()


def test_a_duplicate_of_each_kind_is_found_and_goes(run: Run, watch: Watch) -> None:
    watch.stays([], 2)
    run("peer", f"ip neighbour replace {NEAR} lladdr 02:00:00:00:00:01 dev eth0 nud reachable")
    for address in ("192.0.2.1/32", "2001:db8::1/128", f"{NEAR}/64"):
        run("stranger", f"ip address add {address} dev eth0 {'nodad' if ':' in address else ''}")
    twice = ("192.0.2.1", "2001:db8::1", NEAR)
    watch.says([f"{address} on eth0 is also at 02:00:00:00:00:09" for address in twice])
    # each answer for the link-local address goes to all nodes, and the last word is the node's
    end = time.monotonic() + 2
    while "02:00:00:00:00:01" not in (entry := run("peer", f"ip neighbour show {NEAR} dev eth0")):
        assert time.monotonic() < end, entry
        time.sleep(0.05)
    for address in ("192.0.2.1/32", "2001:db8::1/128", f"{NEAR}/64"):
        run("stranger", f"ip address delete {address} dev eth0")
    watch.says([])


def test_two_primaries_are_no_duplicate_but_a_stranger_is_one(run: Run, watch: Watch) -> None:
    def virtual(host: str, verb: str) -> None:
        for address in VIRTUAL:
            width, nodad = ("/128", "nodad" if verb == "add" else "") if ":" in address else ("/32", "")
            run(host, f"ip address {verb} {address}{width} dev eth0 {nodad}")

    virtual("node", "add")
    virtual("peer", "add")
    watch.stays([], 2)
    virtual("peer", "delete")
    virtual("stranger", "add")
    watch.says([f"{address} on eth0 is also at 02:00:00:00:00:09" for address in VIRTUAL])
    # it is given up
    virtual("node", "delete")
    watch.says([])
