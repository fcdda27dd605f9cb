# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program of a node in its role: who runs it starts again with it, and former versions' files go."""

from __future__ import annotations

import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ftfw.pair.plugins.module_utils.agent.cli import VERBS

ROLE = Path(__file__).parents[3] / "roles" / "pair_state"
HANDLERS = {task["name"]: task for task in yaml.safe_load((ROLE / "handlers" / "main.yml").read_text())}
INSTALL = next(
    task
    for task in yaml.safe_load((ROLE / "tasks" / "configure.yml").read_text())
    if "ftfw.pair.program" in task
)


def restarted(handler: dict[str, Any]) -> list[str]:
    """Units that it starts again, or patterns of them."""
    command = handler.get("ansible.builtin.command", "").split()
    return [unit["name"] for unit in handler.get("ftfw.pair.units", {}).get("units", [])] + command[2:]


def test_whatever_runs_the_program_for_long_starts_again_with_it() -> None:
    patterns = [each for name in INSTALL["notify"] for each in restarted(HANDLERS[name])]
    running = {
        path.name.removesuffix(".j2")
        for path in ROLE.parent.glob("*/templates/*.service.j2")
        if re.search(r"^ExecStart=/usr/local/sbin/pair-", text := path.read_text(), re.MULTILINE)
        and "Restart=always" in text
    }
    assert running == {f"pair-{verb}.service" for verb in VERBS if verb != "health"}
    assert {unit for unit in running if not any(fnmatch(unit, each) for each in patterns)} == set()


def test_each_verb_has_its_name_on_a_node(roles: Any) -> None:
    links = roles.variables("pair_state")["__pair_state_links"]
    assert {Path(link).name for link in links} == {f"pair-{verb}" for verb in VERBS}
    called = {
        program
        for path in (ROLE / "templates").glob("*.j2")
        for program in re.findall(r"/usr/local/sbin/pair-\w+", path.read_text())
    }
    assert called and called <= set(links)


FORMER = ["pair_state_plan.py", "__pycache__/x.pyc", "ansible_collections/ftfw/pair/plugins/x.py"]


@pytest.mark.parametrize("check", [False, True], ids=["run", "check"])
def test_files_of_former_versions_go_once(roles: Any, tmp_path: Path, check: bool) -> None:
    folder = tmp_path / "lib"
    values = {"__pair_state_agent": str(folder / "agent.pyz"), "ansible_check_mode": check}
    script = roles.render("pair_state", "former_absent.sh.j2", **values)

    def run() -> int:
        return subprocess.run(["/bin/sh", "-c", script], check=False).returncode

    assert run() == 0
    folder.mkdir()
    (folder / "agent.pyz").touch()
    assert run() == 0
    for name in FORMER:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    assert run() == 3
    assert [path.name for path in folder.iterdir() if path.name != "agent.pyz"] == [] or check
    assert (folder / "agent.pyz").exists()
    assert run() == (3 if check else 0)
