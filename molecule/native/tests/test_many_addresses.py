# SPDX-License-Identifier: GPL-3.0-or-later
"""Three hundred virtual addresses of each family on one router: more than an advert carries."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator
from ipaddress import ip_address

import pytest
import yaml
from cases import UDP, listener
from containers import LAB, NODES, PREFIX, PROJECT, playbook, run, wait
from lab import Lab
from probe import RunningProbe, flow
from test_site_again import ROUTERS

pytestmark = pytest.mark.long
COUNT = 300
BASE = {4: ip_address("10.66.1.0"), 6: ip_address("2001:db8:66::1:0")}
MANY = {family: [str(base + number) for number in range(1, COUNT + 1)] for family, base in BASE.items()}
OWN = {
    "fw-1": ["10.66.0.1", "2001:db8:66::1"],
    "fw-2": ["10.66.0.2", "2001:db8:66::2"],
    "server": ["10.66.0.3", "2001:db8:66::3"],
}
MASKS = {4: 16, 6: 64}
ENDS = {
    f"{place}-{family}": addresses[index]
    for family, addresses in MANY.items()
    for place, index in (("first", 0), ("last", -1))
}
"""What is measured."""
LIMIT = 1000
"""Milliseconds, as for any crash here (test_survival)."""
OUTSIDE = ["192.168.0.0/24", "2001:db8::/64", "10.66.0.0/16", "2001:db8:66::/64"]
SITE = {
    "site_networks": {
        "outside": {"prefixes": OUTSIDE},
        "inside": {"prefixes": ["192.168.2.0/24", "2001:db8:2::/64"]},
        "sync": {"prefixes": ["192.168.100.0/24"]},
    },
    "site_pairs": {
        "ftfw": {
            "nodes": list(NODES),
            "sync": ["sync"],
            "virtual_routers": {
                **ROUTERS,
                "outside": {"vrid": 62, "addresses": [*ROUTERS["outside"]["addresses"], *MANY[4], *MANY[6]]},
            },
        }
    },
    "site_services": {"echo": {"tcp": [7]}, "numbered": {"udp": [UDP]}},
    "site_port_forwards": [
        {"to": "outside", "service": "numbered", "host": "client", "address": address}
        for address in ENDS.values()
    ],
}


def mask(address: str) -> str:
    return f"{address}/{MASKS[ip_address(address).version]}"


def held(node: str) -> set[str]:
    found = re.findall(r"inet6? ([0-9a-f.:]+)/", run(node, "ip -oneline address show dev eth0"))
    return set(found).intersection(MANY[4] + MANY[6])


@pytest.fixture
def many(roles: tuple[str, str]) -> Iterator[tuple[str, str]]:
    """Primary and backup of a router with all these addresses; afterwards the site as it was."""
    # as deep as the other one, so that its paths fit
    folder = PROJECT / f"build/{LAB}-many"
    (folder / "host_vars").mkdir(parents=True, exist_ok=True)
    (folder / "hosts.yml").write_text(json.dumps({"all": {"hosts": dict.fromkeys(NODES)}}))
    for node in NODES:
        cards = yaml.safe_load((PROJECT / f"inventories/native/host_vars/{node}.yml").read_text())
        cards["node_interfaces"]["eth0"]["addresses"] += OWN[node]
        (folder / f"host_vars/{node}.yml").write_text(json.dumps(cards))
    for address in OWN["server"]:
        run("server", f"ip address add {mask(address)} dev eth0 {'nodad' if ':' in address else ''}")
    try:
        done = playbook("site.yml", "-i", str(folder), "-e", json.dumps(SITE))
        assert done.returncode == 0, done.stdout[-3000:]
        wait("one node has them all", lambda: {len(held(node)) for node in NODES} == {0, 2 * COUNT}, 30)
        yield roles if held(roles[0]) else (roles[1], roles[0])
    finally:
        shutil.rmtree(folder)
        done = playbook("site.yml")
        for host, addresses in OWN.items():
            for address in addresses:
                run(host, f"ip address del {mask(address)} dev eth0", check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert [held(node) for node in NODES] == [set(), set()]


def test_all_addresses_move_in_a_crash(many: tuple[str, str]) -> None:
    primary, backup = many
    lab = Lab(PREFIX)
    try:
        client = RunningProbe(
            lab, "client", [], [listener("udp", address, UDP) for address in ("192.168.2.3", "2001:db8:2::3")]
        )
        server = RunningProbe(
            lab, "server", [flow(name, "udp", address, UDP, rate=200) for name, address in ENDS.items()], []
        )
        time.sleep(2)
        lab.links(primary, "down")
        time.sleep(6)
        moved = held(backup)
        seen = server.collect()
        client.collect()
    finally:
        lab.end_all()
        lab.links(primary, "up")
    assert len(moved) == 2 * COUNT
    gaps = {name: seen[name]["longest_gap_ms"] for name in ENDS}
    assert all(seen[name]["complete"] for name in ENDS), seen
    assert max(gaps.values()) <= LIMIT, gaps
    wait("the former primary gave them up", lambda: held(primary) == set(), 30)
