# SPDX-License-Identifier: GPL-3.0-or-later
"""Print the failed tasks, tests and checks of a log, for all may be torn down before its end; else that end.

Usage: excerpt.py LOG
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

LINES = 40
FIRST = 12
"""So many of them are the first ones: what fails later often fails because of them."""
WIDTH = 400
_OF_A_TASK = 30
_END = 15
_DRAWN = re.compile(r"\x1b\[[0-9;]*m")
"""Colours (ECMA-48, section 8.3.117)."""
_BAR = re.compile(r"^ *│ ?")
"""What Molecule puts before each line of a command."""
_TASK = re.compile(r"(TASK|RUNNING HANDLER|PLAY) \[")
_FAILED_TASK = re.compile(r"(fatal|failed): ")
_SAID = re.compile(r"(FAILED|ERROR|CRITICAL|FATAL|E):? ")


def excerpt(log: Iterable[str]) -> list[str]:
    """The first and last lines that tell of failures, each failed task under its name; of others the end."""
    told: list[str] = []
    every: list[str] = []
    task, left = "", 0
    for raw in log:
        line = _BAR.sub("", _DRAWN.sub("", raw)).rstrip()
        every = [*every[1 - _END :], line[:WIDTH]]
        if _TASK.match(line):
            task = line
        if _FAILED_TASK.match(line):
            told.append(task)
            left = _OF_A_TASK
        # what a task says ends with an empty line
        left = left - 1 if left and line else 0
        if left or _SAID.match(line):
            told.append(line[:WIDTH])
    if len(told) > LINES:
        told = [*told[:FIRST], "[…]", *told[FIRST + 1 - LINES :]]
    return told or every


if __name__ == "__main__":
    with Path(sys.argv[1]).open(errors="replace") as lines:
        print(*excerpt(lines), sep="\n")
