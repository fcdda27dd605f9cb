# SPDX-License-Identifier: GPL-3.0-or-later
"""What failed in a scenario is told again, without what went before and came after it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "tools"))

import excerpt

LOG = """\
INFO     default ➜ converge: Executing
PLAY [Firewalls] ***

TASK [ftfw.pair.keepalived : Write the file] ***
ok: [fw-1]
\x1b[0;31mfatal: [fw-2]: FAILED! => \x1b[0m
\x1b[0;31m    msg: no space left\x1b[0m
\x1b[0;31m    rc: 1\x1b[0m

PLAY RECAP ***
fw-2 : ok=3 failed=1
ERROR    default ➜ converge: Executed: Failed
INFO     default ➜ destroy: Executing

TASK [Remove the lab] ***
ok: [hypervisor]
"""

TESTS = """\
    def test_flow():
>       assert lost == 0
E       assert 2 == 0
=== short test summary info ===
FAILED test_takeover.py::test_flow - assert 2 == 0
=== 1 failed, 35 passed ===
"""


def drawn(line: str) -> str:
    """A line as Molecule prints what its commands print."""
    return f"  \x1b[2m\x1b[36m│\x1b[0m {line}"


@pytest.mark.parametrize("form", [str, drawn])
def test_failed_task_is_told_under_its_name(form: Callable[[str], str]) -> None:
    assert excerpt.excerpt(map(form, LOG.splitlines(keepends=True))) == [
        "TASK [ftfw.pair.keepalived : Write the file] ***",
        "fatal: [fw-2]: FAILED! =>",
        "    msg: no space left",
        "    rc: 1",
        "ERROR    default ➜ converge: Executed: Failed",
    ]


@pytest.mark.parametrize("form", [str, drawn])
def test_failed_test_is_told(form: Callable[[str], str]) -> None:
    assert excerpt.excerpt(map(form, TESTS.splitlines(keepends=True))) == [
        "E       assert 2 == 0",
        "FAILED test_takeover.py::test_flow - assert 2 == 0",
    ]


SANITY = """\
Running sanity test "pylint"
ERROR: Found 1 pylint issue(s) which need to be resolved:
ERROR: a.py:343:66: disallowed-name: Disallowed name "_"
FATAL: The 1 sanity test(s) listed below (out of 33) failed. See error output above for details.
pylint
"""


def test_what_a_linter_found_is_told_though_it_stands_far_before_the_end() -> None:
    others = "Collecting pathspec\n" * 100
    told = excerpt.excerpt((SANITY + others).splitlines(keepends=True))
    assert told == SANITY.splitlines()[1:4]


def test_only_the_first_and_the_last_lines_are_told() -> None:
    log = [f"ERROR    {number}\n" for number in range(200)] + ["E   " + "x" * 1000]
    told = excerpt.excerpt(log)
    assert len(told) == excerpt.LINES
    assert told[0] == "ERROR    0"
    assert told[excerpt.FIRST - 1 : excerpt.FIRST + 2] == ["ERROR    11", "[…]", "ERROR    174"]
    assert told[-2] == "ERROR    199"
    assert len(told[-1]) == excerpt.WIDTH


def test_of_what_knows_no_such_words_the_end_is_told() -> None:
    log = [f"src/a.py:{number}: error: Incompatible types\n" for number in range(40)]
    assert excerpt.excerpt(log) == [line.rstrip() for line in log[-15:]]
    assert excerpt.excerpt([]) == []
