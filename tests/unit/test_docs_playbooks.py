# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/playbooks.md tells of every playbook, finding and fault, and of no other."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import yaml
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.table import EXPECT, ROW_KEYS

ROOT = Path(__file__).parents[2]
HEALTH = [
    path
    for utils in ("module_utils", "plugin_utils")
    for path in (ROOT / "plugins" / utils / "health").glob("*.py")
]
# without parts of others, and a former name
PLAYBOOKS = {path.stem for path in (ROOT / "playbooks").glob("*.yml")} - {
    "delegation",
    "means",
    "failover",
    "summary",
    "there",
    "whole",
}
TEXT = (ROOT / "docs" / "playbooks.md").read_text()
DRILL, STATUS = (TEXT.partition(f"\n## {name}\n")[2].partition("\n## ")[0] for name in ("drill", "status"))


def told(text: str, head: str) -> set[str]:
    """Names in the first column of the tables that begin with this head."""
    tables = [part.partition("\n\n")[0] for part in text.split(head)[1:]]
    return {
        name
        for table in tables
        for line in table.splitlines()
        for name in re.findall(r"`([^`]+)`", line.split(" | ")[0])
    }


def findings() -> set[str]:
    """The first argument of every Finding in the code; a name in braces is a daemon's or a program's."""
    daemons = (
        "keepalived",
        "conntrackd",
        *(f"pair-{name}" for name in ("state", "guard", "watch", "path", "preempt", "balance")),
    )
    texts: set[str] = set()
    for path in HEALTH:
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Finding" and call.args:
                first = call.args[0]
                if isinstance(first, ast.Constant):
                    texts.add(str(first.value))
                elif isinstance(first, ast.JoinedStr) and isinstance(first.values[-1], ast.Constant):
                    ending = str(first.values[-1].value)
                    texts.update(daemon + ending for daemon in daemons)
    return texts


def test_every_playbook_has_a_row() -> None:
    assert told(TEXT, "| playbook | what it does |") == PLAYBOOKS


def test_the_readme_lists_every_playbook() -> None:
    listed = (ROOT / "README.md").read_text().partition("\nPlaybooks: ")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\w+)`", listed)) == PLAYBOOKS, "'Playbooks: …' of README.md"


def test_findings_that_are_made_are_told() -> None:
    made = findings()
    assert len(made) > 20
    assert made - told(STATUS, "| id | severity | about | meaning |") == set()


def test_findings_that_are_told_are_made() -> None:
    text = "".join(path.read_text() for path in HEALTH)
    shown = told(STATUS, "| id | severity | about | meaning |") - findings()
    assert [name for name in shown if f'"{name}"' not in text] == []


def test_every_fault_has_a_row() -> None:
    rows = told(DRILL, "| row | fault |")
    table = yaml.safe_load((ROOT / "playbooks" / "vars" / "faults.yml").read_text())["drill_table"]
    for fault in table:
        name = f"{fault['name']}_NETWORK" if "legs" in fault else fault["name"]
        ending = {row[1:] for row in rows if row.startswith("…") and name.endswith(row[1:])}
        assert name in rows or ending, name


def test_every_key_of_a_fault_is_told() -> None:
    keys = told(DRILL, "| key | meaning |")
    assert keys - {"at"} == {*EXPECT, *ROW_KEYS} - {"at"}
