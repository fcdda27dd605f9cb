# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A ruleset as it is at some moment of the week: what it says about the time becomes true or false.

A namespace has no clock of its own, so the text is changed. Days and hours are those of nodes in UTC. What is
not understood (sets by name, concatenations) stays with the kernel's clock.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_HOURS = 24 * 60
_MOMENT = re.compile(r"([a-z]+) ([01][0-9]|2[0-3]):([0-5][0-9])")
# nft(8), META EXPRESSIONS
_MATCH = re.compile(r'\bmeta (day|hour) (== |!= )?(\{[^}]*\}|"[^"]*"(?:-"[^"]*")?|[\w:]+(?:-[\w:]+)?)[ \t]?')
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?")
_NEVER = "meta length 0 "
"""No packet is that short."""


@dataclass(frozen=True)
class Moment:
    """A minute of the week: the day (0 is Monday), and the minute of that day."""

    day: int
    minute: int

    def __str__(self) -> str:
        return f"{DAYS[self.day]} {self.minute // 60:02}:{self.minute % 60:02}"

    @classmethod
    def of(cls, minutes: int) -> Moment:
        """Make one of minutes since the week began, or before that."""
        return cls(minutes // _HOURS % len(DAYS), minutes % _HOURS)


def read_moment(text: str) -> Moment | None:
    """Read `DAY HH:MM`, such as `saturday 22:30`; None for what is none."""
    match = _MOMENT.fullmatch(text)
    if match is None or match[1] not in DAYS:
        return None
    return Moment(DAYS.index(match[1]), int(match[2]) * 60 + int(match[3]))


def at_moment(ruleset: str, moment: Moment | None) -> str:
    """Leave out the matches about the time that are true then, and make the others match nothing."""
    if moment is None:
        return ruleset

    def decided(match: re.Match[str]) -> str:
        holds = _holds(match[1], match[3], moment)
        if holds is None:
            return match[0]
        return "" if holds == (match[2] != "!= ") else _NEVER

    return _MATCH.sub(decided, ruleset)


def _holds(key: str, value: str, moment: Moment) -> bool | None:
    """Whether the day or the time of day is one of a value's; None for a value that is not understood."""
    # nft counts days from Sunday
    number, of = ((moment.day + 1) % len(DAYS), _day) if key == "day" else (moment.minute * 60, _second)
    found = False
    for element in value.strip("{} \t").split(","):
        ends = [of(end.strip().strip('"')) for end in element.strip().split("-")]
        if len(ends) > 2 or None in ends:
            return None
        first, last = ends[0] or 0, ends[-1] or 0
        within = first <= number <= last if first <= last else not last < number < first
        found = found or within
    return found


def _day(text: str) -> int | None:
    if re.fullmatch("[0-6]", text):
        return int(text)
    names = [place for place, name in enumerate(DAYS) if len(text) > 2 and name.startswith(text.lower())]
    return (names[0] + 1) % len(DAYS) if names else None


def _second(text: str) -> int | None:
    match = _CLOCK.fullmatch(text)
    return int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3] or 0) if match else None
