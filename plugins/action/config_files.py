# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares files by one shell command, and runs the module of the same name only if something differs."""

from __future__ import annotations

import hashlib
import shlex
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.ftfw.pair.plugins.module_utils.files.plan import (
    ConfigFilesError,
    WantedFile,
    argument_spec,
    parse,
)
from ansible_collections.ftfw.pair.plugins.module_utils.system.terminals import plain
from ansible_collections.ftfw.pair.plugins.plugin_utils.rendering.collected import Collected, collect

MARK = "-- sums"


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: object = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _spec, arguments = self.validate_argument_spec(argument_spec())
        try:
            wanted = parse(arguments["files"])
        except ConfigFilesError as error:
            raise AnsibleActionFail(str(error)) from error
        if arguments["collect"]:
            files = [
                Collected(item.path, item.content, item.owner, item.group, item.mode, item.sensitive)
                for item in wanted
                if item.content is not None
            ]
            collect(constants.DEFAULT_LOCAL_TMP, str((task_vars or {})["inventory_hostname"]), files)
            return {**result, "changed": False, "changed_paths": []}
        said = self._low_level_execute_command(survey([item.path for item in wanted]))
        if said["rc"] == 0 and same(wanted, said["stdout"], said["stderr"]):
            return {**result, "changed": False, "changed_paths": []}
        done: dict[str, Any] = self._execute_module(
            module_name="ftfw.pair.config_files", module_args=self._task.args, task_vars=task_vars
        )
        return {**result, **done}


@dataclass(frozen=True)
class FileStat:
    """What stat says of a file."""

    mode: int
    owners: tuple[str, str]
    groups: tuple[str, str]


def survey(paths: Sequence[str]) -> str:
    """A POSIX shell command that prints attributes and checksums of those of the files that exist.

    Two processes for all files, because each of them counts on an emulated node.
    """
    if not paths:
        return ":"
    names = " ".join(shlex.quote(path) for path in paths)
    return (
        f"export LC_ALL=C; stat -c '%f %u %U %g %G %n' -- {names}; "
        f"echo '{MARK}'; sha256sum -- {names} 2>/dev/null; :"
    )


def same(wanted: Sequence[WantedFile], stdout: str, stderr: str) -> bool:
    """Whether nothing is to be done. In doubt it is False: the module looks closer."""
    attributes, mark, sums = plain(stdout).partition(MARK + "\n")
    if wanted and not mark:
        return False
    # in a folder that can't be searched, an absent file and a present one look alike
    if "Permission denied" in stderr or "Permission denied" in attributes:
        return False
    # what was kept, and whose the file is, is the module's to see
    if any(item.original for item in wanted):
        return False
    seen = parse_attributes(attributes)
    hashes = parse_sums(sums)
    return all(_same(item, seen.get(item.path), hashes.get(item.path)) for item in wanted)


def _same(wanted: WantedFile, seen: FileStat | None, checksum: str | None) -> bool:
    if wanted.content is None or seen is None:
        return wanted.content is None and seen is None
    return (
        stat.S_ISREG(seen.mode)
        and stat.S_IMODE(seen.mode) == wanted.mode
        and wanted.owner in seen.owners
        and wanted.group in seen.groups
        and checksum == hashlib.sha256(wanted.content).hexdigest()
    )


def parse_attributes(text: str) -> dict[str, FileStat]:
    seen = {}
    for line in text.splitlines():
        fields = line.split(" ", 5)
        try:
            mode, uid, user, gid, group, path = fields
            seen[path] = FileStat(int(mode, 16), (uid, user), (gid, group))
        except ValueError:
            # a banner or a warning
            continue
    return seen


def parse_sums(text: str) -> dict[str, str]:
    """From sha256sum's lines, in which a leading backslash says that the name is escaped."""
    sums = {}
    for line in text.splitlines():
        checksum, _separator, name = line.partition("  ")
        if checksum.startswith("\\"):
            checksum, name = checksum[1:], name.replace("\\\\", "\\")
        sums[name] = checksum
    return sums
