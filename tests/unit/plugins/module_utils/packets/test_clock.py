# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a ruleset says about the time, at a moment of the week."""

from __future__ import annotations

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.packets.clock import (
    Moment,
    at_moment,
    read_moment,
)

NEVER = "meta length 0 accept"


def at(text: str, moment: str) -> str:
    return at_moment(f"{text} accept", read_moment(moment))


@pytest.mark.parametrize(
    ("match", "inside", "outside"),
    [
        ('meta hour "08:00"-"17:29:59"', "monday 08:00", "monday 07:59"),
        ('meta hour "08:00"-"17:29:59"', "sunday 17:29", "sunday 17:30"),
        ('meta hour != "06:00"-"21:59:59"', "friday 22:00", "friday 21:59"),
        ('meta hour != "06:00"-"21:59:59"', "friday 05:59", "friday 06:00"),
        ('meta hour "22:00"-"06:00"', "friday 23:00", "friday 12:00"),
        ('meta day "Saturday"', "saturday 00:00", "friday 23:59"),
        ('meta day { "Monday", "Sunday" }', "sunday 23:59", "tuesday 00:00"),
        ('meta day != { "Monday", "Sunday" }', "tuesday 12:00", "monday 12:00"),
        ('meta day "Monday"-"Friday"', "friday 12:00", "saturday 12:00"),
        ("meta day 6", "saturday 12:00", "sunday 12:00"),
        ("meta day 0", "sunday 12:00", "monday 12:00"),
        ("meta day == Tue", "tuesday 12:00", "wednesday 12:00"),
        ('meta day "Friday" meta hour "22:00"-"23:59:59"', "friday 22:00", "friday 21:59"),
    ],
)
def test_a_match_about_the_time_is_there_or_never(match: str, inside: str, outside: str) -> None:
    assert at(match, inside) == "accept"
    changed = at(match, outside)
    assert NEVER in changed
    assert "meta hour" not in changed and "meta day" not in changed


@pytest.mark.parametrize(
    "match",
    [
        "meta day @days",
        "meta hour vmap",
        'meta day . meta hour { "Monday" . "08:00" }',
        'meta hour "8 o\'clock"',
        'meta time < "2026-01-01"',
        "meta mark 1",
        'meta hour { "25", "08:00" }',
    ],
)
def test_what_is_not_understood_stays(match: str) -> None:
    assert at(match, "monday 12:00") == f"{match} accept"


def test_without_a_moment_the_text_stays() -> None:
    assert at_moment('meta hour "08:00"-"17:00" accept', None) == 'meta hour "08:00"-"17:00" accept'


@pytest.mark.parametrize(
    "text", ["monday", "monday 24:00", "monday 12:60", "mon 12:00", "12:00", "Monday 12:00", ""]
)
def test_no_moments(text: str) -> None:
    assert read_moment(text) is None


def test_a_moment_reads_as_it_is_written() -> None:
    assert str(read_moment("saturday 22:30")) == "saturday 22:30"
    assert Moment.of(-1) == Moment(6, 23 * 60 + 59)
    assert Moment.of(7 * 24 * 60) == Moment(0, 0)
