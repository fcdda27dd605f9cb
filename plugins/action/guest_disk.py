# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module of the same name, or keeps what it would write into the disks."""

from __future__ import annotations

from typing import Any

from ansible import constants
from ansible.plugins.action import ActionBase
from ansible_collections.ftfw.pair.plugins.module_utils.guest.disk import argument_spec
from ansible_collections.ftfw.pair.plugins.module_utils.guest.seed import identity, seed_files
from ansible_collections.ftfw.pair.plugins.plugin_utils.rendering.collected import Collected, collect

MADE = "(made with the disk)"


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: object = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _spec, given = self.validate_argument_spec(argument_spec())
        if not given["collect"]:
            done: dict[str, Any] = self._execute_module(
                module_name="ftfw.pair.guest_disk", module_args=self._task.args, task_vars=task_vars
            )
            return {**result, **done}
        host = str((task_vars or {})["inventory_hostname"])
        for disk in given["disks"]:
            collect(constants.DEFAULT_LOCAL_TMP, host, in_disk(disk, given["authorized_keys"]))
        return {**result, "changed": False, "made": [], "host_keys": {}}


def in_disk(disk: dict[str, Any], authorized_keys: list[str]) -> list[Collected]:
    """The files of a new disk, as if it were a folder."""
    guest = identity(disk, authorized_keys, MADE, f"{MADE}\n", f"{MADE}\n")
    return [
        Collected(f"{disk['path']}/disk.raw{file.path}", file.content.encode(), "root", "root", file.mode)
        for file in seed_files(guest)
    ]
