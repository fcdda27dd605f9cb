# SPDX-License-Identifier: GPL-3.0-or-later
"""The site is read and built once, however many hosts and tasks ask for it; counted, not timed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ftfw.pair.tests.ansible_playbook import ansible_playbook, apart, reported

ROOT = Path(__file__).parents[4]
HOSTS = {"omarine", "fw-1", "fw-2", "client", "srv-1", "srv-2", "localhost"}
# Python runs it at start, in the process that all workers are copies of.
COUNT = """
import os, sys
from ansible.plugins.action import ActionBase
from ansible.vars.hostvars import HostVars

def note(what):
    with open(os.environ["FTFW_COUNTS"], "a") as file:
        file.write(what + "\\n")

def counted(function, what):
    def count(*arguments, **named):
        note(what(arguments))
        return function(*arguments, **named)
    return count

HostVars.raw_get = counted(HostVars.raw_get, lambda given: f"read {given[1]}")
run = ActionBase.run

def look(self, *arguments, **named):
    module = sys.modules[type(self).__module__]
    if hasattr(module, "load_site") and not hasattr(module, "counted"):
        module.load_site = counted(module.load_site, lambda given: "load_site")
        module.counted = True
    return run(self, *arguments, **named)

ActionBase.run = look
"""
CHECK = {"ftfw.pair.site_model": {"check_only": True}, "run_once": True, "register": "__site_model"}
KEPT = "{{ __site_model.checked }}"
SHOW = {"ansible.builtin.debug": {"var": "site_view"}}


@dataclass(frozen=True)
class Run:
    code: int
    counts: Counter[str]
    plays: list[list[dict[str, Any]]]
    """Of each play the results of each task, by host."""

    def results(self, play: int, task: int) -> dict[str, Any]:
        return self.plays[play][task]


def play(
    folder: Path, *plays: object, arguments: tuple[str, ...] = (), inventory: Path = ROOT / "inventories/lab"
) -> Run:
    (folder / "sitecustomize.py").write_text(COUNT)
    (folder / "counts").touch()
    path = folder / "play.yml"
    path.write_text(yaml.safe_dump(plays))
    done = ansible_playbook(
        *("-i", str(inventory), *arguments, str(path)),
        settings={
            **apart(folder),
            "PYTHONPATH": str(folder),
            "FTFW_COUNTS": str(folder / "counts"),
        },
    )
    checked = "See that there is an inventory"
    ours = [one for one in reported(done.stdout) if one["play"]["name"] != checked]
    results = [[task["hosts"] for task in one["tasks"]] for one in ours]
    return Run(done.returncode, Counter((folder / "counts").read_text().splitlines()), results)


def hosts(*tasks: object, pattern: str = "all") -> dict[str, object]:
    return {"hosts": pattern, "gather_facts": False, "tasks": list(tasks)}


def views(**options: object) -> dict[str, object]:
    return {"ftfw.pair.site_model": options}


SITE_MODEL = {"import_playbook": str(ROOT / "playbooks" / "site_model.yml")}


@pytest.mark.parametrize(
    ("arguments", "played"),
    [
        pytest.param((), HOSTS, id="all hosts"),
        pytest.param(("--limit", "fw-1"), {"fw-1"}, id="limit"),
        pytest.param(("-e", '{"site_name": "other"}'), HOSTS, id="extra variables"),
    ],
)
def test_variables_are_read_once_for_each_host_and_the_site_is_built_once(
    tmp_path: Path, arguments: tuple[str, ...], played: set[str]
) -> None:
    """In the tasks of site_model.yml and policy_test.yml, which every run of site.yml has."""
    tests = [
        {**views(check_only=True, policy_tests=True, checked=KEPT), "run_once": True},
        views(policy_tests=True, checked=KEPT),
        SHOW,
    ]
    run = play(tmp_path, SITE_MODEL, hosts(*tests, pattern="site_firewalls"), arguments=arguments)
    assert run.code == 0
    assert run.counts == Counter({"load_site": 1, **{f"read {host}": 1 for host in HOSTS}})
    derived = run.results(0, 1)
    assert set(derived) == played
    names = {host: result["ansible_facts"]["site_view"]["name"] for host, result in derived.items()}
    assert names == {host: host for host in played}
    site = "other" if "-e" in arguments else "lab"
    assert {result["ansible_facts"]["site_view"]["site"] for result in derived.values()} == {site}
    shown = run.plays[-1][-1]
    assert set(shown) == played & {"fw-1", "fw-2"}
    for result in shown.values():
        assert len(result["site_view"]["policy_test"]["tests"]) > 10


@pytest.mark.parametrize("serial", [1, 2, "100%"])
def test_a_play_in_batches_builds_the_site_once(tmp_path: Path, serial: int | str) -> None:
    """Ansible runs a task with run_once again for each batch of `serial`."""
    run = play(tmp_path, {**hosts(CHECK, views(checked=KEPT)), "serial": serial})
    assert run.code == 0
    assert run.counts == Counter({"load_site": 1, **{f"read {host}": 1 for host in HOSTS}})
    derived = [result for batch in run.plays for result in batch[1].values()]
    found = [result["ansible_facts"]["site_view"]["name"] for result in derived]
    assert sorted(found) == sorted(HOSTS)


def test_batches_of_another_play_are_read_again(tmp_path: Path) -> None:
    batches = {**hosts(CHECK, views(checked=KEPT)), "serial": 3}
    run = play(tmp_path, batches, batches)
    assert run.code == 0
    assert run.counts["load_site"] == 2


def test_what_is_kept_is_what_a_host_would_get_by_itself_and_nobody_else_can_read_it(tmp_path: Path) -> None:
    ask = "{{ lookup('pipe', 'stat -c %a ' ~ __site_model.checked ~ ' ' ~ __site_model.checked ~ '/..') }}"
    mode = {"ansible.builtin.debug": {"msg": ask}, "run_once": True}
    own, kept = views(policy_tests=True), views(policy_tests=True, checked=KEPT)
    run = play(tmp_path, hosts(CHECK, mode, own, kept))
    assert run.code == 0
    by_itself, from_kept = (
        {host: result["ansible_facts"] for host, result in run.results(0, task).items()} for task in (2, 3)
    )
    assert set(from_kept) == HOSTS
    assert from_kept == by_itself
    (shown,) = run.results(0, 1).values()
    assert shown["msg"].split() == ["700", "700"]
    (checked,) = run.results(0, 0).values()
    assert "ansible_facts" not in checked
    assert not Path(checked["checked"]).exists()


def test_a_site_that_has_changed_is_read_again(tmp_path: Path) -> None:
    """By a check, and for a host that was not there at the last one."""
    interfaces = {"eth0": {"network": "inside", "addresses": ["192.168.2.44"]}}
    new = {"name": "late", "ansible_connection": "local", "node_interfaces": interfaces}
    add = {"ansible.builtin.add_host": new}
    before = views(checked=KEPT.replace("__site", "hostvars['omarine'].__site"))
    run = play(tmp_path, SITE_MODEL, hosts(add), hosts(before, pattern="late"), SITE_MODEL)
    assert run.code == 0
    assert run.counts["load_site"] == 3
    assert run.counts["read late"] == 2
    late = [task["late"] for tasks in run.plays for task in tasks if "late" in task]
    found = [one["ansible_facts"]["site_view"]["node_network"] for one in late if "ansible_facts" in one]
    assert [one["interfaces"][0]["addresses"] for one in found] == [["192.168.2.44/24"]] * 2


def test_an_inventory_that_is_refreshed_is_read_again_by_the_next_check(tmp_path: Path) -> None:
    """What was checked before stays as it was checked; a host that was not there is read with the rest."""
    inventory = tmp_path / "lab"
    shutil.copytree(ROOT / "inventories/lab", inventory)
    late = tmp_path / "late.yml"
    interfaces = {"eth0": {"network": "inside", "addresses": ["192.168.2.44"]}}
    more = {"late": {"node_interfaces": interfaces}, "fw-1": {"node_resolvers": ["192.0.2.9"]}}
    late.write_text(yaml.safe_dump({"all": {"hosts": more}}))
    # Ansible itself reads files of group_vars and host_vars once
    edit = {"ansible.builtin.debug": {"msg": f"{{{{ lookup('pipe', 'cp {late} {inventory}') }}}}"}}
    refresh = {"ansible.builtin.meta": "refresh_inventory"}
    before = views(checked=KEPT.replace("__site", "hostvars['omarine'].__site"))
    run = play(
        tmp_path,
        SITE_MODEL,
        hosts({**edit, "run_once": True}, refresh, before, pattern="fw-1"),
        hosts(before, pattern="late"),
        SITE_MODEL,
        inventory=inventory,
    )
    assert run.code == 0
    found = [
        (host, view["node_network"]["resolvers"], view["node_network"]["interfaces"][0]["name"])
        for tasks in run.plays
        for task in tasks
        for host, result in task.items()
        if host in ("fw-1", "late") and (view := result.get("ansible_facts", {}).get("site_view"))
    ]
    first, second = ("fw-1", [], "eth0"), ("fw-1", ["192.0.2.9"], "eth0")
    assert found == [first, first, ("late", [], "eth0"), second, ("late", [], "eth0")]


def test_no_other_folder_is_read(tmp_path: Path) -> None:
    run = play(tmp_path, hosts(views(checked=str(tmp_path)), pattern="fw-1"))
    assert run.code != 0
    assert run.results(0, 0)["fw-1"]["msg"] == (
        f"checked: {tmp_path}: no check of this run has returned it; give what check_only has returned"
    )


def test_templates_and_vaults_that_hosts_have_in_common_are_each_hosts_own(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("of a test\n")
    vault = str(Path(sys.executable).with_name("ansible-vault"))
    vaulted = subprocess.run(
        [vault, "encrypt_string", "--vault-password-file", password, "--name", "site_name", "hidden"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "ANSIBLE_HOME": str(tmp_path)},
    ).stdout
    resolvers = "192.168.0.{{ {'client': 3}[inventory_hostname] | default(4) }}"
    variables = tmp_path / "variables.yml"
    variables.write_text(vaulted + yaml.safe_dump({"node_resolvers": [resolvers]}))
    arguments = ("-e", f"@{variables}", "--vault-password-file", str(password))
    run = play(tmp_path, SITE_MODEL, arguments=arguments)
    assert run.code == 0
    found = {host: result["ansible_facts"]["site_view"] for host, result in run.results(0, 1).items()}
    assert {view["site"] for view in found.values()} == {"hidden"}
    got = {host: view["node_network"]["resolvers"] for host, view in found.items() if "node_network" in view}
    others = {host: ["192.168.0.4"] for host in ("fw-1", "fw-2", "srv-1", "srv-2")}
    assert got == {**others, "client": ["192.168.0.3"]}
