# SPDX-License-Identifier: GPL-3.0-or-later
"""A fault that can't be made or undone is told in the words of the host, and by whom it was."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ftfw.pair.tests.ansible_playbook import ansible_playbook

TASKS = Path(__file__).parents[3] / "playbooks" / "tasks" / "fault"


def step(host: str = "here", **changed: Any) -> dict[str, Any]:
    return {"host": host, "targets": [host], "inject": "true", "undo": "true", "wait_down": False, **changed}


def run(folder: Path, tasks: str, steps: list[dict[str, Any]], **variables: Any) -> tuple[int, str]:
    hosts = {
        "here": {"ansible_connection": "local", "ansible_python_interpreter": sys.executable},
        # nobody listens there
        "away": {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1},
    }
    (folder / "inventory.json").write_text(json.dumps({"all": {"hosts": hosts}}))
    include = {
        "ansible.builtin.include_tasks": str(TASKS / tasks),
        "vars": {"__fault_steps": steps, **variables},
    }
    play = {"hosts": "here", "gather_facts": False, "tasks": [include]}
    (folder / "play.yml").write_text(yaml.safe_dump([play]))
    done = ansible_playbook(
        *("-i", str(folder / "inventory.json"), str(folder / "play.yml")),
        settings={"ANSIBLE_HOME": str(folder), "ANSIBLE_LOCAL_TEMP": str(folder / "tmp")},
    )
    return done.returncode, " ".join((done.stdout + done.stderr).split())


UNARMED = step(inject="echo 'it can not be armed'; exit 90")
STRICT = {"__fault_strict": True}


@pytest.mark.parametrize(
    ("steps", "variables", "told"),
    [
        pytest.param([step(), step(inject="true")], {}, None, id="made"),
        pytest.param([step(), UNARMED], {}, "here: it can not be armed", id="refused"),
        pytest.param([step(inject="exit 3")], {}, "here: non-zero return code", id="without-a-word"),
        pytest.param([step(inject="exit 3", wait_down=True)], {}, None, id="goes-down-by-it"),
        pytest.param([step("away")], {}, None, id="away"),
        pytest.param([step("away")], STRICT, "away: ", id="away-and-needed"),
    ],
)
def test_made(
    tmp_path: Path, steps: list[dict[str, Any]], variables: dict[str, Any], told: str | None
) -> None:
    code, printed = run(tmp_path, "make.yml", steps, **variables)
    assert (code == 0) == (told is None), printed
    assert told is None or told in printed
    assert "One or more items failed" not in printed.partition("Check that it was made")[0]


FAILS = step(undo="echo 'no such container'; exit 125")


@pytest.mark.parametrize(
    ("steps", "variables", "told"),
    [
        pytest.param([step()], STRICT, None, id="undone"),
        pytest.param([FAILS], {}, None, id="judged-by-others"),
        pytest.param([step(), FAILS], STRICT, "here: no such container", id="fails"),
        pytest.param([step("away")], STRICT, "away: ", id="away"),
    ],
)
def test_undone(
    tmp_path: Path, steps: list[dict[str, Any]], variables: dict[str, Any], told: str | None
) -> None:
    code, printed = run(tmp_path, "undo.yml", steps, **variables)
    assert (code == 0) == (told is None), printed
    assert told is None or told in printed
