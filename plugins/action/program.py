# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds a program, compares by one shell command, and runs the module only if something differs."""

from __future__ import annotations

import shlex
from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.ftfw.pair.plugins.module_utils.files.program import MARK_SIZE, PYTHON, is_current
from ansible_collections.ftfw.pair.plugins.module_utils.system.terminals import plain
from ansible_collections.ftfw.pair.plugins.modules.program import argument_spec
from ansible_collections.ftfw.pair.plugins.plugin_utils.packing.imports import PackingError
from ansible_collections.ftfw.pair.plugins.plugin_utils.packing.program import build
from ansible_collections.ftfw.pair.plugins.plugin_utils.packing.programs import PROGRAMS
from ansible_collections.ftfw.pair.plugins.plugin_utils.rendering.collected import Collected, collect


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: object = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _spec, arguments = self.validate_argument_spec(argument_spec())
        path, links = str(arguments["path"]), [str(each) for each in arguments["links"]]
        try:
            built = build(PROGRAMS[arguments["name"]])
        except PackingError as error:
            raise AnsibleActionFail(str(error)) from error
        result["version"] = f"{built.version}+{built.digest}"
        if arguments["collect"]:
            files = [Collected(path, built.content, "root", "root", 0o755)]
            files += [Collected(each, b"", "root", "root", 0o777, link=path) for each in links]
            collect(constants.DEFAULT_LOCAL_TMP, str((task_vars or {})["inventory_hostname"]), files)
            return {**result, "changed": False, "changed_paths": []}
        said = self._low_level_execute_command(survey(path, links))
        if said["rc"] == 0 and same(said["stdout"], built.content, path, links):
            return {**result, "changed": False, "changed_paths": []}
        done: dict[str, Any] = self._execute_module(
            module_name="ftfw.pair.program",
            module_args={**self._task.args, "content": b64encode(built.content).decode()},
            task_vars=task_vars,
        )
        return {**result, **done}


def survey(path: str, links: Sequence[str]) -> str:
    """A POSIX shell command that tells, a line each: attributes, digest, Python, links, and then the mark."""
    file = shlex.quote(path)
    return (
        f"export LC_ALL=C; test -f {file} && stat -c '%a %u %g' -- {file}"
        f" && head -c -{MARK_SIZE} -- {file} | sha256sum && readlink -f {PYTHON}"
        + "".join(f" && readlink -- {shlex.quote(each)}" for each in links)
        + f" && tail -c {MARK_SIZE} -- {file}"
    )


def same(stdout: str, built: bytes, path: str, links: Sequence[str]) -> bool:
    """Whether nothing is to be done. In doubt it is False: the module looks closer."""
    lines = plain(stdout).splitlines(keepends=True)
    if len(lines) != 4 + len(links):
        return False
    attributes, digest, python, *targets = (line.strip() for line in lines[:-1])
    return (
        attributes == "755 0 0"
        and targets == [path] * len(links)
        and is_current(lines[-1].encode(), digest.split()[0], built, python.rpartition("/")[2])
    )
