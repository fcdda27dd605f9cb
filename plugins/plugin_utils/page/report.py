# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table for the eye and a document for programs, of the same rows."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

CHECK_COLUMNS = ["check", "expected", "seen", "", "detail"]
CHECK_KEYS = ["name", "expected", "seen", "ok"]


def table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the lines of a table with columns as wide as they have to be."""
    cells = [list(columns)] + [[str(row.get(column, "")) for column in columns] for row in rows]
    widths = [max(len(line[index]) for line in cells) for index in range(len(columns))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in cells]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]


def check_rows(checks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows of a verification as a table has them: what failed stands out."""
    return [
        {
            "check": row["name"],
            "expected": row["expected"],
            "seen": row["seen"],
            "": "ok" if row["ok"] else "FAILED",
            "detail": row.get("detail", ""),
        }
        for row in checks
    ]


def verification(site: str, checks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The document of a verification. Its shape is an interface, and stays as it is."""
    return {"site": site, "checks": [{key: row[key] for key in CHECK_KEYS} for row in checks]}


def failures(checks: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the message of an error says of them: which have failed, and how. Empty when all is well."""
    failed = [f"{row['name']} ({row['seen']}, expected {row['expected']})" for row in checks if not row["ok"]]
    return [f"{len(failed)} of {len(checks)} checks failed: {'; '.join(failed)}"] if failed else []


def write(path: Path, document: object) -> None:
    """Write the document as JSON."""
    write_text(path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write it as UTF-8. A reader sees the old file or the new one, never half of it. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("wb", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(text.encode())
            file.flush()
            temporary.chmod(0o644)
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
