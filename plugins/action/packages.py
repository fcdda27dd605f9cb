# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the package database by one shell command, and runs a package module only for what differs."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

CACHE_SECONDS = 3600


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: object = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _spec, arguments = self.validate_argument_spec(
            {
                "name": {"type": "list", "elements": "str", "required": True},
                "state": {"type": "str", "default": "present", "choices": ["present", "absent"]},
            }
        )
        names, present = arguments["name"], arguments["state"] == "present"
        said = self._low_level_execute_command(survey(names))
        manager, installed = parse_installed(said["stdout"])
        if manager is None:
            raise AnsibleActionFail(f"neither dpkg nor rpm was found: {said['stderr'].strip() or 'no word'}")
        changes = [name for name in names if (name in installed) is not present]
        result.update(
            changed=bool(changes),
            changed_packages=changes,
            diff={
                "before": "".join(f"{name}\n" for name in names if name in installed),
                "after": "".join(f"{name}\n" for name in names if present),
            },
        )
        if not changes or self._task.check_mode:
            return result
        return {**result, **self._change(manager, changes, arguments["state"], task_vars or {})}

    def _change(
        self, manager: str, names: Sequence[str], state: str, task_vars: dict[str, Any]
    ) -> dict[str, Any]:
        options: dict[str, Any] = {"name": list(names), "state": state}
        if manager == "dpkg":
            if state == "present":
                options.update(update_cache=True, cache_valid_time=CACHE_SECONDS)
            module = "ansible.builtin.apt"
        else:
            module = "ansible.builtin.dnf"
        done: dict[str, Any] = self._execute_module(
            module_name=module, module_args=options, task_vars=task_vars
        )
        # the modules' own diff is the package manager's text; ours names what was asked for
        kept = {key: value for key, value in done.items() if key not in ("diff", "invocation")}
        return {"changed": False, **kept} if done.get("failed") else kept


def survey(names: Sequence[str]) -> str:
    """A POSIX shell command that prints the package manager, and those of the packages that are installed."""
    packages = " ".join(shlex.quote(name) for name in names)
    return (
        "export LC_ALL=C; "
        "if command -v dpkg-query >/dev/null; then echo 'manager dpkg'; "
        f"dpkg-query -W -f '${{db:Status-Status}} ${{Package}} ${{binary:Package}}\\n' -- {packages} "
        "2>/dev/null; "
        "elif command -v rpm >/dev/null; then echo 'manager rpm'; "
        f"rpm -q --qf 'installed %{{NAME}} %{{NAME}}.%{{ARCH}}\\n' -- {packages}; fi; :"
    )


def parse_installed(stdout: str) -> tuple[str | None, set[str]]:
    """The package manager, and the names, with and without architecture, of installed packages."""
    manager = None
    installed: set[str] = set()
    for line in stdout.splitlines():
        first, *names = line.split() or [""]
        if first == "manager":
            manager = names[0]
        elif first == "installed":
            installed.update(names)
    return manager, installed
