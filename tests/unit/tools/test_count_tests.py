# SPDX-License-Identifier: GPL-3.0-or-later
"""The sum that ./ftfw test prints is only as good as this."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

COUNTER = Path(__file__).parents[3] / "tools" / "count_tests.py"


@pytest.mark.parametrize(
    ("cases", "counts"),
    [
        pytest.param("", "0 0", id="none"),
        pytest.param("<testcase/><testcase/>", "2 0", id="passed"),
        pytest.param("<testcase><failure/></testcase><testcase/>", "1 1", id="failure"),
        pytest.param("<testcase><failure/><error/></testcase>", "0 1", id="failure and error are one test"),
        pytest.param("<testcase><skipped/></testcase>", "0 0", id="skipped is neither"),
    ],
)
def test_count(tmp_path: Path, cases: str, counts: str) -> None:
    report = tmp_path / "report.xml"
    report.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    assert run(report).splitlines()[0] == counts


def test_no_report(tmp_path: Path) -> None:
    assert run(tmp_path / "report.xml") == "0 0"


def test_failures_are_named(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    cases = (
        '<testcase classname="tests.unit.test_a" name="b[c]"><failure message="1 == 2&#10;more"/></testcase>'
        '<testcase classname="tests.unit.test_a" name="test_d"><error/></testcase><testcase name="test_e"/>'
    )
    report.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    counts, *failed = run(report).splitlines()
    assert counts == "1 2"
    assert failed == ["tests.unit.test_a::b[c]: 1 == 2", "tests.unit.test_a::test_d:"]


def run(report: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(COUNTER), str(report)], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
