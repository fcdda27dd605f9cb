# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks a firewall for its state by one shell command."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.ftfw.pair.plugins.plugin_utils.health.status import MARK, command, parse_status

SPEC = {"virtual_addresses": {"type": "list", "elements": "str", "required": True}}


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: object = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _spec, arguments = self.validate_argument_spec(SPEC)
        answer = self._low_level_execute_command(command())
        if MARK not in answer["stdout"]:
            raise AnsibleActionFail(f"the node answers nothing to read: {answer['stderr'] or answer['rc']}")
        return {**result, "changed": False, **parse_status(answer["stdout"], arguments["virtual_addresses"])}
