# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a program of a node runs other programs: with a time limit, a fixed environment and a known input."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

ANSWER_SECONDS = 10
DUMP_SECONDS = 120
"""A full table takes seconds, and many on an emulated processor."""
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


class AskError(Exception):
    """A program that is missing, fails or does not end; the text says which and why."""


@dataclass(frozen=True)
class Ended:
    """How a command went. One that did not end in time, or could not start, has no exit code."""

    command: tuple[str, ...]
    code: int | None
    output: str = ""
    errors: str = ""
    failure: OSError | subprocess.TimeoutExpired | None = None

    @property
    def ok(self) -> bool:
        return self.code == 0

    @property
    def last_word(self) -> str:
        """The last line that it has said, first of all on standard error; empty if it has said nothing."""
        said = (self.errors.strip() or self.output.strip()).splitlines()
        return said[-1] if said else ""


def run(command: Sequence[str], seconds: float, keep_output: bool = True, given: str = "") -> Ended:
    """Run a command, with `given` as its input. What it prints is thrown away where it is not kept."""
    words = tuple(command)
    try:
        done = subprocess.run(
            words,
            input=given,
            stdout=subprocess.PIPE if keep_output else subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
            env=ENVIRONMENT,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Ended(words, None, failure=error)
    return Ended(words, done.returncode, done.stdout or "", done.stderr)


def problem(command: Sequence[str], seconds: float) -> str | None:
    """Run a command for what it does; why it has failed, or None."""
    ended = run(command, seconds, keep_output=False)
    if ended.failure is not None:
        return str(ended.failure)
    return None if ended.ok else f"{ended.command[0]}: {ended.last_word or ended.code}"


def ask(command: Sequence[str], seconds: float = ANSWER_SECONDS, complaints: bool = False) -> str:
    """What a program prints (with `complaints` also on standard error), or an AskError."""
    ended = run(command, seconds)
    words = " ".join(ended.command)
    if isinstance(ended.failure, OSError):
        raise AskError(f"{ended.command[0]}: {ended.failure.strerror}") from ended.failure
    if ended.failure is not None:
        raise AskError(f"no answer to '{words}' within {seconds:g} s") from ended.failure
    if not ended.ok:
        raise AskError(f"'{words}' ended with {ended.code}: {ended.last_word or 'says nothing'}")
    return ended.output + ended.errors if complaints else ended.output


def lines(command: Sequence[str]) -> list[str]:
    """The lines of a long listing. Raises AskError."""
    return ask(command, DUMP_SECONDS).splitlines()
