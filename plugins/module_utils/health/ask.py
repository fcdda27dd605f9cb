# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the health check asks programs and files of its node, and how it leaves files behind."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

ANSWER_SECONDS = 10
DUMP_SECONDS = 120
"""A full table takes seconds, and many on an emulated processor."""
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


class AskError(Exception):
    """A program that is missing, fails or does not end; the text says which and why."""


def ask(command: Sequence[str], seconds: float = ANSWER_SECONDS, complaints: bool = False) -> str:
    """What a program prints (with `complaints` also on standard error), or an AskError."""
    try:
        done = subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
            env=ENVIRONMENT,
        )
    except subprocess.TimeoutExpired as error:
        raise AskError(f"no answer to '{' '.join(command)}' within {seconds:g} s") from error
    except OSError as error:
        raise AskError(f"{command[0]}: {error.strerror}") from error
    if done.returncode:
        words = (done.stderr.strip() or done.stdout.strip()).splitlines()
        reason = words[-1] if words else "says nothing"
        raise AskError(f"'{' '.join(command)}' ended with {done.returncode}: {reason}")
    return done.stdout + done.stderr if complaints else done.stdout


def content(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def number(path: str) -> int | None:
    text = (content(Path(path)) or "").strip()
    return int(text) if text.isdigit() else None


def lines(command: Sequence[str]) -> list[str]:
    return ask(command, DUMP_SECONDS).splitlines()


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """Replace a file at once: a reader sees the old one or the new one."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        new.write_text(text, encoding="utf-8")
        new.chmod(mode)
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
