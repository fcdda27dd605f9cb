# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of units: what systemd says in, calls of systemctl out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.units.plan import (
    Call,
    Status,
    UnitsError,
    changed,
    check,
    foresee,
    parse_show,
    parse_units,
    plan,
)

RUNNING = Status("loaded", "active", "running", "enabled", needs_reload=False, condition=True)
NEW = Status("loaded", "inactive", "dead", "disabled", needs_reload=False, condition=None)
FAILED = replace(NEW, active="failed", sub="failed", condition=True)
SKIPPED = replace(NEW, enabled="enabled", condition=False)
MASKED = replace(NEW, load="masked", enabled="masked")
ABSENT = replace(NEW, load="not-found", enabled="")
START = {"enabled": True, "state": "started"}


def item(name: str = "a.service", **values: Any) -> dict[str, Any]:
    return {"name": name, "enabled": None, "state": None, "masked": None, **values}


def verbs(calls: list[Call]) -> list[str]:
    return [call.verb for call in calls]


@pytest.mark.parametrize(
    ("wanted", "status", "expected"),
    [
        pytest.param(START, RUNNING, [], id="runs"),
        pytest.param(START, NEW, ["enable", "start"], id="new"),
        pytest.param(START, FAILED, ["enable", "reset-failed", "start"], id="failed"),
        pytest.param(START, SKIPPED, ["start"], id="skipped: the condition may hold now"),
        pytest.param(START, replace(RUNNING, sub="exited"), [], id="oneshot that has run"),
        pytest.param(START, replace(RUNNING, enabled="static"), [], id="nothing to install"),
        pytest.param(START, replace(RUNNING, enabled="enabled-runtime"), ["enable"], id="until reboot only"),
        pytest.param({"state": "stopped"}, RUNNING, ["stop"], id="to stop"),
        pytest.param({"state": "stopped"}, FAILED, [], id="failed is stopped"),
        pytest.param({"state": "stopped"}, replace(NEW, active="activating"), ["stop"], id="about to start"),
        pytest.param({"enabled": False}, RUNNING, ["disable"], id="to disable"),
        pytest.param({"enabled": False}, NEW, [], id="disabled"),
        pytest.param({"masked": True, "state": "stopped"}, RUNNING, ["stop", "mask"], id="to mask"),
        pytest.param({"masked": True}, MASKED, [], id="masked"),
        pytest.param({"masked": False, **START}, MASKED, ["unmask", "enable", "start"], id="to unmask"),
        pytest.param({"state": "stopped"}, ABSENT, [], id="absent is stopped"),
        pytest.param({"state": "restarted"}, RUNNING, ["restart"], id="to restart"),
        pytest.param({"state": "reloaded"}, RUNNING, ["reload-or-restart"], id="to reload"),
        pytest.param({"state": "restarted"}, NEW, ["restart"], id="to restart what does not run"),
        pytest.param(
            {"state": "reloaded"}, FAILED, ["reset-failed", "reload-or-restart"], id="failed reload"
        ),
    ],
)
def test_plan(wanted: dict[str, Any], status: Status, expected: list[str]) -> None:
    units = parse_units([item(**wanted)])
    assert verbs(plan(units, {"a.service": status})) == expected


def test_one_call_for_many() -> None:
    units = parse_units([item("a", **START), item("b.timer", **START), item("c", state="started")])
    assert plan(units, {"a.service": NEW, "b.timer": RUNNING, "c.service": NEW}) == [
        Call("enable", ("a.service",)),
        Call("start", ("a.service", "c.service")),
    ]


def test_what_stops_makes_room_for_what_starts() -> None:
    """As a server that is replaced by a socket on its port."""
    units = parse_units([item("new", state="restarted"), item("old", enabled=False, state="stopped")])
    assert plan(units, {"new.service": NEW, "old.service": replace(RUNNING, enabled="enabled")}) == [
        Call("disable", ("old.service",)),
        Call("stop", ("old.service",)),
        Call("restart", ("new.service",)),
    ]


@pytest.mark.parametrize(
    ("items", "message"),
    [
        pytest.param([item("a"), item("a.service")], "a.service: given twice", id="twice"),
        pytest.param(
            [item(masked=True, enabled=True)], "a.service: a masked unit can", id="masked and enabled"
        ),
    ],
)
def test_bad_input(items: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(UnitsError, match=message):
        parse_units(items)


def test_a_masked_unit_is_not_unmasked_by_chance() -> None:
    with pytest.raises(UnitsError, match=r"a\.service: is masked"):
        plan(parse_units([item(state="started")]), {"a.service": MASKED})


@pytest.mark.parametrize("status", [FAILED, replace(NEW, active="activating", sub="auto-restart")])
def test_a_unit_that_does_not_stay_up_is_an_error(status: Status) -> None:
    with pytest.raises(UnitsError):
        check(parse_units([item(state="started")]), {"a.service": status})


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(NEW, replace(NEW, condition=False), [], id="skipped"),
        pytest.param(NEW, replace(NEW, condition=True), ["a.service"], id="ran and ended"),
        pytest.param(NEW, replace(RUNNING, enabled="disabled"), ["a.service"], id="runs"),
    ],
)
def test_changed(before: Status, after: Status, expected: list[str]) -> None:
    units = parse_units([item(state="started")])
    calls = plan(units, {"a.service": before})
    assert changed(units, {"a.service": before}, {"a.service": after}, calls) == expected


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(RUNNING, RUNNING, id="runs"),
        pytest.param(SKIPPED, SKIPPED, id="skipped"),
        pytest.param(NEW, replace(NEW, active="active", sub="running", enabled="enabled"), id="new"),
        pytest.param(
            ABSENT,
            replace(ABSENT, load="loaded", active="active", sub="running", enabled="enabled"),
            id="an earlier task may bring it",
        ),
    ],
)
def test_check_mode(before: Status, after: Status) -> None:
    assert foresee(parse_units([item(**START)]), {"a.service": before}) == {"a.service": after}


SHOWN = """\
LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=enabled
NeedDaemonReload=no
ConditionResult=yes
ConditionTimestampMonotonic=4711

NeedDaemonReload=yes
LoadState=not-found
ActiveState=inactive
SubState=dead
ConditionResult=no
ConditionTimestampMonotonic=0
"""


@pytest.mark.parametrize("text", [SHOWN, SHOWN.replace("\n", "\r\n")], ids=["podman", "terminal"])
def test_parse_show(text: str) -> None:
    assert parse_show(["a.service", "b.service"], text) == {
        "a.service": RUNNING,
        "b.service": replace(ABSENT, needs_reload=True),
    }


@pytest.mark.parametrize("text", ["", "LoadState=loaded\n", SHOWN.split("\n\n", maxsplit=1)[0]])
def test_output_that_is_not_understood_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="systemctl told"):
        parse_show(["a.service", "b.service"], text)


@pytest.mark.parametrize("state", ["restarted", "reloaded"])
@pytest.mark.parametrize("status", [RUNNING, NEW, ABSENT], ids=["runs", "new", "absent"])
def test_again_is_a_change_and_needs_no_unit_in_check_mode(state: str, status: Status) -> None:
    units = parse_units([item(state=state)])
    after = foresee(units, {"a.service": status})
    assert after["a.service"].started
    assert changed(units, {"a.service": status}, after, []) == ["a.service"]
