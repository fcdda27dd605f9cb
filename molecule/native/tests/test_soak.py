# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that are drawn by three seeds, one or two at a time, for half an hour each."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from containers import PROJECT, command

MINUTES = int(os.environ.get("FTFW_SOAK_MINUTES", "30"))
"""How long each seed draws; it is for a look at the test itself."""

pytestmark = pytest.mark.long


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_fails_the_pair_stays_whole(seed: int, tmp_path: Path) -> None:
    """The report stays in reports/, for a seed that has failed."""
    report = PROJECT / "reports" / f"drill-seed-{seed}.json"
    report.unlink(missing_ok=True)
    asked = {
        "drill_confirm": "native",
        "drill_set": "long",
        "drill_random": {"seed": seed, "minutes": MINUTES},
        "drill_json": str(report),
        "drill_page": str(report.with_suffix(".html")),
    }
    words, environment = command("playbooks/drill.yml", "-e", json.dumps(asked))
    log = tmp_path / "log"
    with log.open("w") as output:
        # the last round begins in time, and may wait for a node that comes back
        done = subprocess.run(
            words,
            cwd=PROJECT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=60 * (MINUTES + 15),
            check=False,
        )
    said = log.read_text()
    assert done.returncode == 0, said[-8000:]
    faults = json.loads(report.read_text())["faults"]
    assert {fault["result"] for fault in faults} == {"ok"}
    # the longest round is that in which both nodes lose their power: less than two minutes
    assert len(faults) >= MINUTES / 2
