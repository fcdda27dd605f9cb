# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a program of a node reads small files, and how it leaves some behind."""

from __future__ import annotations

import os
from pathlib import Path


def content(path: Path) -> str | None:
    """The text of a file; None where it can't be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def number(path: str) -> int | None:
    """The number that a file of the kernel holds; None where it holds none."""
    text = (content(Path(path)) or "").strip()
    return int(text) if text.isdigit() else None


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """Replace a file at once: a reader sees the old one or the new one. Raises OSError."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        new.write_text(text, encoding="utf-8")
        new.chmod(mode)
        new.replace(path)
    except OSError:
        # where it is a folder, that is the error to tell
        if not new.is_dir():
            new.unlink(missing_ok=True)
        raise


def write_in_place(path: Path, text: str) -> None:
    """Write in one go a file whose length stays, for a reader that watches it: it never finds it empty."""
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        os.write(opened, text.encode())
        os.ftruncate(opened, len(text))
    finally:
        os.close(opened)
