# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's compiled policy against real packets: client, firewall and server are network namespaces."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ftfw.pair.plugins.plugin_utils.site_rules import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.site_view import host_view

LAB = Path(__file__).parents[2] / "inventories" / "lab"
HELPER = Path(__file__).parent / "policy_packets_peer.py"
CLIENT, SERVER = "192.168.2.3", "192.168.0.3"
INSIDE, OUTSIDE = "192.168.2.100", "192.168.0.100"


def run(*command: str, text: str | None = None) -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Namespace:
    name: str

    def __call__(self, *command: str, text: str | None = None) -> str:
        return run("ip", "netns", "exec", self.name, *command, text=text)

    def probe(self, *arguments: object) -> Any:
        """Run one probe here and return what it saw."""
        return json.loads(self(sys.executable, str(HELPER), *map(str, arguments)))

    @contextlib.contextmanager
    def listening(self, *ports: str) -> Iterator[None]:
        command = ["ip", "netns", "exec", self.name, sys.executable, str(HELPER), "listen", *ports]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n"
                yield
            finally:
                process.terminate()


@dataclass(frozen=True)
class Wire:
    client: Namespace
    firewall: Namespace
    server: Namespace
    ruleset: str


def ruleset() -> str:
    def load(path: str) -> dict[str, Any]:
        loaded: dict[str, Any] = yaml.safe_load((LAB / path).read_text())
        return loaded

    shared = {
        **load("group_vars/all/site.yml"),
        "site_port_forwards": [{"to": "outside", "service": "http", "host": "client"}],
    }
    hosts = ("omarine", "fw-1", "fw-2", "client")
    site = load_site({host: {**shared, **load(f"host_vars/{host}.yml")} for host in hosts})
    text: str = host_view(site, "fw-1")["nftables"]["ruleset"]
    return text


def join(a: Namespace, a_name: str, b: Namespace, b_name: str) -> None:
    run("ip", "link", "add", a_name, "netns", a.name, "type", "veth", "peer", b_name, "netns", b.name)
    a("ip", "link", "set", a_name, "up")
    b("ip", "link", "set", b_name, "up")


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    tag = uuid.uuid4().hex[:8]
    spaces = [Namespace(f"policy-{tag}-{role}") for role in ("client", "firewall", "server")]
    client, firewall, server = spaces
    with contextlib.ExitStack() as stack:
        for space in spaces:
            run("ip", "netns", "add", space.name)
            stack.callback(run, "ip", "netns", "del", space.name)
            space("ip", "link", "set", "lo", "up")
        join(client, "eth0", firewall, "eth1")
        join(server, "br0", firewall, "eth0")
        join(server, "br-mgmt", firewall, "mgmt0")
        client("ip", "address", "add", f"{CLIENT}/24", "dev", "eth0")
        client("ip", "route", "add", "default", "via", INSIDE)
        firewall("ip", "address", "add", "192.168.2.1/24", "dev", "eth1")
        firewall("ip", "address", "add", f"{INSIDE}/32", "dev", "eth1")
        firewall("ip", "address", "add", "192.168.0.1/24", "dev", "eth0")
        firewall("ip", "address", "add", f"{OUTSIDE}/32", "dev", "eth0")
        firewall("ip", "address", "add", "10.255.0.1/24", "dev", "mgmt0")
        server("ip", "address", "add", f"{SERVER}/24", "dev", "br0")
        server("ip", "address", "add", "10.255.0.254/24", "dev", "br-mgmt")
        server("ip", "address", "add", "10.255.0.9/24", "dev", "br-mgmt")
        firewall("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
        text = ruleset()
        firewall("nft", "-f", "-", text=text)
        # exists only now that the table has put connection tracking to work
        firewall("sysctl", "-q", "-w", "net.netfilter.nf_conntrack_tcp_loose=0")
        stack.enter_context(server.listening("tcp/22", "tcp/80", "tcp/25", "udp/53", "udp/123", "ftp/21"))
        stack.enter_context(client.listening("tcp/80", "tcp/8080"))
        stack.enter_context(firewall.listening("tcp/22"))
        yield Wire(client, firewall, server, text)


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
    wire.server("ip", "route", "add", "192.168.2.0/24", "via", OUTSIDE)
    try:
        for service in ("tcp/8080", "tcp/80"):
            assert wire.server.probe("connect", service, CLIENT) == {"seen": "silence"}
    finally:
        wire.server("ip", "route", "del", "192.168.2.0/24", "via", OUTSIDE)


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
    wire.server("ip", "route", "add", f"{CLIENT}/32", "via", "10.255.0.1")
    try:
        assert wire.server.probe("connect", "tcp/80", CLIENT) == {"seen": "silence"}
    finally:
        wire.server("ip", "route", "del", f"{CLIENT}/32", "via", "10.255.0.1")


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
        wire.firewall("nft", "-f", "-", text=wire.ruleset)


def test_an_established_flow_survives_a_reload(wire: Wire) -> None:
    command = ["ip", "netns", "exec", wire.client.name, sys.executable, str(HELPER), "hold", SERVER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as held:
        assert held.stdin is not None
        assert held.stdout is not None
        assert held.stdout.readline() == "open\n"
        wire.firewall("nft", "-f", "-", text=wire.ruleset)
        held.stdin.write("go\n")
        held.stdin.flush()
        assert held.stdout.readline() == "echoed\n"
