# SPDX-License-Identifier: GPL-3.0-or-later
"""Check mode on sites that are not there: playbooks say what they would make, end well and make nothing."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from ansible_collections.ftfw.pair.tests.ansible_playbook import ansible_playbook

ROOT = Path(__file__).parents[3]
NAME = "unbuilt"
GUESTS = ("fw-1", "fw-2", "client")


def check(inventory: str, *playbooks: str) -> tuple[str, dict[str, int]]:
    """What it said, and how many changes it saw on each host."""
    done = ansible_playbook(
        *("-i", f"inventories/{inventory}", "-e", f"lab_name={NAME}", "-e", "policy_test_first=false"),
        *("-e", f"drill_confirm={inventory}", "--check", "--diff", *playbooks),
        settings={"ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_NOCOLOR": "1"},
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert not (ROOT / "build" / NAME).exists()
    found = re.findall(r"^(\S+) +: ok=\d+ +changed=(\d+)", done.stdout, re.MULTILINE)
    return " ".join(done.stdout.split()), {host: int(number) for host, number in found}


@pytest.mark.parametrize(
    ("inventory", "hosts", "containers"),
    [
        pytest.param("lab", ("omarine", *GUESTS), ["omarine"], id="lab"),
        pytest.param(
            "native", (*GUESTS, "server"), ["wires", "fw-1", "fw-2", "client", "server"], id="native"
        ),
    ],
)
def test_site_says_what_it_would_make(inventory: str, hosts: tuple[str, ...], containers: list[str]) -> None:
    said, changes = check(inventory, "site.yml")
    assert ", ".join(f"ftfw-{NAME}-{name}" for name in containers) in said
    for host in hosts:
        assert f"{host} is not there yet" in said
        assert changes[host] == 1
    assert "a firewall of pair ftfw" in said
    assert "table inet ftfw {" in said
    left = ["podman", "ps", "--all", "--quiet", "--filter", f"label=ftfw.lab={NAME}"]
    assert not subprocess.run(left, capture_output=True, check=True).stdout


def test_what_needs_a_site_says_that_it_is_not_there() -> None:
    verbs = ("policy", "switchover", "verify", "drill", "clean")
    said, changes = check("native", *(f"playbooks/{verb}.yml" for verb in verbs))
    assert said.count("fw-1 is not there yet") == len(verbs) - 1
    assert "would be killed twice" in said
    assert "power_loss" in said
    assert changes["localhost"] == 0
