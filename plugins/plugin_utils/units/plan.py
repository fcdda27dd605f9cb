# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the units that are wanted and what systemd says of them to calls of systemctl. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.system.terminals import plain

PROPERTIES = (
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "NeedDaemonReload",
    "ConditionResult",
    "ConditionTimestampMonotonic",
)

# is-enabled(1) says yes to these; to enable a unit that has nothing to install changes nothing
ENABLED = ("enabled", "static", "generated", "alias")
DISABLED = ("disabled", "masked", "masked-runtime", "static", "generated", "indirect", "transient", "")


AGAIN = {"restarted": "restart", "reloaded": "reload-or-restart"}
"""Either starts a unit that does not run."""


class UnitsError(Exception):
    """A unit can't become what it should be. Names the unit."""

    def __init__(self, unit: str, reason: str) -> None:
        super().__init__(f"{unit}: {reason}")
        self.unit = unit


@dataclass(frozen=True)
class Unit:
    """A unit as it should be; None is 'as it is'."""

    name: str
    enabled: bool | None
    started: bool | None
    masked: bool | None
    again: str | None = None
    """The verb of systemctl that is called in any case."""


@dataclass(frozen=True)
class Status:
    """A unit as systemd sees it."""

    load: str
    active: str
    sub: str
    enabled: str
    needs_reload: bool
    # None if the conditions were never looked at
    condition: bool | None

    @property
    def found(self) -> bool:
        return self.load != "not-found"

    @property
    def masked(self) -> bool:
        return self.load == "masked"

    @property
    def started(self) -> bool:
        return self.active in ("active", "reloading")

    @property
    def skipped(self) -> bool:
        return self.active == "inactive" and self.condition is False

    def describe(self) -> str:
        return f"{self.load}, {self.active} ({self.sub}), {self.enabled or 'not installed'}"


@dataclass(frozen=True)
class Call:
    """One call of systemctl: the verb, and the units that it is for."""

    verb: str
    units: tuple[str, ...]


def parse_units(items: Sequence[Mapping[str, Any]]) -> list[Unit]:
    """Check the option `units`; raises UnitsError."""
    units: list[Unit] = []
    for item in items:
        name = item["name"]
        if "." not in name:
            name += ".service"
        if any(unit.name == name for unit in units):
            raise UnitsError(name, "given twice")
        started = None if item["state"] is None else item["state"] != "stopped"
        if item["masked"] and (started or item["enabled"]):
            raise UnitsError(name, "a masked unit can be neither enabled nor started")
        units.append(Unit(name, item["enabled"], started, item["masked"], AGAIN.get(item["state"])))
    return units


def parse_show(names: Sequence[str], text: str) -> dict[str, Status]:
    """From the output of `systemctl show`, one block of lines per unit in the order asked.

    A terminal on the way, as ssh has one for Ansible's raw, ends the lines with CR LF.
    """
    text = plain(text)
    blocks = [
        dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        for block in text.strip().split("\n\n")
    ]
    # it is silent about the file of a unit that has none
    known = set(PROPERTIES) - {"UnitFileState"}
    if len(blocks) != len(names) or not all(known <= set(block) for block in blocks):
        raise ValueError(f"systemctl told of {len(blocks)} units, not of {len(names)}: {text}")
    return {name: _status(block) for name, block in zip(names, blocks)}


def _status(block: Mapping[str, str]) -> Status:
    looked = block["ConditionTimestampMonotonic"] != "0"
    return Status(
        load=block["LoadState"],
        active=block["ActiveState"],
        sub=block["SubState"],
        enabled=block.get("UnitFileState", ""),
        needs_reload=block["NeedDaemonReload"] == "yes",
        condition=block["ConditionResult"] == "yes" if looked else None,
    )


def plan(units: Sequence[Unit], status: Mapping[str, Status]) -> list[Call]:
    """The calls that make the units as wanted, in the order of what each needs of the ones before.

    To unmask comes first, since nothing else can be done to a masked unit, to mask last. A unit is stopped
    before another one is started, which may want its port.
    """
    wanted: dict[str, list[str]] = {
        verb: []
        for verb in ("unmask", "enable", "disable", "stop", "reset-failed", "start", *AGAIN.values(), "mask")
    }
    for unit in units:
        now = status[unit.name]
        if now.masked and unit.masked is None and (unit.enabled or unit.started):
            raise UnitsError(unit.name, "is masked; add `masked: false` to change that")
        if now.masked and unit.masked is False:
            wanted["unmask"].append(unit.name)
        if unit.enabled is True and now.enabled not in ENABLED:
            wanted["enable"].append(unit.name)
        if unit.enabled is False and now.enabled not in DISABLED:
            wanted["disable"].append(unit.name)
        if unit.started is True and not now.started:
            if now.active == "failed":
                # the limit on attempts counts those from before the cause was mended
                wanted["reset-failed"].append(unit.name)
            wanted[unit.again or "start"].append(unit.name)
        elif unit.again:
            wanted[unit.again].append(unit.name)
        if unit.started is False and now.active not in ("inactive", "failed"):
            wanted["stop"].append(unit.name)
        if unit.masked and not now.masked:
            wanted["mask"].append(unit.name)
    return [Call(verb, tuple(names)) for verb, names in wanted.items() if names]


def foresee(units: Sequence[Unit], status: Mapping[str, Status]) -> dict[str, Status]:
    """The state after the plan, as far as it can be told without doing it: for check mode."""
    after = dict(status)
    settled = [
        replace(unit, started=None, again=None) if unit.started and status[unit.name].skipped else unit
        for unit in units
    ]
    for call in plan(settled, status):
        for name in call.units:
            after[name] = replace(after[name], **_effect(call.verb))
    return after


def _effect(verb: str) -> dict[str, Any]:
    return {
        "unmask": {"load": "loaded", "enabled": "disabled"},
        "enable": {"load": "loaded", "enabled": "enabled"},
        "disable": {"enabled": "disabled"},
        "reset-failed": {"active": "inactive", "sub": "dead"},
        **{
            call: {"load": "loaded", "active": "active", "sub": "running"}
            for call in ("start", *AGAIN.values())
        },
        "stop": {"active": "inactive", "sub": "dead"},
        "mask": {"load": "masked", "enabled": "masked"},
    }[verb]


def check(units: Sequence[Unit], status: Mapping[str, Status]) -> None:
    """Whether the units became what they should; raises UnitsError."""
    for unit in units:
        now = status[unit.name]
        if unit.started and now.active == "failed":
            raise UnitsError(unit.name, "failed")
        if unit.started and now.sub == "auto-restart":
            raise UnitsError(unit.name, "ends as soon as it is started, again and again")


def changed(
    units: Sequence[Unit],
    before: Mapping[str, Status],
    after: Mapping[str, Status],
    calls: Sequence[Call],
) -> list[str]:
    """The units that are not as they were. One that ran and ended counts, one that was skipped doesn't."""
    started = {name for call in calls if call.verb == "start" for name in call.units}
    return [
        unit.name
        for unit in units
        if unit.again
        or (unit.name in started and after[unit.name].condition is not False)
        or _lasting(before[unit.name]) != _lasting(after[unit.name])
    ]


def _lasting(status: Status) -> tuple[object, ...]:
    return status.load, status.enabled, status.started
