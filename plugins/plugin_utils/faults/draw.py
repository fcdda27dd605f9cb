# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws faults by a seed, one or two at a time, and says what has to hold whatever they are. Pure code."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.table import DrillError, FaultRow
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import nearest

KEYS = ("seed", "minutes")
MOST_MINUTES = 180
"""The drill's listeners last for four hours."""
SHORTEST_SECONDS = 10
"""No round is shorter: so many are drawn that the time ends first."""


@dataclass(frozen=True)
class Wish:
    """What `drill_random` asks for."""

    seed: int
    minutes: int


def read(value: object) -> Wish:
    """Read `drill_random`; all that is wrong with it is in one error."""
    if not isinstance(value, Mapping):
        raise DrillError(f"drill_random: {value}: use a mapping, as {{seed: 7, minutes: 30}}")
    wrong = [f"drill_random.{key}: is unknown; {nearest(str(key), KEYS)}" for key in value if key not in KEYS]
    for key, least, most in (("seed", 0, 2**32 - 1), ("minutes", 1, MOST_MINUTES)):
        if key not in value:
            wrong.append(f"drill_random.{key}: is missing; use {least} to {most}")
        elif _number(value[key]) is None or not least <= (_number(value[key]) or 0) <= most:
            wrong.append(f"drill_random.{key}: {value[key]}: use a whole number from {least} to {most}")
    if wrong:
        raise DrillError("; ".join(wrong))
    return Wish(*(_number(value[key]) or 0 for key in KEYS))


def _number(value: object) -> int | None:
    """A whole number; a variable of the command line has it as a text."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    return int(value) if str(value).isascii() and str(value).isdigit() else None


def rounds(pool: Sequence[FaultRow], wish: Wish, possible: Callable[[FaultRow], bool]) -> list[FaultRow]:
    """Draw more rounds than the time allows, each of them a row with one part or two.

    The order depends on the pool and the seed alone: fewer minutes have the same rounds at the beginning.
    Every fault has its turn before one comes again. `possible` says which of them the site can have.
    """
    able = [row for row in pool if row.repeat == 1 and possible(row)]
    if not able:
        raise DrillError("drill_random: none of the faults that were asked for can be made on this site")
    # of Python's generator only random() is the same in all versions (docs of `random`)
    draw = random.Random(wish.seed).random  # noqa: S311 - to be drawn again, not to be secret
    order = _endless(able, draw)
    made = []
    for number in range(1, wish.minutes * 60 // SHORTEST_SECONDS + 1):
        first, with_another, which = next(order), draw() < 0.5, draw()
        others = [row for row in able if agree(first, row)] if with_another else []
        parts = [first, *([others[int(which * len(others))]] if others else [])]
        made.append(together(number, parts))
    return made


def _endless(rows: Sequence[FaultRow], draw: Callable[[], float]) -> Iterator[FaultRow]:
    while True:
        left = list(rows)
        while left:
            yield left.pop(int(draw() * len(left)))


def agree(one: FaultRow, other: FaultRow) -> bool:
    """Whether two faults can be made at the same time, whichever node is primary.

    They disturb different things, and what is done inside a node needs a node that is there: with a node
    that goes, the other fault is the other node's.
    """
    if not one.areas or not other.areas or set(one.areas) & set(other.areas):
        return False
    if "node" not in {*one.areas, *other.areas}:
        return True
    return {one.roles(), other.roles()} == {frozenset({"primary"}), frozenset({"backup"})}


def together(number: int, parts: Sequence[FaultRow]) -> FaultRow:
    """Make one row of faults that are made at the same time, with what has to hold of any."""
    # what is done inside of a node comes before the node goes
    ordered = sorted(parts, key=lambda row: "node" in row.areas)
    return FaultRow(
        name=f"{number:03d}-{'-with-'.join(row.name for row in parts)}",
        title="; ".join(row.title for row in parts),
        via={},
        seconds=max(row.seconds for row in parts),
        silent=next((row.silent for row in parts if row.silent), None),
        returns=any(row.returns for row in parts),
        expect=invariants(parts),
        parts=tuple(ordered),
    )


def invariants(parts: Sequence[FaultRow]) -> dict[str, Any]:
    """What has to hold of these faults together.

    No flow is lost where one node was well all the time. Two nodes are primary for no longer than it takes
    to hear each other. Everything is well afterwards, with the same flows on both nodes, in the time that
    each of the faults may take.
    """
    # what is done to balancers on both nodes leaves the nodes as they are
    roles = {role for row in parts if row.areas != ("balancer",) for role in row.roles()}
    one_is_well = len(parts) == 1 or roles in ({"primary"}, {"backup"})
    survive = one_is_well and all(row.expect["flows"] == "all" for row in parts)
    return {
        "primary": "any",
        "flows": "all" if survive else "any",
        "resets": 0 if survive else None,
        **({"balanced": "each"} if any(row.expect.get("balanced") for row in parts) else {}),
        "reachable": True,
        "overlap_after_ms": max(row.expect["overlap_after_ms"] for row in parts),
        "healthy_s": sum(row.expect["healthy_s"] for row in parts),
    }


def names(row: FaultRow) -> str:
    """A round in the words of the table: its number, and its faults."""
    number, _dash, drawn = row.name.partition("-")
    return f"{number} {drawn.replace('-with-', ' with ')}"
