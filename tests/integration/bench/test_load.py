# SPDX-License-Identifier: GPL-3.0-or-later
"""The bench's load in two namespaces: each old flow's valid segment arrives, and is told with its time."""

from __future__ import annotations

import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

LOAD = Path(__file__).parents[3] / "tools/bench/load.py"
ENDS = {4: ("192.168.2.3", "192.168.0.3", 32), 6: ("2001:db8:2::3", "2001:db8::3", 128)}
LISTENER = """
import socket, time
both = socket.create_server(("::", 7001), family=socket.AF_INET6, dualstack_ipv6=True, backlog=50)
print("listening", flush=True)
kept = [both.accept() for _number in range(10)]
time.sleep(60)
"""


@pytest.fixture
def hosts() -> Iterator[tuple[str, str]]:
    """Client and server on one wire, each with the addresses that it has in the bench's lab."""
    names = [f"ftfw-test-{secrets.token_hex(4)}" for _host in range(2)]
    made: list[str] = []
    try:
        for name in names:
            subprocess.run(["ip", "netns", "add", name], check=True)
            made.append(name)
        client, server = names
        wire = ["link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", server]
        subprocess.run(["ip", "-n", client, *wire], check=True)
        for side, name in enumerate(names):
            lines = ["link set lo up", "link set eth0 up"]
            for family, (*ends, length) in ENDS.items():
                nodad = " nodad" if family == 6 else ""
                lines += [f"address add {ends[side]}/{length} dev eth0{nodad}"]
                lines += [f"route add {ends[1 - side]} dev eth0"]
            text = "\n".join(lines)
            subprocess.run(["ip", "-n", name, "-batch", "-"], input=text, text=True, check=True)
        # link-local addresses, from which neighbours are asked, wait for their check
        time.sleep(2.5)
        yield client, server
    finally:
        for name in made:
            subprocess.run(["ip", "netns", "delete", name], check=False)


def started(namespace: str, *words: str) -> subprocess.Popen[str]:
    command = ["ip", "netns", "exec", namespace, sys.executable, *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("family", [4, 6])
def test_valid_segments_of_old_flows_arrive(hosts: tuple[str, str], family: int) -> None:
    client, server = hosts
    running = [started(server, "-c", LISTENER)]
    try:
        assert running[0].stdout is not None and running[0].stdout.readline() == "listening\n"
        watch = started(server, str(LOAD), "watch", "5", str(family))
        other = started(server, str(LOAD), "watch", "5", str(10 - family))
        running += [watch, other]
        for one in (watch, other):
            assert one.stdout is not None and one.stdout.readline() == "watching\n"
        begun = time.time()
        stream = started(client, str(LOAD), "stream", "2", str(family))
        running.append(stream)
        assert stream.stdout is not None
        ports = stream.stdout.readline().split()
        assert len(set(ports)) == 10
        told = [line.split() for line in watch.communicate()[0].splitlines()]
        assert {port for port, _at in told} == set(ports)
        # 1 kHz for 2 s, on a machine that may be busy
        assert len(told) > 500
        assert all(begun <= float(at) <= begun + 7 for _port, at in told)
        # who watches the other family sees none of them
        assert other.communicate()[0] == ""
    finally:
        for one in running:
            one.kill()
            one.wait()
