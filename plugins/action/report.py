# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints a table, writes a document, and fails when what they tell is bad."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.ftfw.pair.plugins.plugin_utils.page.report import (
    CHECK_COLUMNS,
    check_rows,
    failures,
    table,
    verification,
    write,
)

SPEC = {
    "site": {"type": "str"},
    "checks": {"type": "list", "elements": "dict"},
    "columns": {"type": "list", "elements": "str"},
    "rows": {"type": "list", "elements": "dict"},
    "document": {"type": "raw"},
    "lines": {"type": "list", "elements": "str", "default": []},
    "problems": {"type": "list", "elements": "str", "default": []},
    "path": {"type": "path"},
}


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: object = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _spec, arguments = self.validate_argument_spec(
            SPEC,
            mutually_exclusive=[("checks", "rows")],
            required_one_of=[("checks", "rows")],
            required_together=[("site", "checks"), ("columns", "rows")],
        )
        problems: list[str] = list(arguments["problems"])
        if arguments["checks"] is not None:
            checks = arguments["checks"]
            lines = table(CHECK_COLUMNS, check_rows(checks))
            document: object = verification(arguments["site"], checks)
            problems += failures(checks)
            problems += [] if checks else ["nothing was checked"]
        else:
            lines, document = table(arguments["columns"], arguments["rows"]), arguments["document"]
        notes = ["", *arguments["lines"]] if arguments["lines"] else []
        Display().display("\n".join(["", *lines, *notes, ""]))
        if arguments["path"]:
            try:
                write(Path(arguments["path"]), document)
            except OSError as error:
                raise AnsibleActionFail(f"can't write {arguments['path']}: {error.strerror}") from error
        if problems:
            raise AnsibleActionFail("; ".join(problems))
        return {**result, "changed": False, "document": document}
