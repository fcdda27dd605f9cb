# SPDX-License-Identifier: GPL-3.0-or-later
"""The tasks that look for what disturbs a pair, run by Ansible; the node's programs are stand-ins."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible_collections.ftfw.pair.tests.ansible_playbook import ansible_playbook

ROOT = Path(__file__).parents[3]
VIEWS = yaml.safe_load((ROOT / "tests/sites/ipv4/views.yml").read_text())
PLAY = """\
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.import_tasks: {tasks}
      vars:
        __turns_roles: ROLES
    - ansible.builtin.debug:
        msg: "{{{{ inventory_hostname }}}} is {{{{ __turn.turn }}}} in {{{{ group_names | join(' ') }}}}"
"""
OLD = """\
global_defs {
    vrrp_version 3
}
vrrp_instance inside {
    interface eth1
    virtual_router_id 61
    unicast_src_ip SOURCE
    unicast_peer {
        PEER
    }
    virtual_ipaddress {
        192.168.2.100/32 dev eth1
    }
}
"""
INTERRUPTS = "the virtual router outside is new"


def look(
    folder: Path, host: str, addresses: str, active: str = "active", roles: tuple[str, ...] = ("keepalived",)
) -> str:
    """Run the tasks for one host, whose keepalived has the virtual router inside only."""
    programs = folder / "bin"
    programs.mkdir()
    for name, said in (("ip", f"3: eth1    inet {addresses} scope global eth1"), ("systemctl", active)):
        (programs / name).write_text(f"#!/bin/sh\necho '{said}'\n")
        (programs / name).chmod(0o755)
    view = VIEWS[host]
    inside = next(one for one in view["keepalived"]["instances"] if one["name"] == "inside")
    old = OLD.replace("SOURCE", inside["source"]).replace("PEER", inside["peers"][0])
    (folder / "keepalived.conf").write_text(old)
    play = PLAY.replace("ROLES", f"[{', '.join(roles)}]")
    (folder / "play.yml").write_text(play.format(tasks=ROOT / "playbooks/tasks/turns/look.yml"))
    host_variables = {"ansible_connection": "local", "site_view": view}
    inventory = {"all": {"hosts": {host: host_variables}}}
    (folder / "hosts.yml").write_text(yaml.safe_dump(inventory))
    extra = json.dumps({"__keepalived_file": str(folder / "keepalived.conf")})
    done = ansible_playbook(
        *("-i", str(folder / "hosts.yml"), "-e", extra, str(folder / "play.yml")),
        settings={"PATH": f"{programs}:{os.environ['PATH']}", "ANSIBLE_NOCOLOR": "1"},
    )
    return " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("host", "addresses", "active", "told"),
    [
        pytest.param(
            "fw-1", "192.168.2.100/32", "active", f"fw-1: {INTERRUPTS}: that would interrupt", id="primary"
        ),
        pytest.param("fw-2", "192.168.2.2/24", "active", "fw-2 is first in pair_turn_first", id="backup"),
        pytest.param("fw-2", "192.168.2.2/24", "inactive", "fw-2 is none in", id="new"),
    ],
)
def test_turn(tmp_path: Path, host: str, addresses: str, active: str, told: str) -> None:
    said = look(tmp_path, host, addresses, active)
    assert told in said, said


def test_network_files_that_change_are_a_reason(tmp_path: Path) -> None:
    said = look(tmp_path, "fw-1", "192.168.2.100/32", roles=("node_network",))
    assert "networkd configures eth0, eth1, eth2, mgmt0 anew: that would interrupt the primary" in said, said


def test_no_play_before_the_turns_gives_firewalls_anything() -> None:
    """In a lab of containers, too, whose nodes the lab has made itself."""
    inventory = InventoryManager(DataLoader(), sources=[str(ROOT / "inventories/native/hosts.yml")])
    firewalls = {"fw-1", "fw-2"}
    hosts = {"site_firewalls": firewalls, "site_there": {*firewalls, "client", "server"}}
    for group in ("site_guests", "site_hypervisors", "site_firewalls", "site_there", "pair_turn_first"):
        inventory.add_group(group)
        for host in hosts.get(group, ()):
            inventory.add_host(host, group)
    plays = [play for play in yaml.safe_load((ROOT / "playbooks/site.yml").read_text()) if "roles" in play]
    network = [
        {str(host) for host in inventory.list_hosts(play["hosts"])}
        for play in plays
        if play["roles"] == [{"role": "ftfw.pair.node_network"}]
    ]
    assert network == [{"client", "server"}, firewalls]
    names = [play["name"] for play in yaml.safe_load((ROOT / "playbooks/site.yml").read_text())]
    turns = names.index("Change the backups first")
    before = [play for play in plays if names.index(play["name"]) < turns]
    assert not any(firewalls & {str(host) for host in inventory.list_hosts(play["hosts"])} for play in before)
