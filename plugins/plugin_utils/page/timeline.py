# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a timeline shows: how much of each flow arrived when, and for how long nothing did."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from ansible_collections.ftfw.pair.plugins.plugin_utils.page.chart import Scale, percent, step_of, tidy
from ansible_collections.ftfw.pair.plugins.plugin_utils.page.types import FlowSeries, Timeline
from ansible_collections.ftfw.pair.plugins.plugin_utils.page.words import MINUS, duration, exact, figure

COLUMNS = 360
"""Of a strip at most; more would make the page large. Silence is drawn apart, exactly."""
HEIGHT = 20
CLIP = 3
"""Bursts are cut off at this multiple of the usual amount, or a single one would flatten all the rest."""
TICKS = 5
LANES = 3
LABEL_WIDTH = 5.0
"""Per cent of the width that the number of an event takes."""


@dataclass(frozen=True)
class Silence:
    """The longest time without a packet, to the width of a bin."""

    start_ms: float
    end_ms: float
    for_good: bool
    """Nothing came any more until the timeline ended."""

    @property
    def length_ms(self) -> float:
        return tidy(self.end_ms - self.start_ms)

    def told(self) -> str:
        span = f"{duration(self.length_ms)} without a packet, from {duration(self.start_ms)}"
        return f"{span} until the end" if self.for_good else f"{span} to {duration(self.end_ms)}"


@dataclass(frozen=True)
class Strip:
    flow: str
    x: str
    width: str
    end: str
    columns: str
    path: str
    gap_x: str
    gap_width: str
    told: str
    silent: bool


@dataclass(frozen=True)
class Mark:
    x: str
    lane: int
    number: int
    told: str


@dataclass(frozen=True)
class Plot:
    """A timeline as it is drawn; positions are per cent of the width."""

    timeline: Timeline
    strips: list[Strip]
    marks: list[Mark]
    ticks: list[tuple[str, str, str]]
    lanes: int
    told: str


def silence(timeline: Timeline, series: FlowSeries) -> Silence | None:
    """Find the longest silence after the first packet, unless the flow is always as sparse as that."""
    arrived = [index for index, number in enumerate(series.counts) if number]
    if not arrived:
        return Silence(timeline.start_ms, timeline.end_ms, True)
    between = [(later - earlier - 1, earlier + 1) for earlier, later in zip(arrived, arrived[1:])]
    usual = median(length for length, _first in between) if between else 0
    tail = (timeline.bins - 1 - arrived[-1], arrived[-1] + 1)
    length, first = max([*between, tail], key=lambda gap: gap[0])
    if length < 1 + 2 * usual:
        return None
    start = timeline.start_ms + first * timeline.bin_ms
    return Silence(tidy(start), tidy(start + length * timeline.bin_ms), (length, first) == tail)


def longest(timeline: Timeline) -> float:
    """The longest silence of all flows in ms."""
    found = [silence(timeline, series) for series in timeline.series]
    return max((one.length_ms for one in found if one is not None), default=0.0)


def whole_span(timelines: Iterable[Timeline]) -> tuple[float, float]:
    """The time in which any of these has bins."""
    known = list(timelines)
    return min(one.start_ms for one in known), max(one.end_ms for one in known)


def closer_span(timeline: Timeline) -> tuple[float, float]:
    """The time from the first event to the end of all silences, with something of before and after."""
    found = [silence(timeline, series) for series in timeline.series]
    moments = [event.at_ms for event in timeline.events]
    for one, series in zip(found, timeline.series):
        if one is not None and any(series.counts):
            moments += [one.start_ms, one.end_ms]
    if not moments:
        return timeline.start_ms, timeline.end_ms
    margin = max(0.4 * (max(moments) - min(moments)), 20 * timeline.bin_ms)
    # whole bins, or what is drawn of them would be beside the time axis
    first = math.floor((min(moments) - margin - timeline.start_ms) / timeline.bin_ms)
    last = math.ceil((max(moments) + margin - timeline.start_ms) / timeline.bin_ms)
    return (
        timeline.start_ms + max(first, 0) * timeline.bin_ms,
        timeline.start_ms + min(last, timeline.bins) * timeline.bin_ms,
    )


def plot(timeline: Timeline, span: tuple[float, float]) -> Plot:
    scale = Scale(*span)
    strips = [_strip(timeline, series, scale) for series in timeline.series]
    marks = _marks(timeline, scale)
    told = "; ".join([*(f"{strip.flow}: {strip.told}" for strip in strips), *(mark.told for mark in marks)])
    lanes = max((mark.lane for mark in marks), default=-1) + 1
    return Plot(timeline, strips, marks, _ticks(scale), lanes, told)


def _strip(timeline: Timeline, series: FlowSeries, scale: Scale) -> Strip:
    first = max(0, math.floor((scale.low - timeline.start_ms) / timeline.bin_ms + 1e-6))
    last = min(timeline.bins, math.ceil((scale.high - timeline.start_ms) / timeline.bin_ms - 1e-6))
    shown = series.counts[first:last]
    per_column = max(1, math.ceil(len(shown) / COLUMNS))
    means = [
        sum(part) / len(part)
        for part in (shown[index : index + per_column] for index in range(0, len(shown), per_column))
    ]
    start = timeline.start_ms + first * timeline.bin_ms
    end = start + len(shown) * timeline.bin_ms
    x, width = _extent(scale, start, end)
    gap = silence(timeline, series)
    gap_x, gap_width = _extent(scale, gap.start_ms, gap.end_ms) if gap else ("0%", "0%")
    told = gap.told() if gap else f"no silence of a bin ({duration(timeline.bin_ms)}) or more than usual"
    if not any(series.counts):
        told = "nothing arrived in all the time"
    return Strip(
        flow=series.flow,
        x=x,
        width=width,
        end=percent(scale.position(end)),
        columns=f"{len(shown) / per_column:.6g}",
        path=_path(means),
        gap_x=gap_x,
        gap_width=gap_width,
        told=f"{told}; {figure(sum(series.counts))} packets",
        silent=gap is not None,
    )


def _extent(scale: Scale, start: float, end: float) -> tuple[str, str]:
    left, right = (min(max(scale.position(moment), 0.0), 100.0) for moment in (start, end))
    return percent(left), percent(right - left)


def _path(means: Sequence[float]) -> str:
    """An SVG path of steps: HEIGHT is the ground, 0 the top; equal neighbours are joined."""
    some = [mean for mean in means if mean > 0]
    if not some:
        return ""
    top = min(max(some), CLIP * median(some))
    heights = [max(1, round(HEIGHT * min(mean / top, 1))) if mean > 0 else 0 for mean in means]
    parts, run = [f"M0 {HEIGHT}"], 0
    for index, height in enumerate(heights):
        if not run:
            parts.append(f"V{HEIGHT - height}")
        run += 1
        if index + 1 == len(heights) or heights[index + 1] != height:
            parts.append(f"h{run}")
            run = 0
    return "".join([*parts, f"V{HEIGHT}z"])


def _marks(timeline: Timeline, scale: Scale) -> list[Mark]:
    """Number the events in their order, in as many lanes as keep the numbers apart."""
    ends = [-LABEL_WIDTH] * LANES
    marks = []
    for number, event in enumerate(sorted(timeline.events, key=lambda event: event.at_ms), 1):
        position = scale.position(event.at_ms)
        lane = next((lane for lane in range(LANES) if ends[lane] + LABEL_WIDTH <= position), LANES - 1)
        ends[lane] = position
        marks.append(Mark(percent(position), lane, number, f"{event.what} at {exact(event.at_ms)} ms"))
    return marks


def _ticks(scale: Scale) -> list[tuple[str, str, str]]:
    """Position, label and anchor of round times, all in the same unit."""
    span = scale.high - scale.low
    step = step_of(span / TICKS)
    factor, unit = (1000, "s") if span >= 2000 else (1, "ms")
    moments = [
        tidy(index * step) for index in range(math.ceil(scale.low / step), math.floor(scale.high / step) + 1)
    ]
    ticks = []
    for moment in moments:
        position = scale.position(moment)
        anchor = "start" if position < 4 else "end" if position > 94 else "middle"
        label = f"{moment / factor:g}".replace("-", MINUS, 1)
        ticks.append((percent(position), label, anchor))
    if ticks:
        ticks[-1] = (ticks[-1][0], f"{ticks[-1][1]} {unit}", ticks[-1][2])
    return ticks
