# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things are drawn: axes, silences, events."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.page.chart import chart, scale_of
from ansible_collections.ftfw.pair.plugins.plugin_utils.page.document import load
from ansible_collections.ftfw.pair.plugins.plugin_utils.page.timeline import (
    closer_span,
    longest,
    plot,
    silence,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.page.types import FlowSeries, Timeline, TimelineEvent

STEADY = [10] * 5


@pytest.mark.parametrize(
    ("values", "log", "labels"),
    [
        pytest.param([20, 70, 64], False, ["0", "20", "40", "60", "80"], id="linear"),
        pytest.param([1, 30], False, ["0", "10", "20", "30"], id="30 times is linear"),
        pytest.param([50, 9000], True, ["100", "1,000", "10,000"], id="logarithmic"),
        pytest.param([0, 3, 9000], True, ["0", "10", "100", "1,000", "10,000"], id="with zero"),
        pytest.param([3, 100], True, ["2", "5", "10", "20", "50", "100"], id="few decades"),
        pytest.param([0, 0], False, ["0", "1"], id="only zero"),
        pytest.param([0, 1], False, ["0", "1"], id="no halves of whole things"),
        pytest.param([0.5, 1], False, ["0", "0.2", "0.4", "0.6", "0.8", "1"], id="fractions"),
        pytest.param([-1, 2], False, ["\N{MINUS SIGN}1", "0", "1", "2"], id="negative"),
    ],
)
def test_axis(values: list[float], log: bool, labels: list[str]) -> None:
    scale = scale_of(values)
    assert scale.log is log
    assert [tick.label for tick in scale.ticks()][: len(labels)] == labels
    positions = [scale.position(value) for value in sorted(values)]
    assert positions == sorted(positions)
    assert positions[0] >= 0
    assert positions[-1] <= 100


def test_limits_are_drawn_where_they_are(bench: dict[str, Any]) -> None:
    gap = chart(load(bench), "crash_udp_gap_ms")
    manual, _stock, ours, fast = gap.rows
    assert manual.lines == []
    assert len(ours.lines) == 2
    assert ours.lines[0] == fast.lines[0]
    scale = scale_of([*(value for row in gap.rows for value in row.case.trials), 300])
    assert ours.lines[0] == f"{scale.position(300):.4g}%"
    assert ours.lines[1] == f"{scale.position(0.04 * (manual.case.median or 0)):.4g}%"
    assert [len(row.dots) for row in gap.rows] == [7, 7, 7, 7]


def timeline(counts: list[int], *events: float) -> Timeline:
    return Timeline(
        10, -50, (FlowSeries("udp", tuple(counts)),), tuple(TimelineEvent(at, "cut") for at in events)
    )


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        pytest.param([*STEADY, 0, 0, 0, *STEADY], (0, 30, False), id="gap"),
        pytest.param([*STEADY, 0, 10, 0, 0, 10], (20, 40, False), id="the longest"),
        pytest.param([*STEADY, 0, 0], (0, 20, True), id="for good"),
        pytest.param([0, 0, 0, *STEADY], None, id="not yet begun"),
        pytest.param(STEADY, None, id="none"),
        pytest.param([0, 0, 0], (-50, -20, True), id="nothing at all"),
        pytest.param([1, 0, 0, 1, 0, 0, 1, 0, 0, 1], None, id="sparse"),
        pytest.param([1, 0, 0, 1, 0, 0, 1, *[0] * 8, 1], (20, 100, False), id="more than usual"),
    ],
)
def test_silence(counts: list[int], expected: tuple[float, float, bool] | None) -> None:
    one = timeline(counts)
    found = silence(one, one.series[0])
    assert (found and (found.start_ms, found.end_ms, found.for_good)) == expected
    assert longest(one) == (expected[1] - expected[0] if expected else 0)


def test_a_short_silence_is_drawn_though_its_bin_is_not() -> None:
    """12 s in 360 columns: one empty bin of 1200 is less than a column, and is drawn by itself."""
    one = timeline([10] * 600 + [0] + [10] * 599, 0)
    strip = plot(one, (one.start_ms, one.end_ms)).strips[0]
    assert (strip.gap_x, strip.gap_width) == ("50%", "0.08333%")
    assert "10 ms without a packet, from 5.95 s to 5.96 s; 11,990 packets" in strip.told.replace(
        "\N{NO-BREAK SPACE}", " "
    )


def test_path_is_the_counts() -> None:
    one = timeline([10, 10, 0, 5, 100])
    strip = plot(one, (one.start_ms, one.end_ms)).strips[0]
    assert strip.path == "M0 20V13h2V20h1V17h1V0h1V20z"
    assert strip.columns == "5"


def test_closer_shows_the_silence_in_whole_bins() -> None:
    one = timeline([10] * 100 + [0] * 20 + [10] * 1000, 953.0)
    first, last = closer_span(one)
    assert (first, last) == (750, 1350)
    assert plot(one, (first, last)).ticks[-1][1].endswith(" ms")


def test_events_that_are_close_keep_their_numbers_apart() -> None:
    one = timeline([10] * 1000, 0, 1, 2, 5000)
    drawn = plot(one, (one.start_ms, one.end_ms))
    assert [(mark.number, mark.lane) for mark in drawn.marks] == [(1, 0), (2, 1), (3, 2), (4, 0)]
    assert drawn.lanes == 3
