# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/remove.yml: nothing of the collection is left on a node, and what was there before is back."""

from __future__ import annotations

import re
from typing import Any

import pytest
from containers import NODES, VIRTUAL, other_of, playbook, run
from faults import settle
from messages import messages

OURS = "find / -xdev -type f \\( -path '*ftfw*' -o -path '*/pair-*' \\) | grep -v -e ^/proc/ -e ^/sys/ | sort"
UNITS = "systemctl list-unit-files --no-legend 'pair-*' 'ftfw-*'"
LISTED = f"nft list tables; ls /run | grep -e ftfw -e pair-; {UNITS}"
FORWARDING = "cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding"


def remove(*options: str) -> Any:
    return playbook("playbooks/remove.yml", "-e", "remove_confirm=native", *options)


def changed(output: str) -> dict[str, int]:
    found = re.findall(r"^(fw-\d)\s.*changed=(\d+)", output, re.MULTILINE)
    return {host: int(count) for host, count in found}


def test_it_asks_first() -> None:
    done = playbook("playbooks/remove.yml")
    assert done.returncode == 2
    assert "say -e remove_confirm=native" in " ".join(done.stdout.split())


def test_check_mode_says_what_would_go_and_takes_nothing(roles: tuple[str, str]) -> None:
    before = {node: run(node, f"{OURS}; {LISTED}", check=False) for node in NODES}
    done = remove("--check", "--limit", roles[1])
    assert done.returncode == 0, done.stdout
    assert changed(done.stdout)[roles[1]] > 5
    assert {node: run(node, f"{OURS}; {LISTED}", check=False) for node in NODES} == before


@pytest.mark.long
def test_it_goes_node_by_node_and_can_be_built_again(roles: tuple[str, str], status: Any) -> None:
    primary, backup = roles
    run(primary, "cp /etc/keepalived/keepalived.conf /root/ours.conf")
    for node in (backup, primary):
        done = remove("--limit", node, "-e", "remove_network=true")
        assert done.returncode == 0, done.stdout
        assert changed(done.stdout)[node] > 5
        assert run(node, OURS, check=False) == ""
        assert run(node, LISTED, check=False).split() == []
        assert set(run(node, FORWARDING).split()) == {"0"}
        # it is a matter of one node: the other one has the virtual addresses as long as it is there
        held = [address for address in VIRTUAL if address in run(other_of(node), "ip -o address show")]
        assert held == (list(VIRTUAL) if node == backup else [])
        again = remove("--limit", node, "-e", "remove_network=true")
        assert (again.returncode, changed(again.stdout)) == (0, {node: 0}), again.stdout
    # somebody else's file survives being taken over and given back
    run(backup, "echo '! mine' > /etc/keepalived/keepalived.conf")
    assert playbook("site.yml").returncode == 0
    assert run(backup, "cat /var/lib/ftfw/before/etc/keepalived/keepalived.conf") == "! mine\n"
    assert "! mine" not in run(backup, "cat /etc/keepalived/keepalived.conf")
    run(primary, "cmp /root/ours.conf /etc/keepalived/keepalived.conf && rm /root/ours.conf")


@pytest.mark.long
@pytest.mark.parametrize("whose", ["backup", "primary"])
def test_a_node_goes_and_comes_back_and_no_flow_is_lost(
    roles: tuple[str, str], status: Any, whose: str
) -> None:
    node = dict(zip(("primary", "backup"), roles))[whose]
    with messages() as sent:
        done = remove("--limit", node, "-e", "remove_network=true")
        assert done.returncode == 0, done.stdout
        back = playbook("site.yml")
    assert back.returncode == 0, back.stdout[-3000:]
    assert sent.lost() == {}, sent.gaps()
    assert settle(status).document["primary"] == other_of(node)
