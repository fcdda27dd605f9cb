# SPDX-License-Identifier: GPL-3.0-or-later
"""site.yml on a pair that runs: check mode finds no change, and what disturbs goes node by node."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from containers import NODES, playbook, run, wait
from faults import settle

SERVERS = {"-4": "192.168.0.3", "-6": "2001:db8::3"}
NEW = {4: "192.168.0.101", 6: "2001:db8::101"}
ROUTERS = {
    "inside": {"vrid": 61, "addresses": ["192.168.2.100", "2001:db8:2::100"]},
    "outside": {"vrid": 62, "addresses": ["192.168.0.100", "2001:db8::100"]},
}


def changed(output: str) -> dict[str, int]:
    return {host: int(count) for host, count in re.findall(r"^(\S+)\s.*changed=(\d+)", output, re.MULTILINE)}


def site(routers: dict[str, Any]) -> Any:
    pairs = {"ftfw": {"nodes": list(NODES), "sync": ["sync"], "virtual_routers": routers}}
    return playbook("site.yml", "-e", json.dumps({"site_pairs": pairs}))


@contextmanager
def pings() -> Iterator[dict[str, int]]:
    """Twenty a second in each family; afterwards how many of them were lost."""
    lost: dict[str, int] = {}
    for family, server in SERVERS.items():
        unit = f"systemd-run --quiet --unit ping{family} sh -c"
        run("client", f"{unit} 'ping -n {family} -i 0.05 {server} >/root/ping{family} 2>&1'")
    yield lost
    for family in SERVERS:
        run("client", f"systemctl kill --signal INT ping{family}.service", check=False)
    for family in SERVERS:
        lost[family] = lost_by(family)


def lost_by(family: str) -> int:
    wait("pings are counted", lambda: "received" in run("client", f"cat /root/ping{family}"))
    counted = run("client", f"cat /root/ping{family}")
    found = re.search(r"(\d+) packets transmitted, (\d+) received", counted)
    assert found
    assert int(found[1]) > 100
    return int(found[1]) - int(found[2])


def test_check_mode_of_a_site_that_is_up_finds_nothing_to_change(roles: tuple[str, str]) -> None:
    done = playbook("site.yml", "--check", "--diff")
    assert done.returncode == 0, done.stdout
    assert not any(changed(done.stdout).values()), done.stdout


@pytest.mark.long
def test_a_virtual_router_comes_and_goes_and_no_packet_is_lost(roles: tuple[str, str], status: Any) -> None:
    new = roles[1]
    second = {"network": "outside", "vrid": 64, "addresses": list(NEW.values())}
    try:
        with pings() as lost:
            done = site({**ROUTERS, "second": second})
        assert done.returncode == 0, done.stdout
        assert f"{new} is changed first, as the backup" in done.stdout
        assert lost == dict.fromkeys(SERVERS, 0)
        # announced: the role has moved once, and the new addresses are on who has it
        assert settle(status).document["primary"] == new
        held = run(new, "ip -o address show")
        assert all(address in held for address in NEW.values())
    finally:
        with pings() as lost:
            done = site(ROUTERS)
    assert done.returncode == 0, done.stdout
    assert lost == dict.fromkeys(SERVERS, 0)
    settle(status)
    assert not any(address in run(node, "ip -o address show") for node in NODES for address in NEW.values())
