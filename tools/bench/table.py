# SPDX-License-Identifier: GPL-3.0-or-later
"""The run that is kept in docs/bench.json, and the tables of README.md and docs/bench.md made of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from catalogue import FIGURES, IN_IPV6
from profiles import OURS

Cases = dict[tuple[str, str], dict[str, Any]]
PROFILES = {"manual": "manual", "stock": "stock", "default": "ours", "fast": "ours, `fast`"}
ROWS = {
    "crash_udp_gap_ms": "outage after a crash, ms",
    "crash_100k_survivors": "of 70 flows, those that survive a crash with 100,000 in the table",
    "crash_100k_resets": "flows that are reset",
    "switchover_udp_lost": "packets lost in a planned switchover, of 1,000 a second",
}
EARLIER = "run of "
"""How the note of a figure begins that is not of the document's own run; its time follows."""
BEGIN, END = "<!-- made by `python tools/bench publish` -->", "<!-- end -->"


def table(document: dict[str, Any], rows: dict[str, str] | None = None) -> str:
    """Medians, and the worst trial where it differs, as a table in Markdown; and what was not reached."""
    cases = {(case["name"], case["profile"]): case for case in document["cases"]}
    columns = [*PROFILES.values(), "trials"]
    lines = ["| | " + " | ".join(columns) + " |", "| --- |" + " --- |" * len(columns)]
    for name, words in (ROWS if rows is None else rows).items():
        cells = [_cell(cases, name, profile) for profile in PROFILES]
        cells.append(_trials(cases, name, document["created"]))
        lines.append(f"| {words} | " + " | ".join(cells) + " |")
    for case in document["cases"]:
        if case.get("ok") is False:
            trials = ", ".join(_number(trial) for trial in case["trials"])
            lines += ["", f"Not reached by `{case['profile']}`: {case['title']}: {trials}."]
    return "\n".join(lines)


def whole(document: dict[str, Any]) -> str:
    """The same of all figures, and which trials were done again."""
    six = set(IN_IPV6.values())
    rows = {name: f"`{name}`" for name in FIGURES if name not in six}
    measured = {case["name"] for case in document["cases"]}
    lines = [table(document, {name: words for name, words in rows.items() if name in measured})]
    again = {(case["profile"], part) for case in document["cases"] for part in _again(case["note"])}
    for profile, part in sorted(again):
        lines += ["", f"`{profile}`, {part}."]
    return "\n".join(lines)


def _again(note: str) -> list[str]:
    return [part for part in note.split("; ") if " done again: " in part]


def _cell(cases: Cases, name: str, profile: str) -> str:
    """One figure where both families have the same; what only IPv4 has of ours is marked."""
    if (name, profile) not in cases:
        return ""
    four, six = _figure(cases[name, profile]), cases.get((IN_IPV6.get(name, ""), profile))
    if six is None:
        return f"{four}{' (IPv4)' if name in IN_IPV6 and profile in OURS else ''}"
    return four if _figure(six) == four else f"{four}; IPv6 {_figure(six)}"


def _figure(case: dict[str, Any]) -> str:
    median, worst = _number(case["median"]), _number(case["worst"])
    return median if worst == median else f"{median} (worst {worst})"


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 10 and value != round(value) else f"{round(value):,}"


def _trials(cases: Cases, name: str, created: str) -> str:
    """How many trials the figures of a row are of, and when they ran."""
    row = [case for (one, _profile), case in cases.items() if one in (name, IN_IPV6.get(name))]
    counts = sorted({len(case["trials"]) for case in row})
    days = sorted({_ran(case["note"], created)[:10] for case in row})
    return f"{' to '.join(map(str, dict.fromkeys((counts[0], counts[-1]))))}, {' and '.join(days)}"


def put(text: str, made: str) -> str:
    """Replace what is between the marks of a text."""
    before, rest = text.split(BEGIN, 1)
    return f"{before}{BEGIN}\n\n{made}\n\n{END}{rest.split(END, 1)[1]}"


def joined(run: dict[str, Any], kept: dict[str, Any]) -> dict[str, Any]:
    """The run, and beside it the figures of the kept one that it has not measured; their notes say of when.

    Figures are compared within a run: one that is measured anew has to be for all of its profiles.
    """
    new: dict[str, set[str]] = {}
    for case in run["cases"]:
        new.setdefault(case["name"], set()).add(case["profile"])
    older = [case for case in kept["cases"] if case["name"] not in new]
    lacking = [
        f"{case['name']}: {case['profile']}"
        for case in kept["cases"]
        if case["profile"] not in new.get(case["name"], {case["profile"]})
    ]
    if lacking:
        raise SystemExit(f"the run lacks profiles of what it has measured: {', '.join(lacking)}")
    if older and run["machine"] != kept["machine"]:
        raise SystemExit("the kept figures are of another machine, or of other versions: run all measures")
    dated = [{**case, "note": _dated(case["note"], kept["created"])} for case in older]
    order = list(dict.fromkeys([*FIGURES, *(case["name"] for case in [*kept["cases"], *run["cases"]])]))
    cases = sorted([*run["cases"], *dated], key=lambda case: order.index(case["name"]))
    return {**run, "cases": cases}


def _dated(note: str, created: str) -> str:
    if note.startswith(EARLIER):
        return note
    return "; ".join(filter(None, [f"{EARLIER}{created[:16]}", note]))


def _ran(note: str, created: str) -> str:
    """When the trials of a figure ran: as its note says, or else as its document does."""
    return note.removeprefix(EARLIER)[:16] if note.startswith(EARLIER) else created[:16]


def publish(run: Path, kept: Path, readme: Path, page: Path) -> None:
    """Keep the figures of a run, without what was drawn of it, and put its tables into the README and a page.

    Figures that the run has not measured stay as they were.
    """
    for file in (readme, page):
        text = file.read_text()
        if BEGIN not in text or END not in text:
            raise SystemExit(f"{file}: there is no place for the table; write the lines {BEGIN} and {END}")
    document = {**json.loads(run.read_text()), "timelines": []}
    if kept.exists():
        document = joined(document, json.loads(kept.read_text()))
    made = [(readme, table(document)), (page, whole(document))]
    kept.write_text(json.dumps(document, indent=1) + "\n")
    for file, new in made:
        file.write_text(put(file.read_text(), new))
