# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The typed form of what a bench or a drill has measured. docs/report.md describes the same as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median
from typing import Union

KINDS = ("bench", "drill")
PROFILES = {
    "manual": "the manual's settings",
    "stock": "keepalived's own defaults",
    "default": "this collection's defaults",
    "fast": "this collection's fastest settings, which a site has to ask for",
}
"""In the order in which they are compared. The last two are ours."""
OURS = ("default", "fast")
BETTER = ("lower", "higher")
OK, FAILED, NOT_APPLICABLE = "ok", "failed", "not applicable"
RESULTS = (OK, FAILED, NOT_APPLICABLE)
Scalar = Union[str, int, float, bool, None]


def median_and_worst(trials: Sequence[float], better: str) -> tuple[float | None, float | None]:
    """Return what a document must have as a case's median and worst; both are None without trials."""
    if not trials:
        return None, None
    return median(trials), max(trials) if better == "lower" else min(trials)


@dataclass(frozen=True)
class Bounds:
    """What a figure must keep to; at least one of the two is given."""

    max: float | None = None
    min: float | None = None

    def hold(self, value: float, unit: float = 1) -> bool:
        """Tell whether the value keeps to these bounds, taken as multiples of the unit."""
        return (self.max is None or value <= self.max * unit) and (
            self.min is None or value >= self.min * unit
        )


@dataclass(frozen=True)
class Ratio(Bounds):
    """Bounds of the case's median, as multiples of another profile's median of the same case."""

    profile: str = "manual"


@dataclass(frozen=True)
class Case:
    """One figure of one profile, with all its trials in the order in which they ran."""

    name: str
    title: str
    profile: str
    unit: str
    trials: tuple[float, ...]
    median: float | None
    worst: float | None
    better: str
    limit: Bounds | None = None
    ratio_to: Ratio | None = None
    ok: bool | None = None
    note: str = ""


@dataclass(frozen=True)
class FlowSeries:
    """What arrived of one flow, per bin."""

    flow: str
    counts: tuple[int, ...]


@dataclass(frozen=True)
class TimelineEvent:
    at_ms: float
    what: str


@dataclass(frozen=True)
class Timeline:
    """What arrived around a fault. Bin i lasts from start_ms + i * bin_ms on; the fault is at 0 ms."""

    bin_ms: float
    start_ms: float
    series: tuple[FlowSeries, ...]
    events: tuple[TimelineEvent, ...] = ()
    case: str = ""
    profile: str = ""
    trial: int | None = None

    @property
    def bins(self) -> int:
        return len(self.series[0].counts)

    @property
    def end_ms(self) -> float:
        return self.start_ms + self.bins * self.bin_ms


@dataclass(frozen=True)
class CheckResult:
    name: str
    expected: str
    seen: str
    ok: bool


@dataclass(frozen=True)
class Fault:
    """A row of the drill."""

    name: str
    title: str
    result: str
    checks: tuple[CheckResult, ...] = ()
    seconds: float | None = None
    note: str = ""
    timeline: Timeline | None = None


@dataclass(frozen=True)
class Document:
    """What a page is made of. A drill has faults; a bench has cases."""

    kind: str
    title: str
    site: str
    created: datetime
    machine: Mapping[str, Scalar] = field(default_factory=dict)
    cases: tuple[Case, ...] = ()
    timelines: tuple[Timeline, ...] = ()
    faults: tuple[Fault, ...] = ()

    def named(self, name: str) -> list[Case]:
        """The case of this name in all profiles, in the order in which profiles are compared."""
        order = list(PROFILES)
        return sorted(
            (case for case in self.cases if case.name == name), key=lambda case: order.index(case.profile)
        )

    @property
    def case_names(self) -> list[str]:
        return list(dict.fromkeys(case.name for case in self.cases))

    def reference(self, case: Case) -> float | None:
        """The median that the case's ratio refers to, of the trials themselves; None when there are none."""
        if case.ratio_to is None:
            return None
        profile = case.ratio_to.profile
        trials = [other.trials for other in self.named(case.name) if other.profile == profile]
        return median_and_worst(trials[0], case.better)[0] if trials else None
