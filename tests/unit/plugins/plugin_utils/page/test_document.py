# SPDX-License-Identifier: GPL-3.0-or-later
"""A document is taken as it is, or refused with the key that is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.page.document import DocumentError, dump, load
from ansible_collections.ftfw.pair.plugins.plugin_utils.page.types import median_and_worst

Json = dict[str, Any]


@pytest.mark.parametrize("kind", ["bench", "drill"])
def test_round_trip(kind: str, request: pytest.FixtureRequest) -> None:
    document = load(request.getfixturevalue(kind))
    assert load(json.loads(json.dumps(dump(document)))) == document


@pytest.mark.parametrize(
    ("trials", "better", "expected"),
    [
        pytest.param([3, 1, 2], "lower", (2, 3), id="odd"),
        pytest.param([3, 1, 2, 2.5], "lower", (2.25, 3), id="even"),
        pytest.param([70, 69, 70], "higher", (70, 69), id="higher"),
        pytest.param([], "lower", (None, None), id="none"),
    ],
)
def test_median_and_worst(trials: list[float], better: str, expected: tuple[float, float]) -> None:
    assert median_and_worst(trials, better) == expected


def changed(document: Json, path: str, value: object) -> Json:
    """Set the value at 'key.0.key', or remove it when the value is ... ."""
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place: Any = document
    for part in parents:
        place = place[part]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("kind", "benchmark", "bench.json: kind: benchmark: is unknown; did you mean bench?"),
        ("kind", ..., "bench.json: kind: (empty): is missing; kind is required here"),
        ("title", 5, "bench.json: title: 5: is not a text; write it in quotes"),
        ("titel", "x", "bench.json: titel: x: unknown option; did you mean title?"),
        ("created", "yesterday", "created: yesterday: is not a time"),
        ("created", "2025-01-31T12:00:00", "has no time zone; write 2025-01-31T12:00:00Z if it is UTC"),
        ("machine.cpus", [2], "machine.cpus: [2]: is not a single value"),
        ("machine", "fast", "machine: fast: is not a mapping"),
        ("cases", [], "cases: []: has nothing; a bench needs at least one"),
        ("cases.0", "x", "cases[0]: x: is not a mapping"),
        ("cases.0.profile", "defualt", "cases[0].profile: defualt: is unknown; did you mean default?"),
        ("cases.0.better", "less", "cases[0].better: less: is unknown"),
        ("cases.0.trials.1", "300", "cases[0].trials[1]: 300: is not a number"),
        ("cases.0.trials.1", True, "cases[0].trials[1]: true: is not a number"),
        ("cases.0.trials.1", float("nan"), "cases[0].trials[1]: nan: is no figure that could be measured"),
        ("cases.0.trials.1", 10**400, "is no figure that could be measured"),
        ("cases.0.median", 1, "cases[0].median: 1: does not agree with the trials; it is"),
        ("cases.0.worst", 1, "cases[0].worst: 1: does not agree with the trials; it is"),
        ("cases.0.median", None, "cases[0].median: (empty): does not agree with the trials; it is"),
        ("cases.0.median", ..., "cases[0].median: (empty): is missing"),
        ("cases.0.trials", [], "cases[0].median: 8724.5: does not agree with the trials; it is null"),
        ("cases.0.limit", {}, "cases[0].limit: {}: bounds nothing; write max, min or both"),
        ("cases.0.limit", {"max": 1, "min": 2}, "nothing keeps to it; min can't be more than max"),
        ("cases.0.limit", {"mx": 1}, "cases[0].limit.mx: 1: unknown option"),
        ("cases.2.limit", {"max": 3}, "cases[2].ok: true: the median 220.2 breaks limit; write false"),
        ("cases.2.ratio_to.max", 0.001, "cases[2].ok: true: the median 220.2 breaks ratio_to; write false"),
        ("cases.2.ok", "yes", "cases[2].ok: yes: is neither true nor false"),
        ("cases.2.ok", ..., "cases[2].ok: (empty): is missing"),
        ("cases.2.ok", False, "cases[2].note: (empty): is missing; all bounds are kept, so say why"),
        ("cases.1.profile", "manual", "cases[1]: crash_udp_gap_ms, manual: is cases[0] again"),
        ("cases.1.unit", "s", "cases[1].unit: s: differs from ms of cases[0]"),
        ("cases.1.title", "Gap", "cases[1].title: Gap: differs from"),
        ("timelines.0.case", "crash_udp_gap", "is no case of this document; did you mean crash_udp_gap_ms?"),
        ("timelines.0.trial", 8, "timelines[0].trial: 8: there are 7 trials; trials are counted from 1"),
        ("timelines.0.trial", 0, "timelines[0].trial: 0: is out of range"),
        ("timelines.0.trial", ..., "timelines[0].trial: (empty): is missing"),
        ("timelines.0.bin_ms", 0, "timelines[0].bin_ms: 0: is no width of a bin"),
        ("timelines.0.start_ms", 1e12, "timelines[0].start_ms: 1000000000000.0: is more than a day"),
        ("timelines.0.series", [], "timelines[0].series: (empty): has no counts"),
        ("timelines.0.series.1.counts", [1], "timelines[0].series: 1 counts and 1500 counts: flows differ"),
        ("timelines.0.series.1.counts.7", -1, "timelines[0].series[1].counts[7]: -1: is no count"),
        ("timelines.0.series.1.counts.7", 1.5, "timelines[0].series[1].counts[7]: 1.5: is no count"),
        ("timelines.0.events.0.at_ms", 99_999, "timelines[0].events[0].at_ms: 99999: is outside"),
        ("timelines.0.events.0.what", ..., "timelines[0].events[0].what: (empty): is missing"),
    ],
)
def test_wrong_bench(bench: Json, path: str, value: object, message: str) -> None:
    with pytest.raises(DocumentError) as raised:
        load(changed(bench, path, value), "bench.json")
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("faults", [], "faults: []: has nothing; a drill needs at least one"),
        ("kind", "bench", "faults: [{name: kill_primary"),
        (
            "faults.0.result",
            "good",
            "faults[0].result: good: is unknown; known are: failed, not applicable, ok",
        ),
        ("faults.0.checks", [], "faults[0].checks: (empty): nothing was checked"),
        ("faults.0.checks.0.ok", False, "faults[0].result: ok: a check failed: primaries; write failed"),
        ("faults.0.checks.0.ok", None, "faults[0].checks[0].ok: (empty): is missing"),
        ("faults.0.checks.0.seen", {}, "faults[0].checks[0].seen: {}: is not a single value"),
        ("faults.0.seconds", -1, "faults[0].seconds: -1: is no length of time"),
        ("faults.0.timeline.bin_ms", None, "faults[0].timeline.bin_ms: (empty): is missing"),
        ("faults.1.name", "kill_primary", "faults[1].name: kill_primary: is faults[0] again"),
        ("faults.5.checks", [], "faults[5].note: (empty): is missing; no check failed, so say why"),
        ("faults.6.note", "", "faults[6].note: (empty): is missing; say what the site lacks"),
    ],
)
def test_wrong_drill(drill: Json, path: str, value: object, message: str) -> None:
    with pytest.raises(DocumentError) as raised:
        load(changed(drill, path, value), "drill.json")
    assert message in str(raised.value)


@pytest.mark.parametrize("raw", [None, [], "bench", 5])
def test_no_object(raw: object) -> None:
    with pytest.raises(DocumentError, match=r"whole document.*is not an object"):
        load(raw)


def test_all_errors_in_one_run(bench: Json) -> None:
    bench["cases"][0]["median"] = 1
    bench["cases"][5]["worst"] = 1
    bench["timelines"][2]["trial"] = 99
    with pytest.raises(DocumentError) as raised:
        load(bench)
    assert [problem.key for problem in raised.value.problems] == [
        "cases[0].median",
        "cases[5].worst",
        "timelines[2].trial",
    ]


def test_verdict_needs_the_profile_that_it_is_compared_with(bench: Json) -> None:
    del bench["cases"][0]
    bench["timelines"] = []
    with pytest.raises(DocumentError, match=r"cases\[1\].ratio_to.profile: manual: was not measured"):
        load(bench)


def test_what_could_not_be_measured(bench: Json) -> None:
    bench["cases"][3].update(trials=[], median=None, worst=None, ok=None, note="no real-time rights")
    bench["timelines"] = []
    assert load(bench).cases[3].median is None
    bench["cases"][3]["note"] = ""
    with pytest.raises(DocumentError, match="without trials, say why nothing was measured"):
        load(bench)
