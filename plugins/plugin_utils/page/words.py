# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures and verdicts in words, as a result page shows them."""

from __future__ import annotations

from ansible_collections.ftfw.pair.plugins.plugin_utils.page.types import (
    FAILED,
    NOT_APPLICABLE,
    OK,
    Bounds,
    Case,
    Document,
    Scalar,
)

MINUS = "\N{MINUS SIGN}"
SPACE = "\N{NO-BREAK SPACE}"
DASH = "\N{EN DASH}"
MARKS = {
    True: ("pass", "✓", "passed"),
    False: ("fail", "✗", "failed"),
    None: ("open", DASH, "not judged"),
    OK: ("pass", "✓", "ok"),
    FAILED: ("fail", "✗", "failed"),
    NOT_APPLICABLE: ("open", DASH, "not applicable"),
}
"""Of each verdict a class for its colour, a sign, and a word: no verdict is told by colour alone."""


def exact(value: Scalar) -> str:
    """A value with all its digits, as the document has it; 5.0 is shown as 5."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(int(value) if value.is_integer() else value).replace("-", MINUS, 1)
    return str("" if value is None else value)


def figure(value: float) -> str:
    """A number with four significant digits, and whole ones with all digits; thousands are set apart."""
    if float(value).is_integer():
        text = f"{int(value):,}"
    elif abs(value) >= 1000:
        text = f"{value:,.0f}"
    elif abs(value) >= 1e-3:
        text = f"{value:.4g}"
    else:
        text = f"{value:.3g}"
    return text.replace("-", MINUS, 1)


def amount(value: float | None, unit: str) -> str:
    return "not measured" if value is None else f"{figure(value)}{SPACE}{unit}"


def duration(milliseconds: float) -> str:
    if abs(milliseconds) < 1000:
        return f"{figure(milliseconds)}{SPACE}ms"
    return f"{milliseconds / 1000:.3g}{SPACE}s".replace("-", MINUS, 1)


def bounds(limit: Bounds, unit: str) -> str:
    parts = [f"at most {figure(limit.max)} {unit}"] if limit.max is not None else []
    parts += [f"at least {figure(limit.min)} {unit}"] if limit.min is not None else []
    return " and ".join(parts)


def limits(case: Case) -> list[str]:
    """What the case has to keep to, in words."""
    told = [bounds(case.limit, case.unit)] if case.limit is not None else []
    if case.ratio_to is not None:
        told.append(bounds(case.ratio_to, f"times the median of {case.ratio_to.profile}"))
    return told


def ratio(document: Document, case: Case) -> str:
    """The case's median as a multiple of the one that its ratio refers to."""
    reference = document.reference(case)
    if case.ratio_to is None or case.median is None or not reference:
        return ""
    times = case.median / reference
    if 0 < times < 1:
        return f"{figure(times)} times {case.ratio_to.profile}: {figure(round(1 / times, 1))} times less"
    return f"{figure(times)} times {case.ratio_to.profile}"


def described(document: Document, case: Case) -> str:
    """Everything that a row of the chart shows, for whoever can't see it."""
    if case.median is None or case.worst is None:
        return f"{case.profile}: not measured. {case.note}"
    spread = f"{figure(min(case.trials))} to {figure(max(case.trials))} {case.unit}"
    trials = "one trial" if len(case.trials) == 1 else f"{len(case.trials)} trials, from {spread}"
    parts = [
        f"{case.profile}: median {amount(case.median, case.unit)}",
        f"worst {amount(case.worst, case.unit)}",
        trials,
        *(f"limit {limit}" for limit in limits(case)),
        ratio(document, case),
        MARKS[case.ok][2],
    ]
    return "; ".join(part for part in parts if part)


def verdict(document: Document) -> tuple[str, str]:
    """Return a class of MARKS and a sentence that sums the document up."""
    sentences, worst = [], None
    if document.faults:
        results = [fault.result for fault in document.faults]
        sentences.append(_tally("fault", results.count(OK), results.count(FAILED)))
        absent = results.count(NOT_APPLICABLE)
        if absent:
            sentences[-1] += f" {absent} not applicable to this site."
        worst = False if FAILED in results else OK in results or None
    judged = [case.ok for case in document.cases if case.ok is not None]
    if judged:
        sentences.append(_tally("figure with a limit", judged.count(True), judged.count(False)))
        worst = all(judged) and worst is not False
    return MARKS[worst][0], " ".join(sentences) or "Nothing was judged: these are figures without limits."


def _tally(what: str, passed: int, failed: int) -> str:
    total = passed + failed
    plural = what.replace("fault", "faults").replace("figure", "figures") if total != 1 else what
    if not total:
        return f"No {what} could be tried."
    if not failed:
        return f"All {total} {plural} passed." if total > 1 else f"The one {what} passed."
    if not passed:
        return f"All {total} {plural} failed." if total > 1 else f"The one {what} failed."
    return f"{passed} of {total} {plural} passed, {failed} failed."
