# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A round of two faults: its scripts are run, and what it has to leave whole is judged."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.draw import together
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.facts import end_of
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.holders import Held
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.judge import FaultSeen, judge
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.steps import FaultNode, FaultSite, stamp, steps
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.table import ANY, FaultRow, FaultStep

EXPECT = {"flows": "all", "resets": 0, "healthy_s": 30, "overlap_after_ms": 212}
VIEW = {
    "conntrackd": {"links": []},
    "pair_state": {"addresses": []},
    "node_network": {"interfaces": []},
}
SITE = FaultSite(
    tuple(FaultNode(name, VIEW, kill="off", start="on") for name in ("fw-1", "fw-2")), ("fw-1", "fw-2")
)
FAULT, UNDO = 1000.0, 1005.0


def fault(name: str, at: str = "primary", **more: Any) -> FaultRow:
    step = FaultStep(at=at, inject=f"echo made {name}", undo=f"echo undone {name}")
    return FaultRow(name, name, {ANY: (step,)}, expect=EXPECT, areas=(name,), **more)


def run(folder: Path, script: str) -> list[str]:
    """Run a script of a node on this machine, with commands of systemd that only say what they are asked."""
    (folder / "bin").mkdir(exist_ok=True)
    for name in ("systemctl", "systemd-run"):
        (folder / "bin" / name).write_text(f'#!/bin/sh\necho "{name} $*"\n')
        (folder / "bin" / name).chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", "-c", script.replace("/run/", f"{folder}/").replace("sleep 1;", "")],
        env={**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_a_round_is_over_when_its_last_fault_is_being_undone(tmp_path: Path) -> None:
    """A wire that is mended after a daemon was started, which takes its time, was still cut meanwhile."""
    slow = FaultStep(at="primary", inject="true", undo="sleep 0.3")
    row = together(
        1, [FaultRow("daemon", "", {ANY: (slow,)}, expect=EXPECT, areas=("daemon",)), fault("wire")]
    )
    (step,) = steps(row, SITE, "fw-1")
    said = "\n".join(run(tmp_path, step["undo"]))
    begun, over = stamp(said, "undo"), end_of(row, [{"item": step, "stdout": said}], {})
    assert begun and over and over - begun >= 0.3
    assert end_of(fault("wire"), [{"item": step, "stdout": said}], {}) == begun


def test_two_faults_of_a_node_are_made_and_undone_by_one_script(tmp_path: Path) -> None:
    row = together(1, [fault("keepalived"), fault("conntrackd", undo_when="abandoned")])
    (step,) = steps(row, SITE, "fw-2")
    assert (step["host"], step["targets"]) == ("fw-2", ["fw-2"])
    said = run(tmp_path, step["inject"])
    armed = next(index for index, line in enumerate(said) if line.startswith("systemd-run"))
    made = [said.index("made keepalived"), said.index("made conntrackd")]
    assert armed < min(made) and stamp("\n".join(said), "fault")
    # what comes when nobody is left undoes both
    alone = run(tmp_path, f"sh {tmp_path}/ftfw-drill-undo")
    assert alone == ["undone keepalived", "undone conntrackd"]
    said = run(tmp_path, step["undo"])
    assert stamp("\n".join(said), "undo")
    assert "undone keepalived" in said and "undone conntrackd" not in said
    assert any(line.startswith("systemctl stop ftfw-drill-undo.timer") for line in said)


def test_two_faults_of_two_nodes_have_an_undo_each() -> None:
    row = together(1, [fault("keepalived"), fault("conntrackd", at="backup")])
    made = steps(row, SITE, "fw-2")
    assert [step["host"] for step in made] == ["fw-2", "fw-1"]
    assert all("systemd-run" in step["inject"] for step in made)


def flow(kind: str, **changed: Any) -> dict[str, Any]:
    series = {"bin_ms": 10, "start": FAULT - 2, "counts": "1*1000"}
    usual = {"name": kind, "kind": kind, "target": "192.168.0.3", "count": 20, "survivors": 20, "lost": 0}
    return {**usual, "resets": 0, "series": series, **changed}


def probe(**changed: Any) -> dict[str, Any]:
    return {"flows": [flow("tcp", **changed), flow("connect")]}


WELL = FaultSeen(
    nodes=["fw-1", "fw-2"],
    before="fw-1",
    primary="fw-2",
    holders="",
    findings=[[]],
    healthy=[5.0],
    client=probe(),
    server=probe(),
    held={"fw-1": Held(((0.0, UNDO + 0.1),), ()), "fw-2": Held(((FAULT + 0.2, 2000.0),), (FAULT + 0.2,))},
    fault_at=FAULT,
    undo_at=UNDO,
)
LONG = {"fw-1": Held(((0.0, UNDO + 0.3),), ()), "fw-2": WELL.held["fw-2"]}
DIFFER = {"id": "caches-differ", "message": "fw-1 lacks flows"}


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        pytest.param({}, [], id="well"),
        pytest.param({"client": probe(survivors=19)}, ["TCP flows that survive"], id="a-lost-flow"),
        pytest.param({"server": probe(resets=1)}, ["resets"], id="a-reset"),
        pytest.param({"held": LONG}, ["the same after the end of the fault"], id="two-primaries"),
        pytest.param({"findings": [[DIFFER]]}, ["both nodes have the same flows"], id="caches"),
        pytest.param({"healthy": [None]}, ["nothing is wrong with the pair"], id="never-well"),
        pytest.param({"healthy": [61.0]}, ["nothing is wrong with the pair"], id="well-too-late"),
        pytest.param({"primary": None}, ["virtual addresses afterwards"], id="no-primary"),
        pytest.param({"undo_at": None}, ["the same after the end of the fault"], id="no-end"),
        pytest.param(
            {"client": {"flows": [flow("tcp"), flow("connect", survivors=0)]}},
            ["new connections at the end"],
            id="nothing-new-passes",
        ),
    ],
)
def test_what_a_round_has_to_leave_whole(changed: dict[str, Any], wrong: list[str]) -> None:
    """Both faults are of the primary: the backup was well, so no flow may be lost."""
    row = together(1, [fault("keepalived"), fault("wire")])
    checks = judge(row.expect, replace(WELL, **changed))
    assert [check["name"] for check in checks if not check["ok"]] == wrong


def test_where_no_node_was_well_flows_may_be_lost_and_nothing_else() -> None:
    row = together(1, [fault("keepalived"), fault("conntrackd", at="backup")])
    seen = replace(WELL, client=probe(survivors=0, resets=20))
    assert all(check["ok"] for check in judge(row.expect, seen))
    assert not all(check["ok"] for check in judge(row.expect, replace(seen, held=LONG)))
