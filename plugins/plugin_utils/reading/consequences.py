# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One mistake is one line: what is wrong only because something else could not be read is not told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import (
    SITE,
    Cause,
    Problem,
    Problems,
    render,
)

_PLACES = 12
"""Places of one mistake that its line names."""
Against = Mapping[str, tuple[str, ...]]
"""Which variables each one is checked against. One that is not named here is checked against all."""
_ENTRY = re.compile(r"site_policy\[[0-9]+\]")


def without_consequences(problems: Problems, against: Against, alone: re.Pattern[str]) -> Problems:
    """Leave out what may follow from a value that could not be read.

    `alone` matches the keys of values that nothing else is checked against.
    """
    all_holes = [one for one in problems.found.values() if one.hole]
    holes = [one for one in all_holes if one.value is None or not alone.fullmatch(one.key)]
    kept = Problems()
    told: set[tuple[str, str, str]] = set()
    for problem in problems:
        # a second look at the same value finds nothing else
        place = (problem.host, problem.key, render(problem.value))
        if place in told or (problem.follows and _follows_any(problem, holes, against)):
            continue
        # what a misspelt key holds may be wrong, too: the key is told, and its value is silent
        if not problem.hole and any(_within(problem, hole) for hole in all_holes if not hole.silent):
            continue
        if problem.hole:
            told.add(place)
        kept.keep(problem)
    return _joined(kept)


def _joined(problems: Problems) -> Problems:
    """Tell several problems of one cause as one, where the first of them stands."""
    joined = Problems()
    for problem in problems:
        cause = problem.cause
        same = [one for one in problems if one.cause == cause]
        if cause is not None and any(one.key == cause.key and one.cause != cause for one in problems):
            # it is told what is wrong there
            continue
        if cause is None or len(same) == 1:
            joined.keep(problem)
        elif problem is same[0]:
            places = [_told(one, cause) for one in same[:_PLACES]]
            more = [f"and {len(same) - _PLACES} more"] if len(same) > _PLACES else []
            wrong = f"{cause.wrong} {', '.join([*places, *more])}"
            joined.keep(
                replace(
                    problem,
                    host=cause.host,
                    key=cause.key,
                    value=cause.value,
                    wrong=wrong,
                    right=cause.right,
                )
            )
    return joined


def _told(problem: Problem, cause: Cause) -> str:
    place = f"{problem.host}: {problem.key}"
    return place if problem.value == cause.value else f"{place} ({render(problem.value)})"


def _within(problem: Problem, hole: Problem) -> bool:
    """Whether it is about the same value, a part of it, or what the same section lacks."""
    if problem.host != hole.host:
        return False
    if problem.value is None and _place(problem.key) == _place(hole.key):
        return True
    return problem.key == hole.key or problem.key.startswith((f"{hole.key}.", f"{hole.key}["))


def _follows_any(problem: Problem, holes: list[Problem], against: Against) -> bool:
    """One that has its cause in common with a hole is told with that, or not at all."""
    same = (hole for hole in holes if problem.cause is not None and hole.cause == problem.cause)
    of = next(same, problem)
    return any(_follows(of, hole, against) for hole in holes)


def _follows(problem: Problem, hole: Problem, against: Against) -> bool:
    if problem is hole or (problem.hole and hole.follows):
        # of two names that nobody knows neither follows from the other
        return False
    place, other = _place(problem.key), _place(hole.key)
    if place[0] != other[0]:
        return other[0] in against.get(place[0], (other[0],))
    if _ENTRY.fullmatch(problem.key):
        # entries are compared with one another
        return True
    if SITE not in (problem.host, hole.host) and problem.host != hole.host:
        return False
    depth = min(len(place), len(other))
    return place[:depth] == other[:depth]


def _place(key: str) -> list[str]:
    """The variable, and the name or number of its part that the key is about."""
    return re.split(r"[.\[,:]", key)[:2]
