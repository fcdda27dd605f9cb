# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes back by itself. Last in order: it restarts machines."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable
from typing import Any

from kernel import Ansible, addresses
from test_nodes import ADDRESSES, test_the_virtual_addresses_are_on_one_node_together

Wait = Callable[[str], None]


RULES = "nft --stateless list table inet ftfw"
MARK = "chain waits"


def test_a_firewall_boots_with_its_address_without_a_dhcp_server_and_without_rules_that_nobody_confirmed(
    omarine: Any, guest: Callable[[str], Any], wait_for_guest: Wait, ansible: Ansible
) -> None:
    kept = guest("fw-2").check_output(RULES)
    first, others = kept.split("\n", 1)
    change = {"table": "ftfw", "text": f"{first}\n{MARK} {{ }}\n{others}\n", "confirm": 600}
    assert "CHANGED" in ansible("ansible", "fw-2", "-m", "ftfw.pair.nft_ruleset", "-a", json.dumps(change))
    assert MARK in guest("fw-2").check_output(RULES)
    omarine.check_output("systemctl stop dnsmasq.service")
    try:
        omarine.check_output("systemctl restart guest-fw-2.service")
        wait_for_guest("fw-2")
        assert "192.168.0.2/24" in addresses(guest("fw-2"), "eth0")
        assert guest("fw-2").check_output("systemctl is-active keepalived conntrackd") == "active\nactive"
        assert guest("fw-2").check_output(RULES) == kept
        assert not guest("fw-2").file("/run/nft-ruleset/inet-ftfw/pending.json").exists
    finally:
        omarine.check_output("systemctl start dnsmasq.service")


def test_the_site_comes_back_after_a_restart_of_the_hypervisor(
    guest: Callable[[str], Any], wait_for_guest: Wait, ansible: Ansible
) -> None:
    subprocess.run(["podman", "restart", "--time", "90", "ftfw-molecule-omarine"], check=True, timeout=180)
    for name in ADDRESSES:
        wait_for_guest(name)
    deadline = time.monotonic() + 60
    while guest("client").run("ping -c 1 -W 2 192.168.0.3").rc and time.monotonic() < deadline:
        time.sleep(2)
    assert guest("client").run("ping -c 1 -W 5 192.168.0.3").rc == 0
    test_the_virtual_addresses_are_on_one_node_together(guest)
    output = ansible("ansible-playbook", "site.yml")
    recap = re.findall(r"^(\S+) +: ok=\d+ +changed=(\d+)", output, re.MULTILINE)
    assert dict(recap) == dict.fromkeys(("localhost", "omarine", *ADDRESSES), "0")
