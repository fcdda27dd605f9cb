# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of tasks that playbooks include: each is there, and Ansible finds no other one first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
TASKS = PLAYBOOKS / "tasks"
WORDS = ("include_tasks", "import_tasks", "import_playbook")


def included(value: Any) -> Iterator[str]:
    """What a file of YAML includes by a name that is written there."""
    if isinstance(value, list):
        for one in value:
            yield from included(one)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if str(key).removeprefix("ansible.builtin.") in WORDS:
                name = inner["file"] if isinstance(inner, dict) else inner
                if "{{" not in name:
                    yield name
            else:
                yield from included(inner)


FOUND = [
    (path.relative_to(PLAYBOOKS).as_posix(), name)
    for folder in (PLAYBOOKS, *(one for one in TASKS.rglob("*") if one.is_dir()), TASKS)
    for path in sorted(folder.glob("*.yml"))
    for name in included(yaml.safe_load(path.read_text()))
]


def test_includes_are_found() -> None:
    """More than any other test of this file could miss."""
    assert len(FOUND) > 60


@pytest.mark.parametrize(("file", "name"), FOUND)
def test_what_is_included_is_there(file: str, name: str) -> None:
    assert ((PLAYBOOKS / file).parent / name).is_file()


def test_no_tasks_are_called_as_a_playbook_is() -> None:
    """Ansible looks beside the playbook first, and would run that one as tasks."""
    playbooks = {path.name for path in PLAYBOOKS.glob("*.yml")}
    above = {path.name for path in TASKS.glob("*.yml")}
    below = {path.name: path for path in TASKS.glob("*/**/*.yml")}
    assert not {name: str(path) for name, path in below.items() if name in playbooks | above}
