# SPDX-License-Identifier: GPL-3.0-or-later
"""conntrack_sync over two hosts of an inventory, by ansible-playbook.

The hosts are the machine itself, each with a Python that runs in its node's network namespace.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

COLLECTIONS = Path(__file__).parents[4] / ".ansible" / "collections"
PLAYBOOK = [sys.executable, "-m", "ansible", "playbook"]

Play = Callable[..., dict[str, Any]]


def inventory(pair, tmp_path: Path) -> dict[str, dict[str, Any]]:
    """The variables of both nodes, and of a host that nobody reaches."""
    hosts: dict[str, dict[str, Any]] = {}
    for name, node in (("primary", pair.primary), ("backup", pair.backup)):
        python = tmp_path / f"python-{name}"
        python.write_text(f'#!/bin/sh\nexec ip netns exec {node.namespace} {sys.executable} "$@"\n')
        python.chmod(0o755)
        hosts[name] = {
            "ansible_connection": "local",
            "ansible_python_interpreter": str(python),
            "node_config": node.config,
        }
    # the backup's own privilege escalation must be used, and not the primary's
    hosts["backup"]["ansible_become"] = True
    hosts["backup"]["ansible_become_method"] = "ansible.builtin.su"
    hosts["backup"]["ansible_become_exe"] = str(tmp_path / "su")
    (tmp_path / "su").write_text(f'#!/bin/sh\ntouch {tmp_path}/became\nexec su "$@"\n')
    (tmp_path / "su").chmod(0o755)
    # a variable that can't be templated is none of this task's business
    hosts["backup"]["broken"] = "{{ nobody_defines_this }}"
    hosts["away"] = {
        "ansible_connection": "ssh",
        "ansible_host": "127.0.0.1",
        "ansible_ssh_common_args": "-o ProxyCommand=false",
    }
    return hosts


@pytest.fixture
def play(pair, tmp_path) -> Iterator[Play]:
    """Runs one task of conntrack_sync on `primary`, and returns its result."""
    hosts = inventory(pair, tmp_path)
    (tmp_path / "ansible.cfg").write_text(
        "[defaults]\nstdout_callback = ansible.posix.json\n"
        f"collections_path = {COLLECTIONS}\nhome = {tmp_path}\n"
        "[privilege_escalation]\nbecome_allow_same_user = true\n"
    )

    def run(host: str = "primary", check: bool = False, **arguments: Any) -> dict[str, Any]:
        arguments = {"config": "{{ node_config }}", **arguments}
        if "backup" in arguments:
            arguments.setdefault("backup_config", pair.backup.config)
        task: dict[str, Any] = {"ftfw.pair.conntrack_sync": arguments}
        if host != "primary":
            task["delegate_to"] = host
        (tmp_path / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts}}))
        (tmp_path / "play.json").write_text(
            json.dumps([{"hosts": "primary", "gather_facts": False, "tasks": [task]}])
        )
        command = [*PLAYBOOK, "-i", str(tmp_path / "hosts.json"), str(tmp_path / "play.json")]
        environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"),
        }
        done = subprocess.run(
            [*command, "--diff", *(["--check"] if check else [])],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout.lstrip().startswith("{"), done.stdout + done.stderr
        result: dict[str, Any] = json.loads(done.stdout)["plays"][0]["tasks"][0]["hosts"]["primary"]
        assert result.get("failed", False) == (done.returncode != 0), done.stderr
        return result

    yield run


@pytest.mark.parametrize("check", [False, True], ids=["run", "check mode"])
def test_synced(pair, flows, play, tmp_path, check):
    pair.primary.inject(*flows["all"], *flows["unreplicated"])
    pair.settle(5)
    done = play(check=check, state="synced", backup="backup", timeout=20)
    assert done["changed"] is False
    assert (done["replicated"], done["ended"], done["missing_count"], done["missing"]) == (5, 0, 0, [])
    assert done["table"] == "external"
    assert pair.backup.kernel() == ""
    assert (tmp_path / "became").exists()


def test_synced_says_what_is_missing(pair, flows, play):
    pair.primary.inject(flows["tcp"])
    pair.settle(1)
    pair.cut()
    pair.primary.inject(flows["ping"], flows["nat"])
    late = play(state="synced", backup="backup", timeout=1)
    assert late["failed"]
    assert late["msg"].startswith(
        "2 of 3 flows that primary replicates are not in the external table of backup after 1 s: "
    )
    assert sorted(late["missing"]) == [
        "icmp src=192.0.2.3 dst=198.51.100.1 type=8 code=0 id=77",
        "udp src=192.0.2.2 dst=198.51.100.1 sport=1001 dport=53 "
        "reply src=198.51.100.1 dst=10.1.1.1 sport=53 dport=5000",
    ]
    assert (late["replicated"], late["missing_count"]) == (3, 2)

    pair.heal()
    assert play(host="backup", state="resynced", config=pair.backup.config)["changed"]
    assert play(state="synced", backup="backup", timeout=20)["missing_count"] == 0


def test_synced_does_not_wait_for_flows_that_end(pair, flows, play):
    pair.cut()
    # long enough to be in the snapshot, and over before the time is
    pair.primary.inject(flows["ping"].replace("-t 600", "-t 12"), flows["ping"].replace("77", "80"))
    partial = play(state="synced", backup="backup", timeout=16)
    assert partial["failed"]
    assert (partial["replicated"], partial["ended"], partial["missing_count"]) == (2, 1, 1)
    assert partial["missing"] == ["icmp src=192.0.2.3 dst=198.51.100.1 type=8 code=0 id=80"]


def test_the_other_states_act_on_the_task_s_host(pair, flows, play):
    pair.primary.inject(*flows["all"])
    pair.settle(5)
    there = {"host": "backup", "config": pair.backup.config}
    predicted = play(check=True, state="committed", **there)
    assert predicted["changed"]
    assert pair.backup.kernel() == ""
    done = play(state="committed", **there)
    assert done["diff"] == predicted["diff"]
    assert len(pair.backup.kernel().splitlines()) == 5
    assert not play(state="committed", **there)["changed"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        pytest.param({"backup": "nobody"}, "backup: nobody is not in the inventory", id="unknown host"),
        pytest.param(
            {"backup": "primary"}, "backup: primary is the primary of this task itself", id="itself"
        ),
        pytest.param({"backup": "away"}, "away can't be reached: ", id="unreachable"),
        pytest.param(
            {"backup": "backup", "backup_config": "/nowhere"}, "backup: conntrackd of /nowhere: ", id="config"
        ),
        pytest.param(
            {"backup": "backup", "config": "/nowhere"}, "primary: conntrackd of /nowhere: ", id="snapshot"
        ),
        pytest.param({"backup": "backup", "table": "kernle"}, "must be one of", id="misspelt"),
        pytest.param({"backup": "backup", "bakcup_config": "x"}, "bakcup_config", id="misspelt option"),
        pytest.param({}, "any of the following are missing: backup, tuples", id="no backup"),
    ],
)
def test_what_fails_says_where(play, arguments, reason):
    answer = play(state="synced", timeout=0, **arguments)
    assert answer["failed"]
    assert not answer.get("unreachable", False)
    assert reason in answer["msg"]
