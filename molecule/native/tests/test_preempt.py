# SPDX-License-Identifier: GPL-3.0-or-later
"""The preferred node gets its role back once it holds every flow, and never before."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import cases
import load_cases
import pytest
from containers import LAB, VIRTUAL, playbook, run, wait
from lab import Lab
from load import flows

pytestmark = pytest.mark.long
COUNT, DEADLINE = 20_000, 10
SWITCHED = ("-e", "native_preempt=when_synced", "-e", f"pair_state_preempt_deadline={DEADLINE}")


def installed() -> list[str]:
    units = "pair-preempt.service pair-flows.socket"
    return [run(node, f"systemctl is-active {units}", check=False) for node in ("fw-1", "fw-2")]


def is_primary(node: str) -> bool:
    return VIRTUAL[0] in run(node, "ip -brief address show dev eth1")


def said(node: str, unit: str, since: float) -> str:
    return run(node, f"journalctl --quiet --output=cat --unit={unit} --since=@{since:.3f}")


@pytest.fixture(scope="module", autouse=True)
def preempting() -> Iterator[None]:
    done = playbook("site.yml", *SWITCHED)
    assert done.returncode == 0, done.stdout[-3000:]
    again = playbook("site.yml", *SWITCHED)
    assert " changed=0 " in again.stdout.split("PLAY RECAP")[1].split("fw-1")[1].splitlines()[0], again.stdout
    assert installed() == ["active\ninactive\n", "inactive\nactive\n"]
    yield
    done = playbook("site.yml")
    assert done.returncode == 0, done.stdout[-3000:]
    assert installed() == ["inactive\ninactive\n"] * 2
    assert run("fw-2", "ss -Htln sport = 3782") == ""


@pytest.fixture
def lab() -> Iterator[Lab]:
    """The pair, with fw-1 as primary."""
    wait("fw-1 is primary", lambda: is_primary("fw-1"), 90)
    lab = Lab(f"ftfw-{LAB}")
    lab.copy("client", cases.LOAD, "/root/load.py")
    yield lab
    run("fw-1", "nft delete table inet deaf 2>/dev/null; systemctl start conntrackd keepalived", check=False)
    run("server", "nft delete table inet bench 2>/dev/null", check=False)
    for node in ("fw-1", "fw-2"):
        run(node, "conntrack -F 2>/dev/null; conntrackd -f")


def test_never_before_it_holds_every_flow(lab: Lab) -> None:
    """The flows begin while it is away, and then it is deaf to replication."""
    hook = "type filter hook input priority 0"
    drop = f"table inet bench {{ chain input {{ {hook}; tcp dport 80 tcp flags syn drop; }}; }}"
    lab.run("server", f"nft '{drop}'; ip address replace 192.168.0.4/24 dev eth0")
    deaf = "table inet deaf { chain input { type filter hook input priority -10; udp dport 3780 drop; }; }"
    run("fw-1", f"systemctl stop keepalived conntrackd; conntrack -F 2>/dev/null; nft '{deaf}'")
    wait("fw-2 is primary", lambda: is_primary("fw-2"))
    lab.run("client", f"python3 /root/load.py burst {COUNT} 1")
    wanted = {(source, str(port), target) for source, port, target, _rest in flows(COUNT)}
    passed = load_cases.tuples(lab, "fw-2") & wanted
    assert len(passed) > COUNT // 2
    started = time.time()
    run("fw-1", "systemctl start conntrackd keepalived")

    while time.time() < started + DEADLINE + 15:
        assert not is_primary("fw-1")
        time.sleep(0.2)
    told = said("fw-1", "pair-preempt", started)
    assert f"after {DEADLINE} s " in told and "this node stays backup, and goes on trying" in told, told
    assert "asks for the role" not in told
    assert passed - load_cases.tuples(lab, "fw-1"), "it was not deaf"

    run("fw-1", "nft delete table inet deaf")
    wait("fw-1 is primary", lambda: is_primary("fw-1"), 60)
    held = load_cases.tuples(lab, "fw-1")
    assert not (passed & load_cases.tuples(lab, "fw-2")) - held
    told = said("fw-1", "pair-preempt", started)
    assert "asks for the role" in told, told
    assert "gives the role back to the preferred node" in said("fw-2", "pair-path", started)
    assert not is_primary("fw-2")


def test_it_comes_back_once_and_stays(lab: Lab, tmp_path: Path) -> None:
    started = time.time()
    run("fw-1", "systemctl restart keepalived")
    wait("fw-2 is primary", lambda: is_primary("fw-2"))
    wait("fw-1 is primary", lambda: is_primary("fw-1"), 60)
    time.sleep(10)
    assert is_primary("fw-1")
    masters = [
        said(node, "keepalived", started).count("(inside) Entering MASTER STATE") for node in ("fw-1", "fw-2")
    ]
    assert masters == [1, 1]


def test_another_preferred_node(lab: Lab) -> None:
    """Each node stops what it did in its other role."""
    done = playbook("site.yml", *SWITCHED, "-e", '{"native_priorities": {"fw-2": 251}}')
    assert done.returncode == 0, done.stdout[-3000:]
    assert installed() == ["inactive\nactive\n", "active\ninactive\n"]
    listening = [run(node, "ss -Htln sport = 3782") != "" for node in ("fw-1", "fw-2")]
    assert listening == [True, False]
    left = "ls /etc/systemd/system/pair-preempt.service /etc/ftfw/preempt.json 2>/dev/null"
    assert run("fw-1", left, check=False) == ""
    assert run("fw-2", "ls /etc/systemd/system/pair-flows* 2>/dev/null", check=False) == ""
    wait("fw-2 is primary", lambda: is_primary("fw-2"), 90)
    done = playbook("site.yml", *SWITCHED)
    assert done.returncode == 0, done.stdout[-3000:]
    assert installed() == ["active\ninactive\n", "inactive\nactive\n"]
