# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate of a pair with external replication: shut when loaded, open and shut by pair-state's commands."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from ansible_collections.ftfw.pair.plugins.module_utils.agent.state import plan
from ansible_collections.ftfw.pair.tests.integration.policy_packets.wire import (
    INSIDE,
    LAB,
    OUTSIDE,
    SERVER,
    Namespace,
    Wire,
    lab_wire,
    ruleset,
    views,
)

OWN_INSIDE, OWN_OUTSIDE, PEER = "192.168.2.1", "192.168.0.1", "192.168.2.2"

RECEIVE = """
import socket, sys
kind, protocol, port = map(int, sys.argv[1:])
with socket.socket(socket.AF_INET, kind, protocol) as one:
    one.settimeout(2)
    one.bind(("", port))
    print("ready", flush=True)
    try:
        print("heard", one.recvfrom(100)[1][0])
    except TimeoutError:
        print("silence")
"""
SEND = """
import socket, sys
kind, protocol, port = map(int, sys.argv[1:4])
with socket.socket(socket.AF_INET, kind, protocol) as one:
    one.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, sys.argv[6].encode())
    one.bind((sys.argv[4], int(sys.argv[7])))
    one.sendto(b"x", (sys.argv[5], port))
"""
# an echo request of number 7.1 (RFC 792); scapy would take seconds to start
PING = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as one:
    one.settimeout(1)
    one.sendto(bytes.fromhex("0800f7f700070001"), (sys.argv[1], 0))
    try:
        while True:
            packet, (source, _port) = one.recvfrom(100)
            if source == sys.argv[1] and packet[20] == 0 and packet[24:28] == bytes.fromhex("00070001"):
                print("answer")
                break
    except TimeoutError:
        print("silence")
"""


def ping(sender: Namespace, host: str) -> str:
    return sender(sys.executable, "-c", PING, host).strip()


def external() -> dict[str, Any]:
    pairs: dict[str, Any] = yaml.safe_load((LAB / "group_vars/all/site.yml").read_text())["site_pairs"]
    return {"ftfw": {**pairs["ftfw"], "replication": "external"}}


@pytest.fixture
def wire() -> Iterator[Wire]:
    """The lab with its gate, as it is right after the ruleset was loaded."""
    forwards = [{"to": "outside", "service": "http", "host": "client"}]
    with lab_wire(ruleset(site_pairs=external(), site_port_forwards=forwards)) as made:
        yield made


def open_gate(wire: Wire) -> None:
    wire.firewall("nft", plan.OPEN.nft)


def close_gate(wire: Wire) -> None:
    interfaces = views(site_pairs=external())["fw-1"]["pair_state"]["gate"]
    wire.firewall("nft", plan.close_gate(tuple(interfaces)).nft)


def passing(wire: Wire) -> dict[str, Any]:
    """What of each kind gets an answer."""
    return {
        "forwarded": wire.client.probe("connect", "tcp/22", SERVER)["seen"],
        "port forward": wire.server.probe("connect", "tcp/80", OUTSIDE)["seen"],
        "ping through": ping(wire.client, SERVER),
        "pings of virtual addresses": {ping(wire.client, INSIDE), ping(wire.server, OUTSIDE)},
        "pings of own addresses": {ping(wire.client, OWN_INSIDE), ping(wire.server, OWN_OUTSIDE)},
        "management": wire.server.probe("connect", "tcp/22", "10.255.0.1", "10.255.0.254")["seen"],
    }


SHUT = {
    "forwarded": "silence",
    "port forward": "silence",
    "ping through": "silence",
    "pings of virtual addresses": {"silence"},
    "pings of own addresses": {"answer"},
    "management": "answer",
}
OPEN = {
    "forwarded": "answer",
    "port forward": "answer",
    "ping through": "answer",
    "pings of virtual addresses": {"answer"},
    "pings of own addresses": {"answer"},
    "management": "answer",
}


def test_loaded_open_shut(wire: Wire) -> None:
    seen = [passing(wire)]
    open_gate(wire)
    seen.append(passing(wire))
    close_gate(wire)
    seen.append(passing(wire))
    # a second time changes nothing, and is no error
    close_gate(wire)
    seen.append(passing(wire))
    assert seen == [SHUT, OPEN, SHUT, SHUT]


def test_what_a_shut_gate_drops_leaves_no_entry(wire: Wire) -> None:
    assert wire.client.probe("connect", "tcp/22", SERVER) == {"seen": "silence"}
    assert SERVER not in wire.firewall("conntrack", "-L")
    open_gate(wire)
    assert wire.client.probe("connect", "tcp/22", SERVER)["seen"] == "answer"
    assert SERVER in wire.firewall("conntrack", "-L")


def test_loading_shuts_it_again(wire: Wire) -> None:
    open_gate(wire)
    wire.load(ruleset(site_pairs=external()))
    assert wire.client.probe("connect", "tcp/22", SERVER) == {"seen": "silence"}


def test_packets_that_go_around_the_virtual_address_are_stopped_too(wire: Wire) -> None:
    wire.client("ip", "route", "replace", "default", "via", OWN_INSIDE)
    assert wire.client.probe("connect", "tcp/22", SERVER) == {"seen": "silence"}
    open_gate(wire)
    assert wire.client.probe("connect", "tcp/22", SERVER)["seen"] == "answer"


def hears(wire: Wire, sender: Namespace, *, to: str, **packet: Any) -> str:
    """Send one packet and say who the firewall heard, above its table."""
    kind, protocol, port = packet["kind"], packet["protocol"], packet.get("port", 0)
    receive = [sys.executable, "-c", RECEIVE, str(kind), str(protocol), str(port)]
    with subprocess.Popen(
        ["ip", "netns", "exec", wire.firewall.name, *receive], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        source, device, source_port = packet["source"], packet["device"], packet.get("source_port", 0)
        sender(
            sys.executable,
            "-c",
            SEND,
            str(kind),
            str(protocol),
            str(port),
            source,
            to,
            device,
            str(source_port),
        )
        return process.stdout.readline().strip()


@pytest.mark.parametrize("shut", [True, False], ids=["shut", "open"])
def test_vrrp_and_leases_come_in(wire: Wire, shut: bool) -> None:
    if not shut:
        open_gate(wire)
    wire.client("ip", "address", "add", f"{PEER}/24", "dev", "eth0")
    advert = {"kind": 3, "protocol": 112, "source": PEER, "device": "eth0"}
    assert hears(wire, wire.client, to=OWN_INSIDE, **advert) == f"heard {PEER}"
    lease = {"kind": 2, "protocol": 17, "port": 68, "source_port": 67, "source": SERVER, "device": "br0"}
    assert hears(wire, wire.server, to="255.255.255.255", **lease) == f"heard {SERVER}"


def test_a_shut_gate_drops_what_looks_like_vrrp_to_a_virtual_address(wire: Wire) -> None:
    wire.client("ip", "address", "add", f"{PEER}/24", "dev", "eth0")
    advert = {"kind": 3, "protocol": 112, "source": PEER, "device": "eth0"}
    assert hears(wire, wire.client, to=INSIDE, **advert) == "silence"
