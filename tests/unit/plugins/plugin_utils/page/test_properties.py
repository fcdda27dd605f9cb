# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a valid document has in it, its page is well-formed and its figures are in it."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.page.document import DocumentError, dump, load
from ansible_collections.ftfw.pair.plugins.plugin_utils.page.page import page
from ansible_collections.ftfw.pair.plugins.plugin_utils.page.types import PROFILES, median_and_worst
from ansible_collections.ftfw.pair.plugins.plugin_utils.page.words import exact
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Json = dict[str, Any]
TEXTS = st.text(min_size=1, max_size=30)
NUMBERS = st.one_of(
    st.integers(-(10**15), 10**15),
    st.floats(-1e15, 1e15, allow_subnormal=True),
    st.sampled_from([0, -0.0, 1e-9, 5e-324, 1e15, 0.1]),
)
TRIALS: st.SearchStrategy[list[float]] = st.one_of(
    st.lists(NUMBERS, min_size=1, max_size=9),
    st.lists(st.floats(0, 1e6), min_size=1, max_size=9),
    st.just([]),
)
VOID = ("meta", "link")


@st.composite
def bounds(draw: st.DrawFn) -> Json | None:
    low, high = sorted([draw(NUMBERS), draw(NUMBERS)])
    return draw(st.sampled_from([None, {"max": high}, {"min": low}, {"min": low, "max": high}]))


@st.composite
def cases(draw: st.DrawFn) -> list[Json]:
    rows = []
    for number in range(draw(st.integers(1, 3))):
        shared = {"name": f"case-{number}", "title": draw(TEXTS), "unit": draw(TEXTS)}
        better = draw(st.sampled_from(["lower", "higher"]))
        for profile in draw(st.lists(st.sampled_from(list(PROFILES)), min_size=1, unique=True)):
            trials, ratio = draw(TRIALS), draw(bounds())
            middle, worst = median_and_worst(trials, better)
            rows.append(
                {
                    **shared,
                    "better": better,
                    "profile": profile,
                    "trials": trials,
                    "median": middle,
                    "worst": worst,
                    "limit": draw(bounds()),
                    "ratio_to": {**ratio, "profile": draw(st.sampled_from(list(PROFILES)))}
                    if ratio
                    else None,
                    "ok": draw(st.sampled_from([None, False])),
                    "note": draw(TEXTS),
                }
            )
    return rows


@st.composite
def timelines(draw: st.DrawFn) -> Json:
    width = draw(st.one_of(st.sampled_from([0.01, 1, 10, 60_000]), st.floats(0.01, 60_000)))
    start = draw(st.one_of(st.integers(-5000, 0), st.floats(-8e7, 8e7)))
    bins = draw(st.integers(1, 40))
    repeat = draw(st.sampled_from([1, 30]))
    counts = st.lists(st.integers(0, 20) | st.just(10**15), min_size=bins, max_size=bins)
    flows = draw(st.lists(TEXTS, min_size=1, max_size=3))
    shares = draw(st.lists(st.floats(0, 1), max_size=5))
    length = bins * repeat * width
    return {
        "bin_ms": width,
        "start_ms": start,
        "series": [{"flow": flow, "counts": draw(counts) * repeat} for flow in flows],
        "events": [
            {"at_ms": min(max(start + share * length, start), start + length), "what": draw(TEXTS)}
            for share in shares
        ],
    }


@st.composite
def documents(draw: st.DrawFn) -> Json:
    shared: Json = {
        "title": draw(TEXTS),
        "site": draw(TEXTS),
        "created": "2025-01-31T12:00:00+00:00",
        "machine": draw(
            st.dictionaries(TEXTS, st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS), max_size=4)
        ),
        "cases": draw(cases()),
    }
    if draw(st.booleans()):
        rows = [row for row in shared["cases"] if row["trials"]]
        shown = [
            {
                "case": row["name"],
                "profile": row["profile"],
                "trial": draw(st.integers(1, len(row["trials"]))),
                **draw(timelines()),
            }
            for row in rows[:3]
        ]
        return {**shared, "kind": "bench", "timelines": shown}
    check = st.fixed_dictionaries({"name": TEXTS, "expected": TEXTS, "seen": TEXTS, "ok": st.just(True)})
    faults = [
        {
            "name": f"fault-{number}",
            "title": draw(TEXTS),
            "result": draw(st.sampled_from(["ok", "failed"])),
            "checks": draw(st.lists(check, min_size=1, max_size=3)),
            "seconds": draw(st.none() | st.floats(0, 1e6)),
            "note": draw(TEXTS),
            "timeline": draw(st.none() | timelines()),
        }
        for number in range(draw(st.integers(1, 3)))
    ]
    return {**shared, "kind": "drill", "faults": faults}


class Balance(HTMLParser):
    """Fails where an element isn't closed, or another one is."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag != "script"
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ("line", "rect", "circle", "path")
        for name, value in attrs:
            if name in ("x", "x1", "x2", "cx", "width") and value and value.endswith("%"):
                assert 0 <= float(value[:-1]) <= 100, (tag, name, value)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(documents())
def test_any_document_has_a_page(raw: Json) -> None:
    document = load(raw)
    text = page(document)
    assert text.encode()
    read = Balance(text)
    for case in document.cases:
        for value in (*case.trials, case.median, case.worst):
            assert exact(value) in read.text
    assert load(json.loads(json.dumps(dump(document)))) == document


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(documents(), st.data())
def test_any_damage_is_an_error_that_names_its_key(raw: Json, data: st.DataObject) -> None:
    """Whatever is put in the place of a value: the document is good or refused, with no other error."""
    places: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        items = (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        )
        for key, item in items:
            places.append((value, key))
            walk(item)

    walk(raw)
    container, key = data.draw(st.sampled_from(places))
    container[key] = data.draw(
        st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS, st.just([]), st.just({}), st.just([[]]))
    )
    try:
        document = load(raw)
    except DocumentError as error:
        assert error.problems.lines()
        assert all(problem.key for problem in error.problems)
    else:
        Balance(page(document))
