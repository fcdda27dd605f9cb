# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's compiled policy against real packets: client, firewall and server are network namespaces."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from ansible_collections.ftfw.pair.tests.integration.policy_packets.wire import (
    CLIENT,
    HELPER,
    INSIDE,
    OUTSIDE,
    SERVER,
    Wire,
    lab_wire,
    ruleset,
)

RULESET = ruleset(site_port_forwards=[{"to": "outside", "service": "http", "host": "client"}])


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    with lab_wire(RULESET) as made:
        yield made


@pytest.mark.parametrize("service", ["tcp/22", "tcp/80", "udp/53"])
def test_allowed_service_passes_and_shows_the_virtual_address(wire: Wire, service: str) -> None:
    assert wire.client.probe("connect", service, SERVER) == {"seen": "answer", "peer": OUTSIDE}


@pytest.mark.parametrize("service", ["tcp/25", "udp/123", "tcp/81"])
def test_other_service_is_dropped(wire: Wire, service: str) -> None:
    assert wire.client.probe("connect", service, SERVER) == {"seen": "silence"}


@pytest.mark.parametrize("service", ["tcp/25", "udp/123"])
def test_the_dropped_services_do_answer_without_the_firewall(wire: Wire, service: str) -> None:
    assert wire.server.probe("connect", service, SERVER) == {"seen": "answer", "peer": SERVER}


def test_ping_passes_within_its_limit(wire: Wire) -> None:
    assert wire.client.probe("echo", SERVER, 1) == {"received": 1}


def test_ping_over_its_limit_is_dropped(wire: Wire) -> None:
    received = wire.client.probe("echo", SERVER, 20)["received"]
    assert 1 <= received <= 8


def test_passive_ftp_opens_the_announced_port_and_no_other(wire: Wire) -> None:
    assert wire.client.probe("ftp", SERVER) == {"data": "answer", "other": "silence"}


def test_server_opens_nothing_to_the_client(wire: Wire) -> None:
    with wire.server.route("192.168.2.0/24", OUTSIDE):
        for service in ("tcp/8080", "tcp/80"):
            assert wire.server.probe("connect", service, CLIENT) == {"seen": "silence"}


def test_port_forward_reaches_the_host_with_the_true_source(wire: Wire) -> None:
    assert wire.server.probe("connect", "tcp/80", OUTSIDE) == {"seen": "answer", "peer": SERVER}


def test_ssh_to_the_firewall_only_from_the_hypervisors_management_address(wire: Wire) -> None:
    seen = {
        source: wire.server.probe("connect", "tcp/22", "10.255.0.1", source)["seen"]
        for source in ("10.255.0.254", "10.255.0.9")
    }
    assert seen == {"10.255.0.254": "answer", "10.255.0.9": "silence"}
    assert wire.client.probe("connect", "tcp/22", "192.168.2.1") == {"seen": "silence"}


def test_nothing_is_forwarded_from_the_management_network(wire: Wire) -> None:
    with wire.server.route(f"{CLIENT}/32", "10.255.0.1"):
        assert wire.server.probe("connect", "tcp/80", CLIENT) == {"seen": "silence"}


@pytest.mark.parametrize("flags", ["S", "SA", "A"])
def test_tcp_to_a_virtual_address_is_not_reset(wire: Wire, flags: str) -> None:
    assert wire.server.probe("segment", OUTSIDE, flags) == {"seen": "silence"}
    assert wire.client.probe("segment", INSIDE, flags) == {"seen": "silence"}


@pytest.mark.parametrize("flags", ["S", "SA", "A"])
def test_without_the_table_it_would_be_reset(wire: Wire, flags: str) -> None:
    wire.firewall("nft", "delete", "table", "inet", "ftfw")
    try:
        assert wire.server.probe("segment", OUTSIDE, flags) == {"seen": "reset"}
    finally:
        wire.load(RULESET)


def test_an_established_flow_survives_a_reload(wire: Wire) -> None:
    command = ["ip", "netns", "exec", wire.client.name, sys.executable, str(HELPER), "hold", SERVER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as held:
        assert held.stdin is not None
        assert held.stdout is not None
        assert held.stdout.readline() == "open\n"
        wire.load(RULESET)
        held.stdin.write("go\n")
        held.stdin.flush()
        assert held.stdout.readline() == "echoed\n"


def news(wire: Wire, port: int) -> list[tuple[str, str]]:
    """What the kernel tells of one short connection to a port: kinds of events, and states."""
    listen = ["conntrack", "-E", "-p", "tcp", "--orig-dst", SERVER, "--orig-port-dst", str(port)]
    command = ["ip", "netns", "exec", wire.firewall.name, "stdbuf", "-oL", *listen]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        time.sleep(0.5)
        assert wire.client.probe("connect", f"tcp/{port}", SERVER)["seen"] == "answer"
        time.sleep(0.5)
        process.terminate()
        assert process.stdout is not None
        return re.findall(r"^\s*\[(\w+)\] tcp\s+6 \d+ (\w+)", process.stdout.read(), re.MULTILINE)


def test_of_a_short_connection_three_things_are_told(wire: Wire) -> None:
    """And the last of them makes sure that the peer does not keep it for days."""
    told = news(wire, 80)
    assert told[:2] == [("NEW", "SYN_SENT"), ("UPDATE", "ESTABLISHED")]
    assert told[2:3] in [[("UPDATE", "FIN_WAIT")], [("UPDATE", "LAST_ACK")]], told
    # on a busy machine an end may reset the flow after the FINs, and each reset is told
    assert told[3:] in [[], [("UPDATE", "CLOSE")]], told


def test_without_the_rules_each_step_is_told(wire: Wire) -> None:
    wire.load("\n".join(line for line in RULESET.splitlines() if "ct event" not in line))
    try:
        told = news(wire, 80)
        # where both ends leave at once, some steps of the end are one
        assert ("UPDATE", "SYN_RECV") in told and len(told) > 4, told
    finally:
        wire.load(RULESET)
