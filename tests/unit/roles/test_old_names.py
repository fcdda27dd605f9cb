# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an earlier inventory called a card is taken away; the role runs in check mode."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml
from ansible_collections.ftfw.pair.tests.ansible_playbook import ansible_playbook

ROOT = Path(__file__).parents[3]
VIEWS = yaml.safe_load((ROOT / "tests/sites/ipv4/views.yml").read_text())
PLAY = """\
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.include_role:
        name: ftfw.pair.node_network
        tasks_from: "{{ item }}"
        public: true
      loop: [there, configure]
    - ansible.builtin.debug:
        msg: "{{ __node_network_old_files | to_json }}"
    - ansible.builtin.include_role:
        name: ftfw.pair.node_network
        tasks_from: disturbs
        public: true
    - ansible.builtin.debug:
        msg: "{{ __node_network_disturbs }}"
    - ansible.builtin.include_role:
        name: ftfw.pair.node_network
        tasks_from: absent
"""


def test_a_card_has_one_name(tmp_path: Path) -> None:
    folder = tmp_path / "network"
    folder.mkdir()
    for name in ("10-ftfw-eth0.link", "10-ftfw-wan0.link", "10-ftfw-wan0.network", "20-own.link"):
        (folder / name).touch()
    (tmp_path / "play.yml").write_text(PLAY)
    hosts = {"fw-1": {"ansible_connection": "local", "site_view": VIEWS["fw-1"]}}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
    done = ansible_playbook(
        *("--check", "--diff", "-e", json.dumps({"__node_network_folder": str(folder)})),
        *("-i", str(tmp_path / "hosts.yml"), str(tmp_path / "play.yml")),
        settings={"ANSIBLE_NOCOLOR": "1"},
    )
    said = " ".join(done.stdout.split() + done.stderr.split())
    gone = json.dumps(
        [{"path": f"{folder}/10-ftfw-wan0.{kind}", "state": "absent"} for kind in ("link", "network")]
    )
    assert f"msg: '{gone}'" in said or gone in said, said
    assert "+++ after" in said and "10-ftfw-wan0.network" in said.partition("TASK [ansible.builtin.debug]")[0]
    # networkd takes the addresses of the link away: a pair that runs is changed one node after the other
    assert re.search(r"networkd configures [a-z0-9, ]*\bwan0\b[a-z0-9, ]* anew", said), said
    # and whoever takes the role off a node finds them, too
    assert "10-ftfw-wan0.network" in said.partition("node_network : Remove the network files")[2]
