# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How verify judges a failover and the return of the node, of what its own tasks have registered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.ftfw.pair.plugins.filter.verify_rows import verify_rows

TASKS = Path(__file__).parents[5] / "playbooks" / "tasks" / "verify"
BEFORE = {"primary": "fw-1", "holders": "fw-1: all", "problems": []}
AFTER = {"primary": "fw-2", "holders": "fw-2: all", "problems": []}
NOBODY = {"primary": None, "holders": "fw-1: none, fw-2: none", "problems": ["nobody has them", "down"]}
SESSIONS = [{"name": "killed: ssh", "expected": "survives", "seen": "survives", "ok": True}]
REGISTERED: dict[str, Any] = {
    "__verify_phase": {"name": "killed", "fault": "kill", "expected": "survives"},
    "__verify_primary": "fw-1",
    "__verify_backup": "fw-2",
    "__verify_before": BEFORE,
    "__verify_pair": AFTER,
    "__verify_sessions": {"checks": SESSIONS},
    "__verify_vrrp": {"instances": {"inside": {"state": "BACKUP"}, "outside": {"state": "BACKUP"}}},
    "__verify_synced": {"missing_count": 0, "replicated": 12},
    "__verify_opened": {"changed": True},
}


def known(file: str) -> str:
    """What the tasks give to the filter: the variables of the task that keeps the rows."""
    tasks = yaml.safe_load((TASKS / file).read_text())
    every = [inner for task in tasks for inner in (task, *task.get("block", []))]
    given: dict[str, str] = next(task for task in every if task["name"] == "Keep the rows")["vars"]
    assert given["__verify_new_rows"] == "{{ __known | ftfw.pair.verify_rows }}"
    return given["__known"]


def rows(file: str, **changed: Any) -> list[dict[str, Any]]:
    variables = REGISTERED | {f"__verify_{name}": value for name, value in changed.items()}
    templates = {key: trust_as_template(value) for key, value in dict(known(file)).items()}
    return verify_rows(Templar(DataLoader(), variables=variables).template(templates))


def told(made: list[dict[str, Any]]) -> list[tuple[str, str, bool]]:
    return [(row["expected"], row["seen"], row["ok"]) for row in made]


def test_a_failover() -> None:
    assert rows("sessions.yml") == [
        {
            "name": "killed: virtual addresses before the failover",
            "expected": "all on one node",
            "seen": "all on one node",
            "ok": True,
            "detail": "fw-1: all",
        },
        *SESSIONS,
        {
            "name": "killed: virtual addresses after the failover",
            "expected": "all on fw-2",
            "seen": "all on fw-2",
            "ok": True,
            "detail": "fw-2: all",
        },
    ]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(NOBODY, AFTER, [("fw-1: none, fw-2: none", False), ("all on fw-2", True)], id="before"),
        pytest.param(
            BEFORE, NOBODY, [("all on one node", True), ("fw-1: none, fw-2: none", False)], id="nobody-after"
        ),
        pytest.param(
            BEFORE, BEFORE, [("all on one node", True), ("all on fw-1", False)], id="nobody-took-over"
        ),
    ],
)
def test_a_failover_that_is_none(before: object, after: object, expected: list[tuple[str, bool]]) -> None:
    made = told(rows("sessions.yml", before=before, pair=after))
    assert [one[1:] for one in (made[0], made[-1])] == expected


def test_a_return() -> None:
    assert rows("return.yml") == [
        {"name": "killed: fw-1 is back", "expected": "BACKUP", "seen": "BACKUP", "ok": True},
        {
            "name": "killed: flows of fw-2 that fw-1 does not have",
            "expected": "0",
            "seen": "0",
            "ok": True,
            "detail": "12 flows replicated",
        },
        {
            "name": "killed: virtual addresses when both nodes are back",
            "expected": "all on fw-2",
            "seen": "all on fw-2",
            "ok": True,
            "detail": "",
        },
    ]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param(
            {"vrrp": {"instances": {"a": {"state": "BACKUP"}, "b": {"state": "MASTER"}}}},
            [("BACKUP", "BACKUP, MASTER", False)],
            id="one-instance-is-master",
        ),
        pytest.param(
            {"vrrp": {"failed": True, "msg": "no keepalived"}},
            [("BACKUP", "no keepalived", False)],
            id="no-keepalived",
        ),
        pytest.param({"vrrp": {"instances": {}}}, [("BACKUP", "nothing", False)], id="no-instance"),
        pytest.param({"synced": {"missing_count": 3, "replicated": 12}}, [("0", "3", False)], id="missing"),
        pytest.param({"synced": {"msg": "no answer"}}, [("0", "no answer", False)], id="not-told"),
        pytest.param({"synced": {}}, [("0", "unknown", False)], id="not-known"),
        pytest.param(
            {"synced": {"missing_count": 0, "replicated": 0}}, [("0", "0", False)], id="nothing-replicated"
        ),
        pytest.param(
            {
                "synced": {"missing_count": 0, "replicated": 0},
                "phase": {"name": "control", "expected": "dies"},
            },
            [],
            id="nothing-replicated-in-the-control",
        ),
        pytest.param(
            {"pair": NOBODY}, [("all on fw-2", "fw-1: none, fw-2: none", False)], id="nobody-has-addresses"
        ),
        pytest.param({"pair": BEFORE}, [("all on fw-2", "all on fw-1", False)], id="went-back"),
    ],
)
def test_a_return_that_is_none(changed: dict[str, Any], expected: list[tuple[str, str, bool]]) -> None:
    assert [row for row in told(rows("return.yml", **changed)) if not row[2]] == expected


def test_why_a_return_proves_nothing_is_told() -> None:
    made = rows("return.yml", opened={"msg": " no route\n"}, synced={"msg": "gone"}, pair=NOBODY)
    assert [row.get("detail") for row in made] == [
        None,
        "0 flows replicated; sessions could not be opened: no route",
        "nobody has them; down",
    ]
