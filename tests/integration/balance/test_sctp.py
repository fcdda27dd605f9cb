# SPDX-License-Identifier: GPL-3.0-or-later
"""Associations of SCTP through balancers. This kernel has no SCTP: their first packets are made here."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.balance.flows import read_flows
from ansible_collections.ftfw.pair.plugins.module_utils.packets.packet import INIT, sctp
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import FAMILIES
from ansible_collections.ftfw.pair.tests.integration.balance.net import (
    CLIENT,
    PORT,
    SERVERS,
    VIRTUAL,
    HostVars,
    Net,
    net,
    site,
    until,
)

ASKED, FIRST, COUNT = 2905, 30000, 8
SEND = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.socket(family, socket.SOCK_RAW, 132) as channel:
    for text in sys.argv[2:]:
        channel.sendto(bytes.fromhex(text), (sys.argv[1], 0))
"""


def signalling() -> HostVars:
    """Servers are well when a page of theirs can be had."""
    changes: dict[str, Any] = {"service": "m3ua", "quorum": 1, "sorry": None}
    hosts = site(**changes)
    for variables in hosts.values():
        (entry,) = variables["site_policy"]
        variables["site_policy"] = [{**entry, "services": ["m3ua"]}]
        for family in FAMILIES:
            one = variables["site_balancers"][f"web-{family}"]
            one["servers"] = [SERVERS[family][name] for name in ("srv-1", "srv-2")]
            one["check"]["http"]["port"] = PORT
            del one["sorry"]
    return hosts


@pytest.fixture
def lab(agent: Path, tmp_path: Path) -> Iterator[Net]:
    with net(tmp_path, agent, signalling()) as made:
        yield made


def begin(lab: Net, family: int) -> None:
    """Ask for an association from each of the client's ports."""
    head = 20 if family == 4 else 40
    source, virtual = ip_address(CLIENT[family]), ip_address(VIRTUAL[family])
    packets = [
        sctp((source, port), (virtual, ASKED), INIT, 0, port, b"")[head:].hex()
        for port in range(FIRST, FIRST + COUNT)
    ]
    done = lab.run("client", sys.executable, "-c", SEND, VIRTUAL[family], *packets)
    assert done.returncode == 0, done.stderr


def led(lab: Net, family: int) -> list[str]:
    """The servers that the associations are with."""
    done = lab.run("fw", "conntrack", "-L", "--proto", "sctp", "--orig-dst", VIRTUAL[family])
    assert done.returncode == 0, done.stderr
    names = {address: name for name, address in SERVERS[family].items()}
    flows = [flow for flow in read_flows(done.stdout) if flow.asked[1] == ASKED]
    return sorted(names[str(ip_address(flow.server[0]))] for flow in flows)


@pytest.mark.parametrize("family", FAMILIES)
def test_associations_are_balanced_and_leave_a_server_that_dies(lab: Net, family: int) -> None:
    with lab.balancing():
        until(lambda: all(one["reason"] == "is well" for one in lab.told(family)["servers"]))
        begin(lab, family)
        assert led(lab, family) == ["srv-1"] * (COUNT // 2) + ["srv-2"] * (COUNT // 2)
        lab.servers.say(f"stop srv-1{'-6' if family == 6 else ''}")
        until(lambda: lab.up(family) == [False, True])
        # what is there goes on where its server is well, and the others begin anew
        assert until(lambda: "srv-1" not in led(lab, family)) and led(lab, family) == ["srv-2"] * (COUNT // 2)
        begin(lab, family)
        assert led(lab, family) == ["srv-2"] * COUNT
        assert len(led(lab, 10 - family)) == 0
