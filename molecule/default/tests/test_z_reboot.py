# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes back by itself. Last in order: it restarts machines."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import test_nodes
import yaml
from kernel import Ansible, addresses, write
from test_nodes import ADDRESSES

Wait = Callable[[str], None]
INVENTORY = Path(__file__).resolve().parents[3] / "inventories/lab"


# without what a node's role puts into sets
RULES = "nft --stateless --terse list table inet ftfw"
MARK = "chain waits"
NODE = "fw-2"


UNIT = f"/etc/systemd/system/guest-{NODE}.service"
OTHERS = "flush ruleset\ntable inet others {\n}\n"


CARDS = {
    name: card["mac"]
    for name, card in yaml.safe_load((INVENTORY / f"host_vars/{NODE}.yml").read_text())[
        "node_interfaces"
    ].items()
}
"""The node's interfaces, in order."""


def reversed_cards(unit: str) -> str:
    """The guest's unit with its cards in the reverse order: management first, eth0 last."""
    cards = re.findall(r"    -netdev tap.*\n    -device virtio-net.*\n", unit)
    assert len(cards) > 2
    return unit.replace("".join(cards), "".join(reversed(cards)))


@contextmanager
def changed_for_boot(omarine: Any, node: Any, ansible: Ansible) -> Iterator[str]:
    """The node finds its cards in another order, rules that nobody has confirmed, and its distribution's own,
    which flush all others. Gives the rules that it had."""
    kept: str = node.check_output(RULES)
    first, others = kept.split("\n", 1)
    change = {"table": "ftfw", "text": f"{first}\n{MARK} {{ }}\n{others}\n", "confirm": 600}
    assert "CHANGED" in ansible("ansible", NODE, "-m", "ftfw.pair.nft_ruleset", "-a", json.dumps(change))
    assert MARK in node.check_output(RULES)
    unit = omarine.file(UNIT).content_string
    write(omarine, UNIT, reversed_cards(unit))
    node.check_output("cp -p /etc/nftables.conf /root/ && systemctl enable nftables.service")
    write(node, "/etc/nftables.conf", OTHERS)
    try:
        yield kept
    finally:
        write(omarine, UNIT, unit)
        omarine.check_output("systemctl daemon-reload")
        node.check_output(
            "systemctl disable --now nftables.service && mv /root/nftables.conf /etc/nftables.conf"
        )


def see_the_node(node: Any, kept: str) -> None:
    """Its addresses are on their wires, and its rules are those that were confirmed."""
    assert set(ADDRESSES[NODE]["eth0"]) <= set(addresses(node, "eth0"))
    assert node.check_output("systemctl is-active keepalived conntrackd") == "active\nactive"
    cards = json.loads(node.check_output("ip -json link"))
    names = {link["address"]: link["ifname"] for link in cards if link["ifname"] != "lo"}
    assert {names[mac]: mac for mac in CARDS.values()} == CARDS
    # the kernel has found them in this order
    order = [link["ifname"] for link in sorted(cards, key=lambda link: link["ifindex"])]
    assert order == ["lo", *reversed(CARDS)]
    assert "table inet others" in node.check_output("nft list tables")
    assert node.check_output(RULES) == kept
    assert not node.file("/run/nft-ruleset/inet-ftfw/pending.json").exists


def see_the_way_through(client: Any) -> None:
    deadline = time.monotonic() + 60
    for server in ("192.168.0.3", "2001:db8::3"):
        while client.run(f"ping -c 1 -W 2 {server}").rc and time.monotonic() < deadline:
            time.sleep(2)
        assert client.run(f"ping -c 1 -W 5 {server}").rc == 0


def test_a_node_boots_with_other_cards_and_without_rules_that_nobody_confirmed(
    omarine: Any, guest: Callable[[str], Any], wait_for_guest: Wait, ansible: Ansible
) -> None:
    node = guest(NODE)
    with changed_for_boot(omarine, node, ansible) as kept:
        omarine.check_output("systemctl daemon-reload")
        boot = node.check_output("cat /proc/sys/kernel/random/boot_id")
        omarine.check_output(f"systemctl restart guest-{NODE}.service")
        wait_for_guest(NODE)
        assert node.check_output("cat /proc/sys/kernel/random/boot_id") != boot
        see_the_node(node, kept)
        see_the_way_through(guest("client"))
        test_nodes.test_the_virtual_addresses_are_on_one_node_together(guest)


@pytest.mark.long
def test_the_site_comes_back_without_a_dhcp_server(
    omarine: Any, guest: Callable[[str], Any], wait_for_guest: Wait, ansible: Ansible
) -> None:
    assert omarine.check_output("systemctl is-enabled dnsmasq.service") == "enabled"
    omarine.check_output("systemctl mask dnsmasq.service")
    try:
        with changed_for_boot(omarine, guest(NODE), ansible) as kept:
            subprocess.run(
                ["podman", "restart", "--time", "90", "ftfw-molecule-omarine"], check=True, timeout=180
            )
            for name in ADDRESSES:
                wait_for_guest(name)
            assert omarine.run("systemctl is-active dnsmasq.service").stdout.strip() == "inactive"
            see_the_node(guest(NODE), kept)
            see_the_way_through(guest("client"))
            test_nodes.test_the_virtual_addresses_are_on_one_node_together(guest)
    finally:
        omarine.check_output("systemctl unmask dnsmasq.service && systemctl start dnsmasq.service")
    # the rules are tested by the stages before this one; of two firewalls that came back one is enough
    again = [NODE, "client", "omarine", "localhost"]
    options = ("-e", "policy_test_first=false", "--limit", ",".join(again))
    output = ansible("ansible-playbook", "site.yml", *options)
    recap = re.findall(r"^(\S+) +: ok=\d+ +changed=(\d+)", output, re.MULTILINE)
    assert dict(recap) == dict.fromkeys(again, "0")
