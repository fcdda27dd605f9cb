# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules that join several keys of a result document."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ansible_collections.ftfw.pair.plugins.plugin_utils.page.types import (
    FAILED,
    NOT_APPLICABLE,
    OK,
    Case,
    Document,
    Fault,
    Timeline,
    median_and_worst,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import Problems, nearest

SAME = 1e-6
"""How far a median may be from the one worked out again, relative to it: what printing rounds off."""
Mistake = tuple[str, object, str, str]
"""Key, value, what is wrong, what would be right."""


def check_document(document: Document, source: str, problems: Problems) -> None:
    for finding in (*_cases(document), *_timelines(document), *_faults(document)):
        problems.add(source, *finding)


def _cases(document: Document) -> Iterator[Mistake]:
    first: dict[str, int] = {}
    seen: dict[tuple[str, str], int] = {}
    for index, case in enumerate(document.cases):
        key = f"cases[{index}]"
        wrong = list(_figures(key, case))
        # a verdict on wrong figures would only be a second error for the same mistake
        yield from wrong or _verdict(document, key, case)
        earlier = seen.setdefault((case.name, case.profile), index)
        if earlier != index:
            yield (
                key,
                f"{case.name}, {case.profile}",
                f"is cases[{earlier}] again",
                "one per name and profile",
            )
        known = document.cases[first.setdefault(case.name, index)]
        for field in ("title", "unit", "better"):
            ours, theirs = getattr(case, field), getattr(known, field)
            if ours != theirs:
                where = f"cases[{first[case.name]}]"
                yield (
                    f"{key}.{field}",
                    ours,
                    f"differs from {theirs} of {where}",
                    "a case is compared with itself",
                )


def _figures(key: str, case: Case) -> Iterator[Mistake]:
    for field, right in zip(("median", "worst"), median_and_worst(case.trials, case.better)):
        written = getattr(case, field)
        if (written is None) != (right is None) or (
            written is not None and right is not None and not math.isclose(written, right, rel_tol=SAME)
        ):
            told = "null: there are no trials" if right is None else f"{right!r}"
            yield f"{key}.{field}", written, "does not agree with the trials", f"it is {told}"
    if not case.trials and not case.note:
        yield f"{key}.note", case.note, "is missing", "without trials, say why nothing was measured"


def _verdict(document: Document, key: str, case: Case) -> Iterator[Mistake]:
    """A case that passed keeps to its bounds, and one that didn't has a reason that can be seen."""
    reference = document.reference(case)
    bounds = []
    if case.limit is not None:
        bounds.append(("limit", case.limit, 1.0))
    if case.ratio_to is not None:
        if case.ok and reference is None:
            profile = case.ratio_to.profile
            yield (
                f"{key}.ratio_to.profile",
                profile,
                "was not measured",
                f"no verdict without {case.name} of {profile}",
            )
        if reference is not None:
            bounds.append(("ratio_to", case.ratio_to, reference))
    if case.ok and case.median is None:
        yield f"{key}.ok", True, "nothing was measured", "write null or false"
    if case.median is None:
        return
    for field, bound, unit in bounds:
        if case.ok and not bound.hold(case.median, unit):
            yield f"{key}.ok", True, f"the median {case.median!r} breaks {field}", "write false"
    if case.ok is False and not case.note and case.worst is not None:
        kept = all(
            bound.hold(figure, unit) for _field, bound, unit in bounds for figure in (case.median, case.worst)
        )
        if kept:
            yield f"{key}.note", "", "is missing", "all bounds are kept, so say why the case failed"


def _timelines(document: Document) -> Iterator[Mistake]:
    cases = {(case.name, case.profile): case for case in document.cases}
    for index, timeline in enumerate(document.timelines):
        key = f"timelines[{index}]"
        case = cases.get((timeline.case, timeline.profile))
        if timeline.case not in document.case_names:
            yield (
                f"{key}.case",
                timeline.case,
                "is no case of this document",
                nearest(timeline.case, document.case_names),
            )
        elif case is None:
            profiles = [other.profile for other in document.named(timeline.case)]
            yield (
                f"{key}.profile",
                timeline.profile,
                "was not measured in this case",
                nearest(timeline.profile, profiles),
            )
        elif timeline.trial is not None and timeline.trial > len(case.trials):
            yield (
                f"{key}.trial",
                timeline.trial,
                f"there are {len(case.trials)} trials",
                "trials are counted from 1",
            )
        yield from _events(key, timeline)


def _events(key: str, timeline: Timeline) -> Iterator[Mistake]:
    for index, event in enumerate(timeline.events):
        if not timeline.start_ms <= event.at_ms <= timeline.end_ms:
            span = f"the bins last from {timeline.start_ms:g} to {timeline.end_ms:g} ms"
            yield f"{key}.events[{index}].at_ms", event.at_ms, "is outside of the timeline", span


def _faults(document: Document) -> Iterator[Mistake]:
    names: dict[str, int] = {}
    for index, fault in enumerate(document.faults):
        key = f"faults[{index}]"
        yield from _result(key, fault)
        earlier = names.setdefault(fault.name, index)
        if earlier != index:
            yield (
                f"{key}.name",
                fault.name,
                f"is faults[{earlier}] again",
                "give each fault a name of its own",
            )
        if fault.seconds is not None and fault.seconds < 0:
            yield f"{key}.seconds", fault.seconds, "is no length of time", "write seconds, 0 or more"
        if fault.timeline is not None:
            yield from _events(f"{key}.timeline", fault.timeline)


def _result(key: str, fault: Fault) -> Iterator[Mistake]:
    failed = [check.name for check in fault.checks if not check.ok]
    if fault.result == OK and not fault.checks:
        yield f"{key}.checks", "", "nothing was checked", "a fault is ok only by its checks"
    if fault.result != FAILED and failed:
        yield f"{key}.result", fault.result, f"a check failed: {failed[0]}", f"write {FAILED}"
    if fault.result == FAILED and not failed and not fault.note:
        yield f"{key}.note", "", "is missing", "no check failed, so say why the fault did"
    if fault.result == NOT_APPLICABLE and not fault.note:
        yield f"{key}.note", "", "is missing", "say what the site lacks"
