# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes what a play has collected into a folder of the controller."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.ftfw.pair.plugins.module_utils.files.disk import apply, read
from ansible_collections.ftfw.pair.plugins.module_utils.files.plan import (
    ConfigFilesError,
    FileChange,
    FileState,
    WantedFile,
    diff,
    plan,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.rendering.collected import (
    INDEX,
    Collected,
    collected,
    indexed,
    shipped,
    shown,
)

ROOT = Path(__file__).parents[2]
SPEC = {
    "folder": {"type": "path", "required": True},
    "hosts": {"type": "list", "elements": "str", "required": True},
    "others": {"type": "list", "elements": "str", "default": []},
    "secrets": {"type": "bool", "default": False},
}


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: object = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _spec, given = self.validate_argument_spec(SPEC)
        folder = Path(os.path.abspath(given["folder"]))  # noqa: PTH100 (what it leads to need not be there)
        files = {host: collected(constants.DEFAULT_LOCAL_TMP, host) for host in given["hosts"]}
        try:
            changes = changes_of(folder, files, set(given["others"]), given["secrets"])
            if not self._task.check_mode:
                apply(changes)
                remove_empty(folder, changes)
        except ConfigFilesError as error:
            raise AnsibleActionFail(str(error)) from error
        return {
            **result,
            "changed": bool(changes),
            "changed_paths": [change.path for change in changes],
            "diff": diff(changes),
        }


def changes_of(
    folder: Path, hosts: Mapping[str, Sequence[Collected]], others: set[str], secrets: bool
) -> list[FileChange]:
    """What makes the folder show these hosts. Others stay; what it has of hosts that are gone goes."""
    files = list(shown(hosts, shipped(ROOT), secrets))
    wanted = [
        WantedFile(
            path=str(folder / file.path),
            content=file.content.encode(),
            owner=str(os.getuid()),
            group=str(os.getgid()),
            mode=0o600 if file.secret else 0o644,
            validate=None,
            sensitive=file.secret,
        )
        for file in files
    ]
    had = {
        str(folder / path): None
        for index in sorted(folder.glob(f"*{INDEX}"))
        if index.name.removesuffix(INDEX) not in others
        for path in indexed(index.name.removesuffix(INDEX), index.read_text("utf-8", errors="replace"))
    }
    for path in had:
        if os.path.normpath(path) != path:
            raise ConfigFilesError(path, "leads out of the folder; mend or remove the list that names it")
    gone = sorted(had.keys() - {item.path for item in wanted})
    current = {path: read(path) for path in [*(item.path for item in wanted), *gone]}
    changes = plan(wanted, current, lambda name: None, lambda name: None)
    return changes + [removal(path, state) for path in gone if (state := current[path]) is not None]


def removal(path: str, state: FileState) -> FileChange:
    # who may read it may have been restricted for a reason
    return FileChange(path, state, None, sensitive=state.mode == 0o600)


def remove_empty(folder: Path, changes: Sequence[FileChange]) -> None:
    """Remove folders that have lost their last file."""
    for change in changes:
        if change.after is None:
            for parent in Path(change.path).parents:
                if parent == folder or any(parent.iterdir()):
                    break
                parent.rmdir()
