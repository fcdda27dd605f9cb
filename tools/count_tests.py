# SPDX-License-Identifier: GPL-3.0-or-later
"""Print how many tests of a JUnit report passed and failed, as two numbers. A skipped test is neither.

Usage: count_tests.py REPORT
"""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree


def count(report: Path) -> tuple[int, int]:
    if not report.exists():
        return 0, 0
    # pytest has just written it on this machine
    cases = list(ElementTree.parse(report).iter("testcase"))  # noqa: S314
    outcomes = [{child.tag for child in case} for case in cases]
    failed = sum(bool(tags & {"failure", "error"}) for tags in outcomes)
    skipped = sum("skipped" in tags for tags in outcomes)
    return len(cases) - failed - skipped, failed


if __name__ == "__main__":
    print(*count(Path(sys.argv[1])))
