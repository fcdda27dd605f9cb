# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things are in a chart that compares profiles, in per cent of its width: it fits any screen."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ansible_collections.ftfw.pair.plugins.plugin_utils.page.types import OURS, Bounds, Case, Document
from ansible_collections.ftfw.pair.plugins.plugin_utils.page.words import figure

LOG_FROM = 30.0
"""The ratio of largest to smallest from which a linear axis would leave nothing of the smaller ones."""
ZERO_ZONE = 8.0
"""The width that a logarithmic axis keeps for values of 0, which it can't have."""
SMALLEST = 1e-9
"""Anything nearer to 0 is drawn at the lower end of a logarithmic axis."""
STEPS = (1, 2, 5, 10)
MOST_TICKS = 6
APART = 14.0
"""Per cent of the width that two labels of a logarithmic axis need between them."""
DOT_ROWS = 5


@dataclass(frozen=True)
class Tick:
    x: str
    label: str
    anchor: str


@dataclass(frozen=True)
class Scale:
    low: float
    high: float
    log: bool = False
    zero_zone: float = 0
    whole: bool = False
    """Only whole numbers make sense on it."""

    def position(self, value: float) -> float:
        if not self.log:
            return 100 * (value - self.low) / (self.high - self.low)
        if value <= 0:
            return 0.0
        share = math.log(value / self.low) / math.log(self.high / self.low) if value > self.low else 0.0
        return self.zero_zone + (100 - self.zero_zone) * min(share, 1.0)

    def ticks(self) -> list[Tick]:
        """Ticks at round numbers, with room for their labels on a phone."""
        values = self._log_ticks() if self.log else self._linear_ticks()
        return [
            Tick(percent(self.position(value)), figure(value), _anchor(self.position(value)))
            for value in values
        ]

    def _linear_ticks(self) -> list[float]:
        step = step_of((self.high - self.low) / (MOST_TICKS - 1), self.whole)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [tidy(index * step) for index in range(first, last + 1)]

    def _log_ticks(self) -> list[float]:
        lowest, highest = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        every = math.ceil((highest - lowest) / (MOST_TICKS - 1))
        zero = [0.0] if self.zero_zone else []
        values: list[float] = []
        for steps in ((1, 2, 5), (1, 5), (1,)):
            powers = range(lowest, highest + 1, every)
            round_numbers = [tidy(step * 10.0**power) for power in powers for step in steps]
            values = [value for value in round_numbers if self.low * 0.999 <= value <= self.high * 1.001]
            places = [self.position(value) for value in zero + values]
            if all(right - left >= APART for left, right in zip(places, places[1:])):
                break
        return zero + values


@dataclass(frozen=True)
class Dot:
    x: str
    y: str
    label: str


@dataclass(frozen=True)
class ChartRow:
    """One profile's bar (the median), its dots (the trials) and its lines (the limits)."""

    case: Case
    ours: bool
    bar_x: str
    bar_width: str
    dots: list[Dot]
    lines: list[str]


@dataclass(frozen=True)
class Chart:
    rows: list[ChartRow]
    ticks: list[Tick]
    log: bool


def chart(document: Document, name: str) -> Chart:
    cases = document.named(name)
    values = [value for case in cases for value in (*case.trials, *_limits(document, case))]
    scale = scale_of(values)
    return Chart([_row(document, case, scale) for case in cases], scale.ticks(), scale.log)


def scale_of(values: Iterable[float]) -> Scale:
    """Choose an axis on which every value can be told from every other by eye."""
    known = list(values) or [0.0]
    positive = [max(value, SMALLEST) for value in known if value > 0]
    if positive and min(known) >= 0 and max(positive) / min(positive) > LOG_FROM:
        # lower than the least value, or that would have a bar without length
        low = floor_of(min(positive) / 1.5)
        return Scale(low, ceiling_of(max(positive)), True, ZERO_ZONE if 0 in known else 0.0)
    lowest, highest = min(0.0, *known), max(0.0, *known)
    whole = all(float(value).is_integer() for value in known)
    if highest - lowest < SMALLEST:
        return Scale(0.0, 1.0, whole=whole)
    step = step_of((highest - lowest) / (MOST_TICKS - 1), whole)
    low, high = math.floor(lowest / step) * step, math.ceil(highest / step - 1e-9) * step
    return Scale(low, high, whole=whole)


def step_of(least: float, whole: bool = False) -> float:
    """The round number (1, 2 or 5 times a power of ten) at or above this one."""
    return max(ceiling_of(least), 1.0 if whole else 0.0)


def ceiling_of(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return next(tidy(step * power) for step in STEPS if step * power >= value * (1 - 1e-9))


def floor_of(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return max(
        [tidy(step * power) for step in STEPS if step * power <= value * (1 + 1e-9)], default=tidy(power)
    )


def tidy(value: float) -> float:
    """The number without the noise of binary fractions."""
    return float(f"{value:.12g}")


def percent(position: float) -> str:
    return f"{min(max(position, 0.0), 100.0):.4g}%"


def _anchor(position: float) -> str:
    return "start" if position < 5 else "end" if position > 95 else "middle"


def _limits(document: Document, case: Case) -> list[float]:
    """The bounds of a case as figures on its axis."""
    reference = document.reference(case)
    units: list[tuple[Bounds | None, float | None]] = [(case.limit, 1.0), (case.ratio_to, reference)]
    return [
        tidy(bound * unit)
        for limit, unit in units
        if limit is not None and unit is not None
        for bound in (limit.max, limit.min)
        if bound is not None
    ]


def _row(document: Document, case: Case, scale: Scale) -> ChartRow:
    start = scale.position(0 if not scale.log or scale.zero_zone else scale.low)
    end = scale.position(case.median) if case.median is not None else start
    dots = [
        Dot(percent(scale.position(value)), f"{6 + 4 * (index % DOT_ROWS)}", f"{index + 1}: {figure(value)}")
        for index, value in enumerate(case.trials)
    ]
    lines = [percent(scale.position(value)) for value in _limits(document, case)]
    return ChartRow(
        case, case.profile in OURS, percent(min(start, end)), percent(abs(end - start)), dots, lines
    )
