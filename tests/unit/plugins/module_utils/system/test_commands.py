# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that answer, fail or hang."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.system.commands import AskError, ask, problem, run


@pytest.mark.parametrize(
    ("command", "words"),
    [
        pytest.param(["no-such-program"], "no-such-program: No such file", id="missing"),
        pytest.param(["sh", "-c", "echo first; echo why >&2; exit 3"], "ended with 3: why", id="failed"),
        pytest.param(["sh", "-c", "exit 3"], "ended with 3: says nothing", id="failed-silently"),
        pytest.param(["sleep", "5"], "no answer to 'sleep 5' within 0.2 s", id="hangs"),
    ],
)
def test_a_program_that_does_not_answer(command: Sequence[str], words: str) -> None:
    with pytest.raises(AskError, match=words):
        ask(command, 0.2)


def test_what_a_program_says_aside_is_no_answer() -> None:
    both = ["sh", "-c", "echo answer; echo aside >&2"]
    assert ask(both) == "answer\n"
    assert ask(both, complaints=True) == "answer\naside\n"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        pytest.param(["true"], None, id="well"),
        pytest.param(["sh", "-c", "echo first >&2; echo why >&2; exit 3"], "sh: why", id="failed"),
        pytest.param(["sh", "-c", "echo output; exit 3"], "sh: 3", id="failed-silently"),
        pytest.param(["sleep", "5"], r"Command .*'sleep', '5'.* timed out after 0.2 seconds", id="hangs"),
        pytest.param(["no-such-program"], r"No such file or directory: 'no-such-program'", id="missing"),
    ],
)
def test_what_is_wrong_with_a_command(command: Sequence[str], words: str | None) -> None:
    found = problem(command, 0.2)
    assert found is None if words is None else found and re.search(words, found)


def test_a_command_has_no_input_and_a_fixed_environment() -> None:
    ended = run(["sh", "-c", "cat; echo $LC_ALL $HOME"], 5)
    assert (ended.ok, ended.output) == (True, "C\n")


def test_output_that_is_not_kept_holds_nothing_up() -> None:
    """A daemon that a command leaves behind keeps its standard output open."""
    before = time.monotonic()
    ended = run(["sh", "-c", "echo said; sleep 3 2>&- &"], 5, keep_output=False)
    assert (ended.ok, ended.output) == (True, "")
    assert time.monotonic() - before < 2
