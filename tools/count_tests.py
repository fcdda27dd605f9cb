# SPDX-License-Identifier: GPL-3.0-or-later
"""Print how many tests of a JUnit report passed and failed, as two numbers. A skipped test is neither.

Then, a line each, the tests that failed, with the first line of what they say.

Usage: count_tests.py REPORT
"""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree


def _cases(report: Path) -> list[ElementTree.Element]:
    # pytest has just written it on this machine
    return list(ElementTree.parse(report).iter("testcase")) if report.exists() else []  # noqa: S314


def count(report: Path) -> tuple[int, int]:
    """The numbers of tests that passed, and that failed."""
    cases = _cases(report)
    outcomes = [{child.tag for child in case} for case in cases]
    failed = sum(bool(tags & {"failure", "error"}) for tags in outcomes)
    skipped = sum("skipped" in tags for tags in outcomes)
    return len(cases) - failed - skipped, failed


def failures(report: Path) -> list[str]:
    """`FILE::TEST: FIRST LINE` of each test that failed."""
    lines = []
    for case in _cases(report):
        failure = next((child for child in case if child.tag in ("failure", "error")), None)
        if failure is not None:
            said = (failure.get("message") or "").strip().split("\n")[0][:200]
            lines.append(f"{case.get('classname')}::{case.get('name')}: {said}".rstrip())
    return lines


if __name__ == "__main__":
    print(*count(Path(sys.argv[1])))
    for line in failures(Path(sys.argv[1])):
        print(line)
