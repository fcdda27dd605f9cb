# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drill is asked for wrongly, or can't do, is said before any fault is made."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from containers import NODES, PREFIX, playbook, run, wait
from test_pair import is_primary, primary, settle

DRILL = "playbooks/drill.yml"
CONFIRMED = ("-e", "drill_confirm=native", "-e", "drill_faults=freeze")


def boots() -> list[str]:
    """What a fault would have changed: who is primary, and since when keepalived runs."""
    asked = "systemctl show --property=ActiveEnterTimestampMonotonic keepalived.service"
    return [primary(), *(run(node, asked) for node in NODES)]


@contextmanager
def taken(port: int) -> Iterator[None]:
    command = f"systemd-run --quiet --unit=taken --collect python3 -m http.server {port}"
    run("server", command)
    wait("the port is taken", lambda: run("server", f"ss -Htln sport = {port}") != "")
    try:
        yield
    finally:
        run("server", "systemctl stop taken.service")


def said(*options: str) -> str:
    before = boots()
    done = playbook(DRILL, *options)
    assert done.returncode != 0
    assert boots() == before
    return " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param(("-e", "drill_confirm="), "-e drill_confirm=native", id="not-confirmed"),
        pytest.param(("-e", "drill_confirm=lab"), "-e drill_confirm=native", id="another-site"),
        pytest.param(
            ("-e", "drill_confirm=native", "-e", "drill_faults=power_los"), "power_los: ", id="no-such-fault"
        ),
        pytest.param(
            (*CONFIRMED, "-e", '{"drill_random": {"seed": 7, "minutes": 0}}'),
            "drill_random.minutes: 0: use a whole number from 1 to 180",
            id="drawn-for-no-time",
        ),
    ],
)
def test_what_is_asked_for_wrongly(options: tuple[str, ...], words: str) -> None:
    assert words in said(*options)


def test_a_port_that_is_taken() -> None:
    settle(primary())
    with taken(7001):
        assert re.search(r"can't listen at [^;]*\b7001\b", said(*CONFIRMED))


def test_a_client_that_can_not_reach_the_virtual_address() -> None:
    settle(primary())
    block = ["podman", "exec", f"{PREFIX}-client", "ip", "route", "add", "blackhole", "192.168.2.100/32"]
    subprocess.run(block, check=True)
    try:
        assert "client can't reach the virtual address 192.168.2.100, before any fault" in said(*CONFIRMED)
    finally:
        subprocess.run([*block[:5], "del", *block[6:]], check=True)
    time.sleep(1)
    assert is_primary(primary())
