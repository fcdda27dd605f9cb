# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the document of a bench or a drill, and refuses one whose parts don't agree.

A median that its trials don't have, or a verdict that its limit contradicts, was written by hand or by a
mistake, and nobody who looks at the page could tell. What follows from other keys is worked out again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.page.rules import check_document
from ansible_collections.ftfw.pair.plugins.plugin_utils.page.types import (
    BETTER,
    KINDS,
    PROFILES,
    RESULTS,
    Bounds,
    Case,
    CheckResult,
    Document,
    Fault,
    FlowSeries,
    Ratio,
    Scalar,
    Timeline,
    TimelineEvent,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.page.values import count, number, plain, truth
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import Problems
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.values import Value

CASE = (
    "name",
    "title",
    "profile",
    "unit",
    "trials",
    "median",
    "worst",
    "better",
    "limit",
    "ratio_to",
    "ok",
    "note",
)
TIMELINE = ("case", "profile", "trial", "bin_ms", "start_ms", "series", "events")
FAULT = ("name", "title", "result", "checks", "seconds", "note", "timeline")
DOCUMENT = ("kind", "title", "site", "created", "machine", "cases", "timelines", "faults")

SHORTEST_BIN, LONGEST_BIN = 0.01, 60_000
FURTHEST = 86_400_000


class DocumentError(Exception):
    """The document can't be shown: one line for each problem, which names the key."""

    def __init__(self, problems: Problems) -> None:
        super().__init__("\n".join(problems.lines()))
        self.problems = problems


def load(raw: object, source: str = "document") -> Document:
    """Make a document of what a JSON parser has read; the source is named in errors, such as 'bench.json'."""
    problems = Problems()
    root = Value(source, "", raw, problems)
    if not isinstance(raw, Mapping):
        problems.add(source, "(whole document)", raw, "is not an object", 'write {"kind": "bench", …}')
        raise DocumentError(problems)
    document = _document(root)
    if not problems:
        check_document(document, source, problems)
    if problems:
        raise DocumentError(problems)
    return document


def dump(document: Document) -> dict[str, Any]:
    """Return the document as JSON types; load() makes an equal document of it."""
    return {**dataclasses.asdict(document), "created": document.created.isoformat()}


def _document(value: Value) -> Document:
    fields = value.section(*DOCUMENT, required=("kind", "title", "site", "created"))
    kind = fields["kind"].choice(*KINDS) or ""
    rows = "faults" if kind == "drill" else "cases"
    if kind and not fields[rows].items():
        fields[rows].wrong("has nothing", f"a {kind} needs at least one")
    if kind == "bench" and fields["faults"].raw:
        fields["faults"].wrong("a bench has no faults", 'write them into a document of kind "drill"')
    return Document(
        kind=kind,
        title=fields["title"].text() or "",
        site=fields["site"].text() or "",
        created=_time(fields["created"]),
        machine={key: _fact(item) for key, item in fields["machine"].entries().items()},
        cases=tuple(_case(item) for item in fields["cases"].items()),
        timelines=tuple(
            _timeline(item, ("case", "profile", "trial")) for item in fields["timelines"].items()
        ),
        faults=tuple(_fault(item) for item in fields["faults"].items()),
    )


def _time(value: Value) -> datetime:
    text = value.text() or ""
    try:
        # datetime of Python before 3.11 doesn't know the Z
        created = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)
    except ValueError:
        if text:
            value.wrong("is not a time", "write one such as 2025-01-31T12:00:00Z")
        return datetime.min
    if created.tzinfo is None:
        value.wrong("has no time zone", f"write {text}Z if it is UTC")
    return created


def _fact(value: Value) -> Scalar:
    raw = value.raw
    if raw is None or isinstance(raw, (str, bool, int)):
        return raw
    if isinstance(raw, float):
        return number(value)
    value.wrong("is not a single value", "write a text, a number, true or false")
    return None


def _case(value: Value) -> Case:
    required = ("name", "title", "profile", "unit", "better")
    fields = value.section(*CASE, required=required)
    for key in ("trials", "median", "worst", "ok"):
        if isinstance(value.raw, dict) and key not in value.raw:
            fields[key].wrong(
                "is missing", f"{key} is required here, and null where nothing was measured or judged"
            )
    return Case(
        name=fields["name"].word() or "",
        title=fields["title"].text() or "",
        profile=fields["profile"].choice(*PROFILES) or "",
        unit=fields["unit"].text() or "",
        trials=tuple(_numbers(fields["trials"].items())),
        median=number(fields["median"]),
        worst=number(fields["worst"]),
        better=fields["better"].choice(*BETTER) or "",
        limit=_limit(fields["limit"]),
        ratio_to=_ratio(fields["ratio_to"]),
        ok=truth(fields["ok"]),
        note=fields["note"].text() or "",
    )


def _limit(value: Value) -> Bounds | None:
    if value.raw is None:
        return None
    fields = value.section("max", "min")
    return Bounds(**_bounds(value, fields))


def _ratio(value: Value) -> Ratio | None:
    if value.raw is None:
        return None
    fields = value.section("profile", "max", "min", required=("profile",))
    return Ratio(**_bounds(value, fields), profile=fields["profile"].choice(*PROFILES) or "")


def _bounds(value: Value, fields: Mapping[str, Value]) -> dict[str, float | None]:
    lowest, highest = number(fields["min"]), number(fields["max"])
    if fields["min"].raw is None and fields["max"].raw is None:
        value.wrong("bounds nothing", "write max, min or both; or null for no bound")
    elif lowest is not None and highest is not None and lowest > highest:
        value.wrong("nothing keeps to it", "min can't be more than max")
    return {"min": lowest, "max": highest}


def _timeline(value: Value, required: tuple[str, ...] = ()) -> Timeline:
    fields = value.section(*TIMELINE, required=(*required, "bin_ms", "start_ms", "series"))
    width = number(fields["bin_ms"])
    if width is not None and not SHORTEST_BIN <= width <= LONGEST_BIN:
        fields["bin_ms"].wrong("is no width of a bin", f"use {SHORTEST_BIN} to {LONGEST_BIN} ms")
    start = number(fields["start_ms"])
    if start is not None and abs(start) > FURTHEST:
        fields["start_ms"].wrong("is more than a day from the fault", "write ms, the fault being at 0")
    series = tuple(_series(item) for item in fields["series"].items())
    lengths = sorted({len(one.counts) for one in series})
    if lengths in ([], [0]):
        fields["series"].problems.add(
            value.host, fields["series"].key, "", "has no counts", "give a count per bin"
        )
    elif len(lengths) > 1:
        seen = " and ".join(f"{length} counts" for length in lengths)
        value.problems.add(
            value.host, fields["series"].key, seen, "flows differ in length", "all need as many bins"
        )
    return Timeline(
        bin_ms=width or 1,
        start_ms=start or 0,
        series=series,
        events=tuple(_event(item) for item in fields["events"].items()),
        case=fields["case"].word() or "",
        profile=fields["profile"].choice(*PROFILES) or "",
        trial=fields["trial"].integer(1, 1_000_000),
    )


def _series(value: Value) -> FlowSeries:
    fields = value.section("flow", "counts", required=("flow",))
    raw = fields["counts"].raw
    if not isinstance(raw, list):
        fields["counts"].wrong("is not a list", "write a count per bin")
        return FlowSeries("", ())
    # the first wrong one stands for all: there may be thousands
    bad = next((index for index, item in enumerate(raw) if not count(item)), None)
    if bad is not None:
        wrong = Value(value.host, f"{value.key}.counts[{bad}]", raw[bad], value.problems)
        wrong.wrong("is no count", "write a whole number, 0 or more")
        return FlowSeries("", ())
    return FlowSeries(fields["flow"].text() or "", tuple(raw))


def _event(value: Value) -> TimelineEvent:
    fields = value.section("at_ms", "what", required=("at_ms", "what"))
    return TimelineEvent(number(fields["at_ms"]) or 0, fields["what"].text() or "")


def _fault(value: Value) -> Fault:
    fields = value.section(*FAULT, required=("name", "title", "result"))
    timeline = fields["timeline"]
    return Fault(
        name=fields["name"].word() or "",
        title=fields["title"].text() or "",
        result=fields["result"].choice(*RESULTS) or "",
        checks=tuple(_check(item) for item in fields["checks"].items()),
        seconds=number(fields["seconds"]),
        note=fields["note"].text() or "",
        timeline=None if timeline.raw is None else _timeline(timeline),
    )


def _check(value: Value) -> CheckResult:
    fields = value.section("name", "expected", "seen", "ok", required=("name", "expected", "ok"))
    return CheckResult(
        name=fields["name"].text() or "",
        expected=plain(fields["expected"]),
        seen=plain(fields["seen"]),
        ok=truth(fields["ok"]) or False,
    )


def _numbers(values: Iterable[Value]) -> list[float]:
    found = [number(value) for value in values]
    return [item for item in found if item is not None]
