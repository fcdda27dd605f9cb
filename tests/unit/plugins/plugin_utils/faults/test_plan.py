# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One fault for those who judge by themselves, and that they ask for faults which the table has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ftfw.pair.plugins.filter.fault_plan import fault_plan
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.table import DrillError
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.faults.site_facts import facts

PLAYBOOKS = Path(__file__).parents[5] / "playbooks"
TABLE = yaml.safe_load((PLAYBOOKS / "vars" / "faults.yml").read_text())


def plan(name: str, kind: str = "guest", primary: str = "fw-1", **changed: Any) -> dict[str, Any]:
    known = facts(kind) | changed
    return fault_plan(TABLE["drill_table"], TABLE["drill_defaults"], known, name, primary, 300)


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("power_loss", "guest", [("omarine", ["fw-2"], "systemctl kill", "systemctl start guest-fw-2")]),
        ("power_loss", "command", [("localhost", ["fw-2"], "power off fw-2", "power on fw-2")]),
        ("keepalived_stop", "machine", [("fw-2", ["fw-2"], "stop keepalived", "start keepalived")]),
        (
            "conntrackd_mask_both",
            "guest",
            [
                (
                    "fw-1",
                    ["fw-1"],
                    "mask --quiet --runtime conntrackd",
                    "unmask --quiet --runtime conntrackd",
                ),
                (
                    "fw-2",
                    ["fw-2"],
                    "mask --quiet --runtime conntrackd",
                    "unmask --quiet --runtime conntrackd",
                ),
            ],
        ),
    ],
)
def test_what_is_done_where(name: str, kind: str, expected: list[tuple[str, list[str], str, str]]) -> None:
    told = plan(name, kind, "fw-2")
    assert told["refused"] == ""
    assert [(step["host"], step["targets"]) for step in told["steps"]] == [one[:2] for one in expected]
    for step, (_host, _targets, injected, undone) in zip(told["steps"], expected):
        assert injected in step["inject"] and undone in step["undo"]
        # by itself, a minute after the time that it may last
        assert "on-active=360" in step["inject"] or "sleep 360" in step["inject"]


def test_it_needs_no_probe() -> None:
    known = facts("machine")
    for node in known["nodes"]:
        node["view"]["verify"]["probes"] = None
    assert plan("keepalived_stop", "machine", nodes=known["nodes"], open="")["steps"]


def test_a_machine_needs_commands_that_kill_and_start_it() -> None:
    told = plan("power_loss", "machine")
    assert told["steps"] == []
    assert told["refused"].endswith(
        "machine is what there is: name its verify_kill_command and verify_start_command"
    )


def test_a_fault_that_the_table_does_not_have() -> None:
    with pytest.raises(DrillError, match="power_los: is no fault of this site"):
        plan("power_los")


def names(file: Path) -> set[str]:
    """The faults that a file of tasks asks for."""
    tasks = [task for play in yaml.safe_load(file.read_text()) for task in (play, *play.get("tasks", []))]
    every = [inner for task in tasks for inner in (task, *task.get("block", []))]
    asked = {task.get("vars", {}).get("__fault_name", "") for task in every}
    phases = {phase.get("fault", "") for task in every for phase in _loop(task)}
    return {name for name in asked | phases if name and "{" not in name}


def _loop(task: dict[str, Any]) -> list[dict[str, Any]]:
    turns = task.get("loop", [])
    return [turn for turn in turns if isinstance(turn, dict)] if isinstance(turns, list) else []


def test_playbooks_ask_for_faults_that_are_there() -> None:
    tasks = PLAYBOOKS / "tasks" / "verify"
    asked = names(PLAYBOOKS / "verify.yml") | names(tasks / "sessions.yml") | names(tasks / "handover.yml")
    assert asked == {"power_loss", "keepalived_stop", "conntrackd_mask_both"}
    for name in asked:
        assert plan(name)["steps"]


def test_no_playbook_kills_or_stops_what_the_table_does() -> None:
    """What a fault is stands in the table alone. Turns stop a node's keepalived while it is built."""
    files = [*PLAYBOOKS.glob("*.yml"), *(PLAYBOOKS / "tasks").rglob("*.yml")]
    assert len(files) > 50
    elsewhere = [
        path.name
        for path in files
        if "turns" not in path.parts and path.name != "site.yml"
        if re.search(r"(systemctl|podman) (stop|kill|mask|pause)\b", path.read_text())
    ]
    assert elsewhere == []


def test_of_a_pair_of_two_kinds_it_takes_the_way_of_the_node() -> None:
    known = facts("guest")
    machine = known["nodes"][1]
    machine["view"]["verify"]["pair"]["guests"] = {"fw-1": "omarine"}
    told = plan("power_loss", primary="fw-1", nodes=known["nodes"])
    assert [step["host"] for step in told["steps"]] == ["omarine"]
    assert "machine is what there is" in plan("power_loss", primary="fw-2", nodes=known["nodes"])["refused"]
    machine |= {"kill": "power off fw-2", "start": "power on fw-2"}
    for name, expected in {
        "power_loss": [("localhost", ["fw-2"])],
        "power_loss_both": [("omarine", ["fw-1"]), ("localhost", ["fw-2"])],
    }.items():
        made = plan(name, primary="fw-2", nodes=known["nodes"])["steps"]
        assert [(step["host"], step["targets"]) for step in made] == expected
