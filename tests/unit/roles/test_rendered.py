# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/render.yml knows every file that a role writes on a host; where it does not, this says why."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ftfw.pair.tests.unit.roles.built import BUILT

ROOT = Path(__file__).parents[3]
ROLES = ROOT / "roles"
TASKS = [*sorted(ROLES.glob("*/tasks/*.yml")), *sorted(ROLES.glob("*/handlers/*.yml"))]
RENDER = yaml.safe_load((ROOT / "playbooks" / "render.yml").read_text())[-1]
COLLECTING = set(RENDER["module_defaults"])
RENDERED = {
    *(
        role
        for roles in RENDER["vars"]["__render_roles"].values()
        if isinstance(roles, list)
        for role in roles
    ),
    # the playbook reads those of firewalls from there
    *BUILT,
}
BLOCK = ("block", "rescue", "always")

WRITES_NOTHING = {
    "ansible.builtin.assert",
    "ansible.builtin.debug",
    "ansible.builtin.fail",
    "ansible.builtin.import_tasks",
    "ansible.builtin.include_tasks",
    "ansible.builtin.meta",
    "ansible.builtin.set_fact",
    "ansible.builtin.stat",
    "ansible.builtin.systemd_service",
    "containers.podman.podman_container",
    "containers.podman.podman_image_info",
    "ftfw.pair.bridge",
    "ftfw.pair.conntrack_sync",
    "ftfw.pair.packages",
    "ftfw.pair.tap",
    "ftfw.pair.units",
}
"""Modules that write no file of a host, apart from those of its packages, and from what units enable."""
RUNS = {f"ansible.builtin.{name}" for name in ("command", "raw", "script", "shell")}
"""Modules that run a command, which may write what it likes."""
WRITES = re.compile(
    r"(?<![-\w=&>])>{1,2}(?!&)\s*(?!/dev/null|&)|\b(?:tee|install|dd|ln|mv|rsync)\s|(?<!--)\bcp\s"
    r"|\bsed -i|open\("
)
"""What a command has that writes a file: a redirection that is none to /dev/null, or a program."""

ELSEWHERE = {
    "balancer: Forward what is balanced": "settings in /proc",
    "balancer: Replace the table": "the text that configure_ruleset.yml keeps",
    "firewall_kernel: Check that the kernel keeps the helper of an injected entry": "a verdict in /run",
    "firewall_kernel: Forward no more, and put back the settings that were there before": "settings in /proc",
    "firewall_kernel: Load the modules and set the sysctls where the kernel differs": "what was set before",
    "guest: Give each guest its kernel": "a copy of the image's",
    "guest: Make the folder for disks": "a folder",
    "guest: Write down on the controller how to reach the guests": "the controller's, with keys of disks",
    "guest_image: Bring the image to the controller": "an image",
    "guest_image: Build the guests' image with mmdebstrap": "an image; its files are those of node_network",
    "guest_image: Make the folder for images": "a folder",
    "guest_image: Unpack the image on the hypervisor": "an image",
    "host_network: Bring the kernel in line with the settings for filters on bridges": "settings in /proc",
    "host_network: Put the bridges into firewalld's trusted zone": "a file of firewalld",
    "host_network: Take bridges that are no longer declared out of it": "a file of firewalld",
    "keepalived: Check the configuration": "the same text in /run, which is only tried",
    "lab_services: Make the certificate and the files to download": "random content and a key",
    "nftables: Replace the ruleset of a node that is not primary, and see what would change on one that is": (
        "the text that configure_ruleset.yml keeps"
    ),
    "nftables: Replace it": "the text that configure_ruleset.yml keeps",
    "pair_state: Make the folder of the metrics": "a folder",
}
"""Tasks that write no file which could be rendered, with the reason."""
NO_HOST = {"lab": "makes a container on the controller, and no file of the site's hosts"}
SCRIPTS = {
    "balancer/forward.sh.j2": "run, and not written",
    "balancer/forwards.sh.j2": "run, and not written",
    "balancer/ipvs.sh.j2": "run, and not written",
    "firewall_kernel/absent.sh.j2": "run, and not written",
    "firewall_kernel/settings.sh.j2": "run, and not written",
    "guest/known_hosts.j2": "the controller's, with keys of disks",
    "guest/ssh_config.j2": "the controller's, with keys of disks",
    "host_network/filter.sh.j2": "run, and not written",
    "nftables/kernel.sh.j2": "run, and not written",
    "pair_state/former_absent.sh.j2": "run, and not written",
}
"""Templates of nothing that could be rendered."""


@dataclass(frozen=True)
class Task:
    file: Path
    role: str
    keys: dict[str, Any]

    @property
    def name(self) -> str:
        return f"{self.role}: {self.keys.get('name', self.keys)}"

    @property
    def modules(self) -> set[str]:
        return {key for key in self.keys if "." in key}

    @property
    def configures(self) -> bool:
        return self.file.parent.name == "tasks" and self.file.stem.startswith("configure")

    @property
    def removes(self) -> bool:
        return self.file.stem.endswith("absent")


def tasks_of(file: Path, tasks: list[dict[str, Any]]) -> Iterator[Task]:
    for keys in tasks:
        if not set(BLOCK) & keys.keys():
            yield Task(file, file.parents[1].name, keys)
        for part in BLOCK:
            yield from tasks_of(file, keys.get(part, []))


ALL = [task for file in TASKS for task in tasks_of(file, yaml.safe_load(file.read_text()))]


def text_of(task: Task) -> str:
    """What a command runs: its words, the templates that it names, and its script."""
    folder = ROLES / task.role
    text = " ".join(str(task.keys[module]) for module in task.modules)
    own = folder / "vars" / "main.yml"
    for name, value in (yaml.safe_load(own.read_text()) if own.is_file() else {}).items():
        text = text.replace(f"{{{{ {name} }}}}", str(value))
    named = [folder / "templates" / name for name in re.findall(r"[\w.-]+\.j2", text)]
    named += [folder / "files" / word for word in re.findall(r"[\w.-]+", text)]
    texts = (path.read_text() for path in named if path.is_file())
    lines = [line for part in (text, *texts) for line in part.splitlines()]
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))


def writes_elsewhere(task: Task) -> bool:
    """Whether it may write a file that is not rendered. A module that is not known here may."""
    if task.modules - {*COLLECTING, *WRITES_NOTHING, *RUNS}:
        return True
    if task.modules & RUNS:
        return bool(WRITES.search(text_of(task)))
    only_looks = task.keys.get("check_mode") is True
    return bool(task.modules & COLLECTING) and not (task.configures or task.removes or only_looks)


def test_files_are_written_by_what_is_rendered() -> None:
    writing = {task.name for task in ALL if task.role not in NO_HOST and writes_elsewhere(task)}
    assert writing - set(ELSEWHERE) == set(), "put them into tasks/configure*.yml, or say why not"
    assert set(ELSEWHERE) - writing == set(), "a reason for nothing"


@pytest.mark.parametrize("task", [task for task in ALL if task.configures], ids=lambda task: task.name)
def test_a_file_that_is_rendered_has_nothing_else(task: Task) -> None:
    """The playbook runs these files as they are: whatever they asked a host, it would ask, too."""
    assert task.modules <= {*COLLECTING, "ansible.builtin.meta"}, task.file
    assert not {"delegate_to", "check_mode", "loop"} & task.keys.keys()
    assert task.role in RENDERED


def uses(role: Path, template: str) -> bool:
    """Whether a task that is rendered, a variable or the plan of its role, or such a template names it."""
    words = (f"'{template}'", f'"{template}"')
    plans = (ROOT / "plugins" / "plugin_utils" / role.name).glob("*.py")
    files = (*role.glob("tasks/configure*.yml"), *role.glob("vars/*.yml"), *plans)
    return any(word in file.read_text() for file in files for word in words) or any(
        f"include '{template}'" in other.read_text() and uses(role, other.name)
        for other in role.glob("templates/*.j2")
        if other.name != template
    )


def test_every_template_is_rendered() -> None:
    templates = sorted(ROLES.glob("*/templates/*.j2"))
    lacking = {
        f"{path.parents[1].name}/{path.name}" for path in templates if not uses(path.parents[1], path.name)
    }
    assert lacking == set(SCRIPTS)


def test_every_role_of_the_site_is_rendered() -> None:
    playbooks = [
        ROOT / "playbooks" / name
        for name in ("site.yml", "tasks/build_firewall.yml", "tasks/turns/change.yml")
    ]
    built = {role for path in playbooks for role in re.findall(r"ftfw\.pair\.(\w+)", path.read_text())}
    roles = {path.name for path in ROLES.iterdir() if path.is_dir()}
    # an image has files of node_network alone
    assert (built & roles) - set(NO_HOST) - {"guest_image"} == RENDERED
    assert {task.role for task in ALL if task.configures} == RENDERED
