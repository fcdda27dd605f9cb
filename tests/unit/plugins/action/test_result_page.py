# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugin, run by ansible."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[4]
DOCUMENT: dict[str, Any] = {
    "kind": "bench",
    "title": "Failover",
    "site": "lab",
    "created": "2025-01-31T12:00:00Z",
    "machine": {"cpus": 2},
    "cases": [
        {
            "name": "gap",
            "title": "Gap",
            "profile": "default",
            "unit": "ms",
            "trials": [3, 1, 2],
            "median": 2,
            "worst": 3,
            "better": "lower",
            "limit": {"max": 3},
            "ratio_to": None,
            "ok": True,
            "note": "",
        }
    ],
    "timelines": [],
}


def run(document: Path, page: Path, *options: str) -> tuple[int, dict[str, Any] | str]:
    """Return ansible's exit code and the task's result."""
    done = subprocess.run(
        [
            *("ansible", "localhost", "-i", "localhost,", "-c", "local", "-m", "ftfw.pair.result_page"),
            *("-a", json.dumps({"document": str(document), "page": str(page)})),
            *options,
        ],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    text = done.stdout + done.stderr
    if done.returncode:
        return done.returncode, text
    result: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])
    return 0, result


def test_apply_again_change_check(tmp_path: Path) -> None:
    source, target = tmp_path / "bench.json", tmp_path / "made" / "bench.html"
    source.write_text(json.dumps(DOCUMENT))
    code, result = run(source, target, "--check")
    assert code == 0
    assert isinstance(result, dict)
    assert result["changed"]
    assert not target.parent.exists()
    code, result = run(source, target)
    assert isinstance(result, dict)
    assert (result["changed"], result["page"]) == (True, str(target))
    assert result["summary"] == "The one figure with a limit passed."
    assert target.read_text().startswith("<!DOCTYPE html>")
    assert target.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in target.parent.iterdir()] == ["bench.html"]
    code, result = run(source, target)
    assert isinstance(result, dict)
    assert not result["changed"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(None, "can't read {}: No such file or directory", id="absent"),
        pytest.param(b'{"kind":\n oops}', "{} is not JSON: line 2, column 2: Expecting value", id="not JSON"),
        pytest.param(b'{"kind": "\xff"}', "{} is not UTF-8: byte 10 is wrong", id="not UTF-8"),
        pytest.param(
            json.dumps({**DOCUMENT, "kind": "bank"}).encode(),
            "bench.json: kind: bank: is unknown; known are: bench, drill",
            id="wrong document",
        ),
    ],
)
def test_refuses(tmp_path: Path, content: bytes | None, message: str) -> None:
    source, target = tmp_path / "bench.json", tmp_path / "bench.html"
    if content is not None:
        source.write_bytes(content)
    target.write_text("the page of before")
    code, told = run(source, target)
    assert code == 2
    assert isinstance(told, str)
    assert message.format(source) in told
    assert target.read_text() == "the page of before"
