# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks systemd about units by one shell command, and calls systemctl for what differs."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.ftfw.pair.plugins.plugin_utils.units.plan import (
    PROPERTIES,
    Call,
    Status,
    Unit,
    UnitsError,
    changed,
    check,
    foresee,
    parse_show,
    parse_units,
    plan,
)

JOURNAL_LINES = 15
NATIVE = "SYSTEMCTL_SKIP_SYSV=1"
"""Links of scripts in /etc/init.d mean nothing beside units, and Debian takes its time for them."""

SPEC = {
    "units": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "enabled": {"type": "bool"},
            "state": {"type": "str", "choices": ["started", "stopped", "restarted", "reloaded"]},
            "masked": {"type": "bool"},
        },
    },
    "daemon_reload": {"type": "bool", "default": False},
}


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: object = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _spec, arguments = self.validate_argument_spec(SPEC)
        try:
            units = parse_units(arguments["units"])
            before, after, names = self._make(units, arguments["daemon_reload"])
        except UnitsError as error:
            raise AnsibleActionFail(f"{error}{self._journal(error.unit)}") from error
        return {
            **result,
            "changed": bool(names),
            "changed_units": names,
            "status": {name: facts(status) for name, status in after.items()},
            "diff": {"before": table(before), "after": table(after)},
        }

    def _make(
        self, units: Sequence[Unit], reload: bool
    ) -> tuple[dict[str, Status], dict[str, Status], list[str]]:
        before = self._show(units)
        if self._task.check_mode:
            after = foresee(units, before)
            return (
                before,
                after,
                [unit.name for unit in units if unit.again or before[unit.name] != after[unit.name]],
            )
        now = before
        if reload or any(not status.found or status.needs_reload for status in before.values()):
            self._systemctl(Call("daemon-reload", ()))
            now = self._show(units)
        for unit in units:
            if not now[unit.name].found and (unit.enabled or unit.started or unit.masked is False):
                raise UnitsError(unit.name, "doesn't exist")
        calls = plan(units, now)
        for call in calls:
            self._systemctl(call)
        after = self._show(units) if calls else now
        check(units, after)
        return before, after, changed(units, before, after, calls)

    def _show(self, units: Sequence[Unit]) -> dict[str, Status]:
        names = [unit.name for unit in units]
        if not names:
            return {}
        properties = ",".join(PROPERTIES)
        done = self._shell(f"systemctl show --property={properties} -- {quoted(names)}")
        if done["rc"]:
            raise AnsibleActionFail(f"systemd can't be asked: {said(done)}")
        try:
            return parse_show(names, done["stdout"])
        except ValueError as error:
            raise AnsibleActionFail(str(error)) from error

    def _systemctl(self, call: Call) -> None:
        done = self._shell(f"{NATIVE} systemctl {call.verb} -- {quoted(call.units)}")
        if done["rc"]:
            unit = next(
                (unit for unit in call.units if unit in said(done)), " ".join(call.units) or "systemd"
            )
            raise UnitsError(unit, f"systemctl {call.verb} failed: {said(done)}")

    def _journal(self, unit: str) -> str:
        done = self._shell(f"journalctl --no-pager --quiet --lines={JOURNAL_LINES} --unit={quoted([unit])}")
        text = done["stdout"].strip()
        return f"\n{text}" if done["rc"] == 0 and text else ""

    def _shell(self, command: str) -> dict[str, Any]:
        done: dict[str, Any] = self._low_level_execute_command(f"LC_ALL=C {command}")
        return done


def quoted(names: Sequence[str]) -> str:
    return " ".join(shlex.quote(name) for name in names)


def said(done: dict[str, Any]) -> str:
    return (done["stderr"].strip() or done["stdout"].strip() or f"exit code {done['rc']}").strip()


def facts(status: Status) -> dict[str, Any]:
    return {
        "load": status.load,
        "active": status.active,
        "sub": status.sub,
        "enabled": status.enabled,
        "condition": {True: "yes", False: "no", None: "unknown"}[status.condition],
    }


def table(status: dict[str, Status]) -> str:
    return "".join(f"{name}: {item.describe()}\n" for name, item in status.items())
