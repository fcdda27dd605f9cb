# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes one HTML page of the JSON document of a bench or a drill, on the controller."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.ftfw.pair.plugins.plugin_utils.page.document import DocumentError, load
from ansible_collections.ftfw.pair.plugins.plugin_utils.page.page import page
from ansible_collections.ftfw.pair.plugins.plugin_utils.page.report import write_text
from ansible_collections.ftfw.pair.plugins.plugin_utils.page.words import verdict

SPEC = {"document": {"type": "path", "required": True}, "page": {"type": "path", "required": True}}


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: object = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _spec, arguments = self.validate_argument_spec(SPEC)
        source, target = Path(arguments["document"]), Path(arguments["page"])
        try:
            document = load(read(source), source.name)
        except DocumentError as error:
            raise AnsibleActionFail(f"{source} can't be shown:\n{error}") from error
        text = page(document)
        changed = not (target.is_file() and target.read_bytes() == text.encode())
        if changed and not self._task.check_mode:
            try:
                write_text(target, text)
            except OSError as error:
                raise AnsibleActionFail(f"can't write {target}: {error.strerror}") from error
        return {**result, "changed": changed, "page": str(target), "summary": verdict(document)[1]}


def read(path: Path) -> object:
    """Read a JSON file; what is wrong with it is told with its place."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AnsibleActionFail(f"can't read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise AnsibleActionFail(f"{path} is not UTF-8: byte {error.start} is wrong") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise AnsibleActionFail(f"{path} is not JSON: {place}: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise AnsibleActionFail(f"{path} can't be read as JSON: {error}") from error
