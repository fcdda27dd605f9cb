# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of README.md, made from a result document."""

from __future__ import annotations

from pathlib import Path
from typing import Any

PROFILES = {"manual": "manual", "stock": "stock", "default": "ours", "fast": "ours, `fast`"}
ROWS = {
    "crash_udp_gap_ms": "outage after a crash, ms",
    "crash_100k_survivors": "flows of 70 that survive it with 100,000 entries",
    "crash_100k_resets": "flows that are reset",
    "switchover_udp_lost": "packets lost in a planned switchover, of 1,000 a second",
}
BEGIN, END = "<!-- made by `python tools/bench table` -->", "<!-- end -->"


def table(document: dict[str, Any]) -> str:
    """Medians, and the worst trial where it differs, as a table in Markdown."""
    lines = ["| | " + " | ".join(PROFILES.values()) + " |", "| --- |" + " --- |" * len(PROFILES)]
    for name, words in ROWS.items():
        cells = []
        for profile in PROFILES:
            case = next(one for one in document["cases"] if (one["name"], one["profile"]) == (name, profile))
            median, worst = round(case["median"]), round(case["worst"])
            cells.append(f"{median:,}" + (f" (worst {worst:,})" if worst != median else ""))
        lines.append(f"| {words} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def put(text: str, made: str) -> str:
    """Replace what is between the marks of a text."""
    before, rest = text.split(BEGIN, 1)
    return f"{before}{BEGIN}\n\n{made}\n\n{END}{rest.split(END, 1)[1]}"


def write(path: Path, document: dict[str, Any]) -> None:
    path.write_text(put(path.read_text(), table(document)))
