# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done and said when a change of one node after the other fails half-way."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ftfw.pair.tests.ansible_playbook import ansible_playbook

ROOT = Path(__file__).parents[3]
PLAY = """\
- hosts: all
  gather_facts: false
  any_errors_fatal: true
  tasks:
    - ansible.builtin.import_tasks: {tasks}
"""
# The first start fails, as of a keepalived whose new file is bad; nobody has an address.
SYSTEMCTL = """\
#!/bin/sh
echo "$1" >>{folder}/calls
test "$1" != start || test "$(grep -c start {folder}/calls)" != 1
"""


def run(folder: Path, tasks: str, inventory: dict[str, Any], *arguments: str, listed: str = "") -> str:
    """Run tasks that fail; what was said."""
    (folder / "bin").mkdir()
    for name, text in (
        ("ip", f"#!/bin/sh\necho '{listed}'\n"),
        ("systemctl", SYSTEMCTL.format(folder=folder)),
    ):
        (folder / "bin" / name).write_text(text)
        (folder / "bin" / name).chmod(0o755)
    (folder / "play.yml").write_text(PLAY.format(tasks=ROOT / "playbooks/tasks" / tasks))
    (folder / "hosts.yml").write_text(yaml.safe_dump(inventory))
    done = ansible_playbook(
        *(*arguments, "-i", str(folder / "hosts.yml"), str(folder / "play.yml")),
        settings={"ANSIBLE_NOCOLOR": "1", "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"},
    )
    assert done.returncode != 0
    return " ".join(done.stdout.split() + done.stderr.split())


def test_each_node_that_is_left_stopped_is_named(tmp_path: Path) -> None:
    """Views without a network make the first role fail; in check mode nothing is touched all the same."""
    peers = {"fw-2": "fw-1", "fw-4": "fw-3"}
    hosts = {
        name: {"ansible_connection": "local", "site_view": {"pair": {"peer": peer}}}
        for name, peer in peers.items()
    }
    said = run(tmp_path, "turns/change.yml", {"all": {"hosts": hosts}}, "--check")
    for peer in peers.values():
        assert f"Its keepalived is stopped, and stays so: {peer} is primary without a backup" in said, said


def test_a_role_that_nobody_takes_goes_back(tmp_path: Path) -> None:
    """The changed node does not start; deaf for the other one, it is stopped before that is primary again."""
    view = {
        # one second of waiting
        "keepalived": {"advert_interval": -3.5},
        "pair_state": {
            "addresses": [{"address": "192.168.2.100/32"}, {"address": "2001:db8::100/128"}],
            "preempt": "never",
        },
    }
    hosts = {
        name: {
            "ansible_connection": "local",
            "site_view": {**view, "pair": {"peer": peer}},
            "__turn": {"turn": turn, "why": "", "deaf": True},
        }
        for name, peer, turn in (("fw-1", "fw-2", "last"), ("fw-2", "fw-1", "first"))
    }
    groups = {"pair_turn_last": {"hosts": {"fw-1": {}}}}
    inventory = {"all": {"hosts": hosts, "children": groups}}
    said = run(tmp_path, "turns/handover.yml", inventory, "--start-at-task", "Hand over")
    assert (tmp_path / "calls").read_text().split() == ["stop", "start", "stop", "start"]
    assert "fw-2 has not taken the virtual addresses over: 0 of 2 virtual addresses came here" in said, said
    assert "its keepalived runs again, that of fw-2 is stopped" in said, said


@pytest.mark.parametrize(
    ("state", "preempt", "listed", "calls", "told"),
    [
        pytest.param(
            "MASTER",
            "never",
            "192.168.2.100/32",
            ["stop"],
            "it does not hear fw-1, and is stopped now",
            id="deaf",
        ),
        pytest.param(
            "MASTER",
            "when_synced",
            "2001:db8::100/128",
            ["stop"],
            "it does not hear fw-1",
            id="deaf-in-spite",
        ),
        pytest.param("FAULT", "never", "192.168.2.100/32", [], "is in state FAULT after", id="a-dead-leg"),
        # and then nobody takes over, in this test
        pytest.param(
            "MASTER",
            "when_synced",
            "10.0.0.1/8",
            ["stop", "start"],
            "TASK [Take the role back where it has not]",
            id="it-has-claimed-its-role",
        ),
        pytest.param(
            "BACKUP",
            "never",
            "192.168.2.100/32",
            ["stop", "start"],
            "TASK [Take the role back where it has not]",
            id="backup",
        ),
    ],
)
def test_only_a_backup_gets_the_role(
    tmp_path: Path, state: str, preempt: str, listed: str, calls: list[str], told: str
) -> None:
    view = {
        "keepalived": {"advert_interval": -3.5},
        "pair_state": {
            "addresses": [{"address": "192.168.2.100/32"}, {"address": "2001:db8::100/128"}],
            "preempt": preempt,
        },
    }
    hosts = {
        name: {
            "ansible_connection": "local",
            "site_view": {**view, "pair": {"peer": peer}},
            "__turn": {"turn": turn, "why": "", "deaf": False},
            "__turns_status": {"vrrp_state": state} if turn == "first" else {},
        }
        for name, peer, turn in (("fw-1", "fw-2", "last"), ("fw-2", "fw-1", "first"))
    }
    inventory = {"all": {"hosts": hosts, "children": {"pair_turn_last": {"hosts": {"fw-1": {}}}}}}
    start = ("--start-at-task", "See whether the primary has its addresses")
    said = run(
        tmp_path, "turns/handover.yml", inventory, *start, listed=f"2: eth1    inet {listed} scope global"
    )
    made = tmp_path / "calls"
    assert (made.read_text().split() if made.exists() else []) == calls
    assert told in said, said


@pytest.mark.parametrize(
    ("state", "stops", "goes_on"),
    [
        pytest.param("loaded", True, True, id="it-runs"),
        pytest.param("not-found", False, True, id="a-new-machine"),
        pytest.param("loaded", False, False, id="it-does-not-stop"),
    ],
)
def test_the_backup_is_stopped_before_it_is_changed(
    tmp_path: Path, state: str, stops: bool, goes_on: bool
) -> None:
    plays = yaml.safe_load((ROOT / "playbooks/site.yml").read_text())
    tasks = next(play["tasks"] for play in plays if play.get("hosts") == "pair_turn_first")
    command = next(task["ansible.builtin.raw"] for task in tasks if "ansible.builtin.raw" in task)
    program = tmp_path / "systemctl"
    program.write_text(
        f'#!/bin/sh\ntest "$1" != show || {{ echo {state}; exit; }}\nexit {0 if stops else 5}\n'
    )
    program.chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", "-c", command], env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}, check=False
    )
    assert (done.returncode == 0) is goes_on
