# SPDX-License-Identifier: GPL-3.0-or-later
"""A verify that breaks off leaves the pair as it found it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from containers import NODES, playbook, run
from test_pair import primary, settle

SHOWN = "systemctl show --property=UnitFileState,LoadState conntrackd.service"
ASKED = f"systemctl is-active conntrackd.service; {SHOWN}"


@pytest.mark.long
def test_replication_runs_again_where_the_control_breaks_off_before_its_fault(tmp_path: Path) -> None:
    before = primary()
    settle(before)
    was = {node: run(node, ASKED) for node in NODES}
    since = {node: run(node, "date +%s").strip() for node in NODES}
    phases = ["-e", json.dumps({"verify_phases": ["control"]}), "-e", f"verify_report={tmp_path}/verify.json"]
    # nobody of this name has a file of keys, so no session is opened and nobody killed
    done = playbook("playbooks/verify.yml", *phases, "-e", "verify_ssh_user=nobody-there")
    assert done.returncode != 0, done.stdout[-3000:]
    broken = [row for row in json.loads((tmp_path / "verify.json").read_text())["checks"] if not row["ok"]]
    assert [row["name"] for row in broken] == ["control: runs to its end"], broken
    assert "Authorise the key on the server: Failed to lookup user nobody-there" in " ".join(
        done.stdout.split()
    )
    for node in NODES:
        said = run(node, f"journalctl --since @{since[node]} -o cat UNIT=conntrackd.service")
        assert "Stopped conntrackd.service" in said, f"{node} went on replicating, so nothing is proved"
    assert {node: run(node, ASKED) for node in NODES} == was
    assert was[before].startswith("active")
    settle(before)
