# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hypervisor is, as its kernel and systemd tell it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from kernel import addresses

PORTS = {
    # and the lab's web servers
    "br0": {"net01", "net02", "srv-1", "srv-2"},
    "br1": {"net11", "net12", "net13"},
    "br2": {"net21", "net22"},
    "br-mgmt": {"netm1", "netm2", "netm3"},
}
GUESTS = ("fw-1", "fw-2", "client")


@pytest.mark.parametrize(
    ("bridge", "expected"),
    [
        # the second of each family is its balancers'
        ("br0", ["192.168.0.3/24", "192.168.0.6/24", "2001:db8::3/64", "2001:db8::6/64"]),
        ("br1", []),
        ("br2", []),
        ("br-mgmt", ["10.255.0.254/24"]),
    ],
)
def test_only_grounded_bridges_have_an_address(omarine: Any, bridge: str, expected: list[str]) -> None:
    assert sorted(addresses(omarine, bridge)) == expected


@pytest.mark.parametrize("bridge", PORTS)
def test_each_tap_is_in_its_bridge(omarine: Any, bridge: str) -> None:
    links = json.loads(omarine.check_output(f"ip -json link show master {bridge}"))
    assert {link["ifname"] for link in links} == PORTS[bridge]


@pytest.mark.parametrize("bridge", PORTS)
def test_only_management_ports_are_isolated(omarine: Any, bridge: str) -> None:
    links = json.loads(omarine.check_output(f"ip -json -details link show master {bridge}"))
    isolated = {link["ifname"] for link in links if link["linkinfo"]["info_slave_data"]["isolated"]}
    assert isolated == (PORTS[bridge] if bridge == "br-mgmt" else set())


@pytest.mark.parametrize("name", GUESTS)
def test_a_guest_runs_unprivileged_and_confined(omarine: Any, name: str) -> None:
    pid = omarine.check_output(f"systemctl show --property MainPID --value guest-{name}.service")
    status = omarine.check_output(f"cat /proc/{pid}/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert "0" not in fields["Uid"].split()
    assert int(fields["CapEff"], 16) == 0
    # 2 is SECCOMP_MODE_FILTER, proc_pid_status(5)
    assert fields["Seccomp"] == "2"
    report = omarine.check_output(f"systemd-analyze security --no-pager guest-{name}.service")
    assert float(report.split("exposure level for")[1].split(":")[1].split()[0]) < 2.0
    assert omarine.file(f"/run/ftfw-{name}/qmp.sock").mode == 0o600


def test_servers_listen_where_they_serve_and_nowhere_else(omarine: Any) -> None:
    sockets = omarine.check_output("ss --no-header --listening --numeric --tcp --udp").splitlines()
    local = {line.split()[4] for line in sockets}
    hosts = ("192.168.0.3", "192.168.0.6", "[2001:db8::3]", "[2001:db8::6]")
    assert {f"{host}:{port}" for host in hosts for port in (21, 22, 53, 80, 443)} <= local
    # dnsmasq's DHCP socket is bound to br0: the kernel gives it no packet of another link
    own = (*(f"{host}{end}" for host in hosts for end in ":%"), "127.0.0.1:")
    strangers = {name for name in local if not name.startswith(own)}
    assert strangers <= {"0.0.0.0%br0:67"}
