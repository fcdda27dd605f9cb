# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab as three network namespaces, client, firewall and server, and what the site model says of it."""

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

import yaml
from ansible_collections.ftfw.pair.plugins.module_utils.nft.kept import boot_text
from ansible_collections.ftfw.pair.plugins.module_utils.nft.text import without_flowtables
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_view

LAB = Path(__file__).parents[2] / "sites" / "ipv4" / "inventory"
HELPER = Path(__file__).parent / "peer.py"
HOSTS = ("omarine", "fw-1", "fw-2", "client")
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

    @contextlib.contextmanager
    def route(self, destination: str, gateway: str) -> Iterator[None]:
        self("ip", "route", "add", destination, "via", gateway)
        try:
            yield
        finally:
            self("ip", "route", "del", destination, "via", gateway)


@dataclass(frozen=True)
class Wire:
    client: Namespace
    firewall: Namespace
    server: Namespace

    def load(self, ruleset: str) -> None:
        """Replace the table, as a node does at boot whose kernel has no flowtables."""
        self.firewall("nft", "-f", "-", text=boot_text("inet", "ftfw", without_flowtables(ruleset)))


def views(**site: Any) -> dict[str, Any]:
    """The views of the lab's hosts, with some of the site's variables changed, or (None) left out."""

    def load(path: str) -> dict[str, Any]:
        loaded: dict[str, Any] = yaml.safe_load((LAB / path).read_text())
        return loaded

    shared = {**load("group_vars/all/site.yml"), **site}
    shared = {name: value for name, value in shared.items() if value is not None}
    model = load_site({host: {**shared, **load(f"host_vars/{host}.yml")} for host in HOSTS})
    return {host: host_view(model, host) for host in HOSTS}


def ruleset(**site: Any) -> str:
    """The table of fw-1."""
    text: str = views(**site)["fw-1"]["nftables"]["ruleset"]
    return text


def _join(a: Namespace, a_name: str, b: Namespace, b_name: str) -> None:
    run("ip", "link", "add", a_name, "netns", a.name, "type", "veth", "peer", b_name, "netns", b.name)
    a("ip", "link", "set", a_name, "up")
    b("ip", "link", "set", b_name, "up")


@contextlib.contextmanager
def lab_wire(text: str) -> Iterator[Wire]:
    """The namespaces with their listeners; the firewall forwards, and has the table `text`."""
    tag = uuid.uuid4().hex[:8]
    spaces = [Namespace(f"policy-{tag}-{role}") for role in ("client", "firewall", "server")]
    client, firewall, server = spaces
    with contextlib.ExitStack() as stack:
        for space in spaces:
            run("ip", "netns", "add", space.name)
            stack.callback(run, "ip", "netns", "del", space.name)
            space("ip", "link", "set", "lo", "up")
        _join(client, "eth0", firewall, "eth1")
        _join(server, "br0", firewall, "eth0")
        _join(server, "br-mgmt", firewall, "mgmt0")
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
        wire = Wire(client, firewall, server)
        wire.load(text)
        # exists only now that the table has put connection tracking to work
        firewall("sysctl", "-q", "-w", "net.netfilter.nf_conntrack_tcp_loose=0")
        stack.enter_context(server.listening("tcp/22", "tcp/80", "tcp/25", "udp/53", "udp/123", "ftp/21"))
        stack.enter_context(client.listening("tcp/80", "tcp/8080"))
        stack.enter_context(firewall.listening("tcp/22"))
        yield wire
