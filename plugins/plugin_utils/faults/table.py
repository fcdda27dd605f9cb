# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of faults of a drill: its form, and which of its rows a run has asked for. Pure code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import nearest

SETS = ("short", "long", "all")
"""Each set has the rows of those before it."""
NODES = ("primary", "backup", "preferred", "both")
OUTSIDE = ("hypervisor", "controller", "wires")
KINDS = ("guest", "container", "command", "machine")
"""What a node can be; `command` is one that is killed and started by commands of its own."""
ANY = "any"
"""Stands for a node of any kind."""
NEEDS = ("lab", "kernel", "balancer")
AREAS = ("node", "keepalived", "conntrackd", "wire", "system", "balancer")
"""What a fault disturbs. Two that are made at the same time have no area in common."""
LEGS = ("data", "sync")
STEP_KEYS = {"at", "of", "inject", "undo", "wait_down"}
PRIMARY = ("any", "changed", "unchanged", "backup_or_changed")
EXPECT: dict[str, Any] = {
    "primary": PRIMARY,
    "flows": ("all", "any"),
    "balanced": ("each", "some", "none"),
    "until_checked": bool,
    "resets": int,
    "gap_ms": int,
    "lost": int,
    "failed_connections": int,
    "takeovers": int,
    "overlap_ms": int,
    "overlap_after_ms": int,
    "healthy_s": int,
    "reachable": bool,
    "late_arrive": bool,
    "gratuitous_arp": bool,
}
"""What may be expected: one of some words, a most, or that something is so. Null is no expectation."""
WORDS = frozenset(
    (
        *("container", "cut_data", "cut_leg", "cut_server", "cut_servers", "cut_sync", "cut_vrrp"),
        *("flap_server", "keepalived_child", "power_off", "uncut_server"),
        *(
            "keepalived_parent",
            "kill",
            "leg",
            "network",
            "open",
            "qmp",
            "start",
            "thin_sync",
            "uncut",
            "unit",
            "wire",
        ),
    )
)
"""What a command or title may have in braces."""
BRACES = re.compile(r"(?<!\$)\{([a-z_]+)\}")
ROW_KEYS = {
    *(
        "areas",
        "expect",
        "for_checks",
        "gratuitous_arp",
        "late",
        "legs",
        "name",
        "needs",
        "repeat",
        "returns",
        "seconds",
        "set",
    ),
    *("silent", "steps", "title", "undo_when", "via"),
    *STEP_KEYS,
}


class DrillError(Exception):
    """The table, or what a run asked of it, makes no sense; the text names what is wrong and what right."""


@dataclass(frozen=True)
class FaultStep:
    """One thing that is done: at which host, for which node (`of`), and how it is undone."""

    at: str
    inject: str
    undo: str = ""
    of: str = "primary"
    wait_down: bool = False


@dataclass(frozen=True)
class FaultRow:
    """One fault. `via` has its steps for each kind of node, `parts` the rows that are made at once."""

    name: str
    title: str
    via: Mapping[str, tuple[FaultStep, ...]]
    set: str = "long"
    seconds: float = 3
    needs: tuple[str, ...] = ()
    legs: str | None = None
    repeat: int = 1
    silent: str | None = None
    returns: bool = False
    late: bool = False
    gratuitous_arp: bool = False
    for_checks: bool = False
    """It lasts as much longer as a balancer's check may take."""
    undo_when: str = "always"
    expect: Mapping[str, Any] = field(default_factory=dict)
    leg: str | None = None
    areas: tuple[str, ...] = ()
    parts: tuple[FaultRow, ...] = ()

    def roles(self) -> frozenset[str]:
        """The nodes that it disturbs, as the table calls them."""
        steps = (step for steps in self.via.values() for step in steps)
        return frozenset(step.at if step.at in NODES else step.of for step in steps)


def load(faults: Sequence[Mapping[str, Any]], defaults: Mapping[str, Any]) -> list[FaultRow]:
    """Make rows of the table; all that is wrong with it is told at once."""
    wrong = [line for index, fault in enumerate(faults) for line in problems(f"faults[{index}]", fault)]
    names = [(fault.get("name"), fault.get("legs")) for fault in faults]
    wrong += [f"{name}: is there twice" for name, legs in names if names.count((name, legs)) > 1]
    if wrong:
        raise DrillError("\n".join(wrong))
    return [_row(fault, defaults) for fault in faults]


def problems(place: str, fault: Mapping[str, Any]) -> Iterator[str]:
    """Check one row as it is written."""
    name = str(fault.get("name", ""))
    place = f"{place} ({name})" if name else place
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        yield f"{place}: name: {name or '(empty)'}: use small letters, digits and _"
    if not fault.get("title"):
        yield f"{place}: title: is missing"
    for key in sorted(set(fault) - ROW_KEYS):
        yield f"{place}: {key}: is no key of a fault; {nearest(key, ROW_KEYS)}"
    for key, known in (("set", SETS), ("legs", LEGS), ("silent", NODES), ("undo_when", ("abandoned",))):
        if fault.get(key) not in (None, *known):
            yield f"{place}: {key}: {fault[key]}: use {' or '.join(known)}"
    for need in fault.get("needs", []):
        if need not in NEEDS:
            yield f"{place}: needs: {need}: use {' or '.join(NEEDS)}"
    for area in fault.get("areas", []):
        if area not in AREAS:
            yield f"{place}: areas: {area}: use {', '.join(AREAS)}"
    for key in ("seconds", "repeat"):
        value = fault.get(key, 1)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 1 <= value <= 600:
            yield f"{place}: {key}: {value}: use 1 to 600"
    ways = [key for key in ("at", "steps", "via") if key in fault]
    if len(ways) != 1:
        yield f"{place}: {' and '.join(ways) or 'no way'}: a fault has one of at, steps and via"
    for kind in fault.get("via", {}):
        if kind not in KINDS:
            yield f"{place}: via: {kind}: use {', '.join(KINDS)}"
    for step in (step for steps in _ways(fault).values() for step in steps):
        yield from _step(place, step)
    yield from _expectations(place, fault.get("expect") or {})


def _step(place: str, step: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted(set(step) - STEP_KEYS):
        yield f"{place}: {key}: is no key of a step; {nearest(key, STEP_KEYS)}"
    if step.get("at") not in (*NODES, *OUTSIDE):
        yield f"{place}: at: {step.get('at')}: use one of {', '.join((*NODES, *OUTSIDE))}"
    if step.get("of", "primary") not in NODES:
        yield f"{place}: of: {step['of']}: use one of {', '.join(NODES)}"
    if not step.get("inject"):
        yield f"{place}: inject: is missing"
    if step.get("at") in OUTSIDE and not step.get("undo"):
        yield f"{place}: undo: is missing: what is done from outside does not end by itself"
    for key in ("inject", "undo"):
        for word in BRACES.findall(str(step.get(key, ""))):
            if word not in WORDS:
                yield f"{place}: {key}: {{{word}}}: is unknown; {nearest(word, WORDS)}"


def _expectations(place: str, expect: Mapping[str, Any]) -> Iterator[str]:
    if not expect:
        yield f"{place}: expect: is missing: a fault without an expectation proves nothing"
    for key, value in expect.items():
        form = EXPECT.get(key)
        if form is None:
            yield f"{place}: expect.{key}: is unknown; {nearest(key, EXPECT)}"
        elif isinstance(form, tuple):
            if value not in form:
                yield f"{place}: expect.{key}: {value}: use {' or '.join(form)}"
        elif value is not None and not _is(value, form):
            yield f"{place}: expect.{key}: {value}: use {'true or false' if form is bool else 'a number'}"


def _is(value: object, form: type) -> bool:
    """Tell true and false from numbers, which in Python they are, too."""
    if isinstance(value, bool) or form is bool:
        return isinstance(value, bool) and form is bool
    return isinstance(value, int) and value >= 0


def _ways(fault: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    if "via" in fault:
        return {kind: [step] for kind, step in fault["via"].items()}
    if "steps" in fault:
        return {ANY: list(fault["steps"])}
    return {ANY: [{key: value for key, value in fault.items() if key in STEP_KEYS}]}


def _row(fault: Mapping[str, Any], defaults: Mapping[str, Any]) -> FaultRow:
    whole = {**{key: value for key, value in defaults.items() if key != "expect"}, **fault}
    kept = {
        key: whole[key]
        for key in (
            "name",
            "title",
            "set",
            "seconds",
            "legs",
            "repeat",
            "silent",
            "returns",
            "late",
            "for_checks",
        )
        if key in whole
    }
    return FaultRow(
        **kept,
        via={kind: tuple(FaultStep(**step) for step in steps) for kind, steps in _ways(fault).items()},
        needs=tuple(fault.get("needs", ())),
        areas=tuple(fault.get("areas", ())),
        gratuitous_arp=bool(fault.get("gratuitous_arp")),
        undo_when=fault.get("undo_when", "always"),
        expect={**defaults.get("expect", {}), **fault["expect"]},
    )


def to_data(row: FaultRow) -> dict[str, Any]:
    """Write a row as plain data; `from_data` reads it."""
    return asdict(row)


def from_data(data: Mapping[str, Any]) -> FaultRow:
    via = {kind: tuple(FaultStep(**step) for step in steps) for kind, steps in data["via"].items()}
    lists = {key: tuple(data[key]) for key in ("needs", "areas")}
    return FaultRow(**{**data, **lists, "via": via, "parts": tuple(map(from_data, data["parts"]))})


def expand(
    rows: Iterable[FaultRow], legs: Mapping[str, Sequence[str]], for_checks: int = 0
) -> list[FaultRow]:
    """Make one row of each leg where a row is for legs: `silence` becomes `silence_inside`.

    `for_checks` is how many seconds longer a row lasts that needs the checks of balancers.
    """
    made = []
    for row in (_long_enough(row, for_checks) for row in rows):
        if row.legs is None:
            made.append(row)
        for network in legs.get(row.legs, ()) if row.legs else ():
            word = re.sub(r"[^A-Za-z0-9_-]", "_", network)
            name, title = f"{row.name}_{word}", row.title.replace("{network}", network)
            made.append(FaultRow(**{**row.__dict__, "name": name, "title": title, "leg": network}))
    return made


def _long_enough(row: FaultRow, seconds: int) -> FaultRow:
    """A server has to be found dead, and afterwards well."""
    if not row.for_checks:
        return row
    expect = {**row.expect, "healthy_s": (row.expect.get("healthy_s") or 0) + seconds}
    return FaultRow(**{**row.__dict__, "seconds": row.seconds + seconds, "expect": expect})


def choose(rows: Sequence[FaultRow], names: Sequence[str], of_set: str) -> list[FaultRow]:
    """Take the named rows, or those of a set when none is named; an unknown name is an error."""
    known = [row.name for row in rows]
    if of_set not in SETS:
        raise DrillError(f"drill_set: {of_set}: is no set of faults; use one of {', '.join(SETS)}")
    unknown = [name for name in names if name not in known]
    if unknown:
        told = "; ".join(f"{name}: is no fault of this site" for name in unknown)
        raise DrillError(f"drill_faults: {told}; known are: {', '.join(known)}")
    if names:
        return [row for row in rows if row.name in names]
    return [row for row in rows if SETS.index(row.set) <= SETS.index(of_set)]
