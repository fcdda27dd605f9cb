# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares by one shell command, and runs the module of the same name only if something differs."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.plugins.action import ActionBase
from ansible.plugins.connection import ConnectionBase
from ansible_collections.ftfw.pair.plugins.module_utils.nft.kept import (
    BOOT_MODE,
    beside,
    beside_text,
    boot_text,
)
from ansible_collections.ftfw.pair.plugins.module_utils.nft.options import (
    argument_spec,
    contents_of,
)
from ansible_collections.ftfw.pair.plugins.module_utils.nft.text import read
from ansible_collections.ftfw.pair.plugins.module_utils.system.terminals import plain
from ansible_collections.ftfw.pair.plugins.plugin_utils.rendering.collected import Collected, collect

MARK = "-- seen"


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: object = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _spec, given = self.validate_argument_spec(**argument_spec())
        if given["collect"]:
            host = str((task_vars or {})["inventory_hostname"])
            collect(constants.DEFAULT_LOCAL_TMP, host, list(kept_files(given)))
            return {**result, "changed": False, "changes": [], "waits": False}
        # what came in by an old connection would prove nothing; not all kinds of connection last
        if given["state"] == "confirmed" and type(self._connection).reset is not ConnectionBase.reset:
            self._connection.reset()
        if given["state"] == "present":
            said = self._low_level_execute_command(survey(given))
            if said["rc"] == 0 and same(given, said["stdout"]):
                return {**result, "changed": False, "changes": [], "waits": False}
        done: dict[str, Any] = self._execute_module(
            module_name="ftfw.pair.nft_ruleset", module_args=self._task.args, task_vars=task_vars
        )
        return {**result, **done}


def kept_files(given: dict[str, Any]) -> Iterator[Collected]:
    """What a boot of the node would need."""
    family, table, text = given["family"], given["table"], given["text"]
    path = Path(given["path"])
    source = read(text, family, table, contents_of(given))
    for one, content in (
        (path, boot_text(family, table, text)),
        (beside(path), beside_text(source.contents)),
    ):
        yield Collected(str(one), content.encode(), "root", "root", BOOT_MODE)


def survey(given: dict[str, Any]) -> str:
    """A POSIX shell command: what was loaded last, what the kernel has, and what a boot would load."""
    folder = shlex.quote(f"{given['runtime']}/{given['family']}-{given['table']}")
    return (
        f"cd {folder} && test ! -e pending.json && echo '{MARK}' && cat digests && "
        # of a large set nft would ask for the elements, and nothing is known to compare the listing with
        "! grep -q ' -$' digests && sh look 2>&1 | sha256sum && "
        f"test -e {shlex.quote(str(beside(Path(given['path']))))} && sha256sum {shlex.quote(given['path'])}"
    )


def same(given: dict[str, Any], stdout: str) -> bool:
    """Whether nothing is to be done. In doubt it is False: the module looks closer."""
    words = plain(stdout).partition(f"{MARK}\n")[2].split()
    if len(words) < 6:
        return False
    text, seen, now, _input, kept = words[:5]
    boot = boot_text(given["family"], given["table"], given["text"])
    return (text, seen, kept) == (_digest(given["text"]), now, _digest(boot))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
