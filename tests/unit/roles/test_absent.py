# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever the roles write on a firewall is taken away again, and told in docs/node.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ftfw.pair.tests.unit.roles.built import BUILDS, BUILT

ROOT = Path(__file__).parents[3]
ROLES = ("node_network", *BUILT)
REMOVES = ROOT / "playbooks" / "tasks" / "remove_node.yml"
DOCUMENTED = set(
    re.findall(r"`(/[^` ]+)`", (ROOT / "docs" / "node.md").read_text().split("## Every file")[1])
)
REMOVAL = next(
    task["vars"] for task in yaml.safe_load(REMOVES.read_text()) if "__remove_whole" in task.get("vars", {})
)
VIEWED = {"stem": "/etc/systemd/network/10-ftfw-CARD"}
"""node_network makes its files of each interface in an expression."""


def variables_of(role: str) -> dict[str, Any]:
    path = ROOT / "roles" / role / "vars" / "main.yml"
    found: dict[str, Any] = yaml.safe_load(path.read_text()) if path.is_file() else {}
    return found or {}


def filled(text: str, variables: dict[str, Any]) -> str:
    """Put in what plain variables stand for; others stay in their braces."""
    return re.sub(r"\{\{ (\w+) \}\}", lambda match: str(variables.get(match[1], match[0])), text)


def tasks_of(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for task in tasks:
        yield task
        for part in ("block", "rescue", "always"):
            yield from tasks_of(task.get(part, []))


def files_of(role: str, path: Path) -> Iterator[tuple[str, str]]:
    """Paths of the task file's config_files and programs, each with the state that it gets."""
    for task in tasks_of(yaml.safe_load(path.read_text())):
        files = task.get("ftfw.pair.config_files", {}).get("files", [])
        variables = {**variables_of(role), **task.get("vars", {})}
        if program := task.get("ftfw.pair.program"):
            yield filled(program["path"], variables), "present"
            for link in variables[program["links"].strip("{} ")]:
                yield link, "present"
        if isinstance(files, list):
            for item in files:
                yield filled(item["path"], variables), item.get("state", "present")


def written(role: str) -> set[str]:
    found = {
        item
        for path in sorted((ROOT / "roles" / role / "tasks").glob("*.yml"))
        for item, state in files_of(role, path)
        if state == "present"
    }
    if role == "node_network":
        text = (ROOT / "roles" / role / "vars" / "main.yml").read_text()
        found |= {VIEWED["stem"] + suffix for suffix in re.findall(r"'path': stem ~ '([^']+)'", text)}
        found |= {filled(path, variables_of(role)) for path in re.findall(r'- path: "?([^"\n]+)"?', text)}
    return found


def removed(role: str) -> set[str]:
    tasks = ROOT / "roles" / role / "tasks" / "absent.yml"
    assert tasks.is_file(), f"{tasks.relative_to(ROOT)} has to take away what {role} writes on a firewall"
    found = {path for path, _state in files_of(role, tasks)}
    if role == "node_network":
        # computed from the very list that is written
        found |= written(role) - {"/etc/hostname", "/etc/resolv.conf"}
        assert "__node_network_files" in variables_of(role)["__node_network_absent"]
        found |= set(re.findall(r"'path': '([^']+)'", variables_of(role)["__node_network_absent"]))
    lists = ("__pair_state_links", "__pair_state_paths")
    return found | {path for name in lists for path in variables_of(role).get(name, [])}


def below(path: str, folders: list[str]) -> bool:
    return any(path == folder or path.startswith(folder + "/") for folder in folders)


@pytest.mark.parametrize("role", ROLES)
def test_what_a_role_writes_is_removed(role: str) -> None:
    paths = written(role)
    assert paths, f"{role} makes a firewall, and no file of it is seen here"
    assert not [path for path in paths if not path.startswith("/")], "vars/main.yml says no such path"
    left = {path for path in paths - removed(role) if not below(path, REMOVAL["__remove_whole"])}
    assert left == set(), f"roles/{role}/tasks/absent.yml leaves them"


@pytest.mark.parametrize("role", ROLES)
def test_what_a_role_writes_is_documented(role: str) -> None:
    folders = [
        path for path in DOCUMENTED if path in (*REMOVAL["__remove_whole"], *REMOVAL["__remove_empty"])
    ]
    untold = {path for path in written(role) - DOCUMENTED if not below(path, folders)}
    assert untold == set(), "'Every file' of docs/node.md does not tell of them"


def test_nothing_is_documented_that_no_role_writes() -> None:
    paths = {path for role in ROLES for path in written(role)}
    kept = {"/usr/local/libexec/ftfw", "/var/lib/ftfw/before", "/run", "/etc/sysctl.d"}
    stale = DOCUMENTED - paths - kept - set(REMOVAL["__remove_whole"])
    assert stale == set()


@pytest.mark.parametrize("role", ROLES)
def test_units_that_a_role_starts_are_stopped(role: str) -> None:
    started, stopped = set(), set()
    for path in sorted((ROOT / "roles" / role / "tasks").glob("*.yml")):
        for task in tasks_of(yaml.safe_load(path.read_text())):
            for unit in task.get("ftfw.pair.units", {}).get("units", []):
                for name in re.findall(r"[\w@-]+\.(?:service|socket|timer)", unit["name"]):
                    if unit.get("state") == "started":
                        started.add(name)
                    elif path.name == "absent.yml":
                        stopped.add(name)
    # the network goes on
    assert started - stopped == ({"systemd-networkd.service"} if role == "node_network" else set())


def test_the_settings_of_interfaces_are_kept_before_they_are_changed() -> None:
    template = (ROOT / "roles" / "firewall_kernel" / "templates" / "sysctl.conf.j2").read_text()
    changed = re.findall(r"^-?(net\.ipv[46]\.conf\.\*\.\w+) =", template, re.MULTILINE)
    assert changed
    kept = variables_of("firewall_kernel")["__firewall_kernel_interface_keys"]
    assert [key.replace(".", "/") for key in changed] == kept


@pytest.mark.parametrize("role", ROLES)
def test_what_programs_leave_in_run_is_removed(role: str) -> None:
    templates = (ROOT / "roles" / role / "templates").glob("*.j2")
    text = "\n".join(path.read_text() for path in templates)
    folders = {f"/run/{name}" for name in re.findall(r"^RuntimeDirectory=(\S+)", text, re.MULTILINE)}
    assert folders - set(REMOVAL["__remove_whole"]) == set()


def test_a_network_that_stays_keeps_its_files() -> None:
    network = written("node_network")
    others = {path for role in ROLES if role != "node_network" for path in removed(role)}
    assert not network & others
    assert [path for path in network if below(path, REMOVAL["__remove_whole"])] == []


@pytest.mark.parametrize("role", ROLES)
def test_no_folder_of_ours_is_left(role: str) -> None:
    """A folder that is there only for our files goes with the last of them."""
    folders = {str(Path(path).parent) for path in written(role) - {"/etc/hostname", "/etc/resolv.conf"}}
    distribution = {
        "/etc/conntrackd",
        "/etc/keepalived",
        "/etc/modules-load.d",
        "/etc/sysctl.d",
        "/etc/systemd/network",
        "/etc/systemd/system",
        "/etc/udev/rules.d",
        "/usr/local/sbin",
    }
    gone = [*REMOVAL["__remove_whole"], *REMOVAL["__remove_empty"]]
    left = {folder for folder in folders - distribution if not below(folder, gone)}
    assert left == set(), f"{REMOVES.name} leaves these folders; those of packages stand above"


def test_a_node_forwards_nothing_before_it_loses_its_rules() -> None:
    tasks = yaml.safe_load(REMOVES.read_text())
    order = re.findall(r"'(\w+)'", tasks[0]["loop"].split("+")[0])
    assert set(order) == set(BUILT), f"{REMOVES.name} takes off what {BUILDS.name} builds"
    assert order[0] == "keepalived"
    # pair-watch would bring the table back
    assert order.index("pair_state") < order.index("firewall_kernel") < order.index("nftables")
    first = yaml.safe_load((ROOT / "roles" / "firewall_kernel" / "tasks" / "absent.yml").read_text())[0]
    script = (ROOT / "roles" / "firewall_kernel" / "templates" / "absent.sh.j2").read_text()
    assert "absent.sh.j2" in first["ansible.builtin.raw"]
    for key in ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"):
        assert f"put {key} 0 required" in script
