# SPDX-License-Identifier: GPL-3.0-or-later
"""The run that is kept in docs/bench.json, and the table of README.md that is made of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PROFILES = {"manual": "manual", "stock": "stock", "default": "ours", "fast": "ours, `fast`"}
ROWS = {
    "crash_udp_gap_ms": "outage after a crash, ms",
    "crash_100k_survivors": "flows of 70 that survive it with 100,000 entries",
    "crash_100k_resets": "flows that are reset",
    "switchover_udp_lost": "packets lost in a planned switchover, of 1,000 a second",
}
BEGIN, END = "<!-- made by `python tools/bench publish` -->", "<!-- end -->"


def table(document: dict[str, Any]) -> str:
    """Medians, and the worst trial where it differs, as a table in Markdown; and what was not reached."""
    lines = ["| | " + " | ".join(PROFILES.values()) + " |", "| --- |" + " --- |" * len(PROFILES)]
    for name, words in ROWS.items():
        cells = []
        for profile in PROFILES:
            case = next(one for one in document["cases"] if (one["name"], one["profile"]) == (name, profile))
            median, worst = round(case["median"]), round(case["worst"])
            cells.append(f"{median:,}" + (f" (worst {worst:,})" if worst != median else ""))
        lines.append(f"| {words} | " + " | ".join(cells) + " |")
    for case in document["cases"]:
        if case.get("ok") is False:
            trials = ", ".join(f"{trial:,.0f}" for trial in case["trials"])
            lines += ["", f"Not reached by `{case['profile']}`: {case['title']}: {trials}."]
    return "\n".join(lines)


def put(text: str, made: str) -> str:
    """Replace what is between the marks of a text."""
    before, rest = text.split(BEGIN, 1)
    return f"{before}{BEGIN}\n\n{made}\n\n{END}{rest.split(END, 1)[1]}"


def publish(run: Path, kept: Path, readme: Path) -> None:
    """Keep the figures of a run, without what was drawn of it, and put its table into the README."""
    text = readme.read_text()
    if BEGIN not in text or END not in text:
        raise SystemExit(f"{readme}: there is no place for the table; write the lines {BEGIN} and {END}")
    document = {**json.loads(run.read_text()), "timelines": []}
    new = put(text, table(document))
    kept.write_text(json.dumps(document, indent=1) + "\n")
    readme.write_text(new)
