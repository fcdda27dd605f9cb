# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes one HTML page of a result document: no network, no script, no font of its own.

Jinja2 with inline SVG, because it is there wherever Ansible is: pygal refers to scripts on another host and
knows no dots over bars, Altair carries a megabyte of script, and matplotlib's text neither wraps nor follows
a dark screen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.ftfw.pair.plugins.plugin_utils.page import words
from ansible_collections.ftfw.pair.plugins.plugin_utils.page.chart import Chart, chart
from ansible_collections.ftfw.pair.plugins.plugin_utils.page.timeline import (
    HEIGHT,
    Plot,
    closer_span,
    longest,
    plot,
    whole_span,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.page.types import (
    FAILED,
    PROFILES,
    Case,
    Document,
    Fault,
    Timeline,
)
from jinja2 import Environment, FileSystemLoader, StrictUndefined

UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
"""What HTML doesn't allow (or UTF-8 can't write); the replacement character is shown instead."""
TEMPLATES = Environment(
    # nosec: autoescape is on for every template
    autoescape=True,
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters.update(
    exact=words.exact, figure=words.figure, amount=words.amount, limits=words.limits, duration=words.duration
)


@dataclass(frozen=True)
class CaseView:
    """One case in all profiles."""

    anchor: str
    first: Case
    """What is the same in all profiles: title, unit, what is better."""
    by_profile: dict[str, Case]
    chart: Chart
    described: dict[str, str]
    ratios: dict[str, str]


@dataclass(frozen=True)
class TimelineView:
    """The timelines of one case: the worst of each profile on one axis, then each one closer."""

    title: str
    compared: list[Plot]
    closer: list[Plot]


@dataclass(frozen=True)
class FaultView:
    anchor: str
    fault: Fault
    plots: list[Plot]


def page(document: Document) -> str:
    """Return the page's text. It depends on nothing but the document."""
    colour, sentence = words.verdict(document)
    text = TEMPLATES.get_template("page.html.j2").render(
        document=document,
        created=document.created.strftime("%Y-%m-%d %H:%M:%S %Z").strip(),
        colour=colour,
        sentence=sentence,
        marks=words.MARKS,
        profiles={name: told for name, told in PROFILES.items() if name in _profiles(document)},
        cases=[_case(document, index, name) for index, name in enumerate(document.case_names)],
        failed=[case for case in document.cases if case.ok is False],
        failed_faults=[fault for fault in document.faults if fault.result == FAILED],
        timelines=[_timelines(document, name) for name in _with_timelines(document)],
        faults=[_fault(index, fault) for index, fault in enumerate(document.faults)],
        strip_height=HEIGHT,
    )
    return UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def _profiles(document: Document) -> set[str]:
    return {case.profile for case in document.cases}


def _case(document: Document, index: int, name: str) -> CaseView:
    cases = document.named(name)
    return CaseView(
        anchor=f"case-{index}",
        first=cases[0],
        by_profile={case.profile: case for case in cases},
        chart=chart(document, name),
        described={case.profile: words.described(document, case) for case in cases},
        ratios={case.profile: words.ratio(document, case) for case in cases},
    )


def _with_timelines(document: Document) -> Iterable[str]:
    present = {timeline.case for timeline in document.timelines}
    return [name for name in document.case_names if name in present]


def _timelines(document: Document, name: str) -> TimelineView:
    order = list(PROFILES)
    timelines = sorted(
        (timeline for timeline in document.timelines if timeline.case == name),
        key=lambda timeline: (order.index(timeline.profile), timeline.trial or 0),
    )
    worst: dict[str, Timeline] = {}
    for timeline in timelines:
        known = worst.setdefault(timeline.profile, timeline)
        if longest(timeline) > longest(known):
            worst[timeline.profile] = timeline
    span = whole_span(worst.values())
    return TimelineView(
        title=document.named(name)[0].title,
        compared=[plot(timeline, span) for timeline in worst.values()],
        closer=[plot(timeline, closer_span(timeline)) for timeline in timelines],
    )


def _fault(index: int, fault: Fault) -> FaultView:
    timeline = fault.timeline
    plots = []
    if timeline is not None:
        spans = dict.fromkeys([whole_span([timeline]), closer_span(timeline)])
        plots = [plot(timeline, span) for span in spans]
    return FaultView(f"fault-{index}", fault, plots)
