# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks a firewall for its state and its health by one shell command."""

from __future__ import annotations

import json
import time
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible_collections.ftfw.pair.plugins.module_utils.system.terminals import plain
from ansible_collections.ftfw.pair.plugins.plugin_utils.health.status import MARK, command, parse_status

SPEC = {
    "virtual_addresses": {"type": "list", "elements": "str", "required": True},
    "delay": {"type": "float", "default": 0.0},
}
PROGRAM = "/usr/local/sbin/pair-health"
BEGIN, END = f"\n{MARK}health\n", f"\n{MARK}end\n"
STAMP = "date +%s.%N"


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: object = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        _spec, arguments = self.validate_argument_spec(SPEC)
        time.sleep(arguments["delay"])
        before = time.time()
        answer = self._low_level_execute_command(health_command())
        after = time.time()
        text = plain(answer["stdout"])
        if MARK not in text:
            # not even a shell: some connections tell of an exit code only
            raise AnsibleConnectionFailure(
                f"the node answers nothing: {answer['stderr'].strip() or answer['rc']}"
            )
        return {
            **result,
            "changed": False,
            **parse_status(text.partition(BEGIN)[0], arguments["virtual_addresses"]),
            **parse_health(text, answer["stderr"]),
            "clock_offset": clock_offset(text, before, after),
        }


def health_command() -> str:
    """The state as `pair_status` asks for it, then the health, between two stamps of the node's clock."""
    health = f"echo; echo '{MARK}health'; {PROGRAM} --compare 2>&1; echo; echo '{MARK}end'"
    return f"{STAMP}; {command()}; {health}; {STAMP}"


def parse_health(text: str, complaint: str) -> dict[str, Any]:
    """The document of pair-health, or why there is none."""
    _before, begun, rest = text.partition(BEGIN)
    said, ended, _stamp = rest.rpartition(END)
    if not begun or not ended:
        return {
            "health": None,
            "health_error": f"the answer is cut off: {complaint.strip() or text[-200:]!r}",
        }
    try:
        return {"health": dict(json.loads(said)), "health_error": None}
    except (ValueError, TypeError):
        words = said.strip().splitlines()
        return {"health": None, "health_error": words[-1] if words else f"{PROGRAM} says nothing"}


def clock_offset(text: str, before: float, after: float) -> list[float] | None:
    """Between which two numbers of seconds the node's clock is ahead of ours.

    Its first stamp was made after `before`, its last one before `after`, by our clock.
    """
    try:
        first, last = float(text.lstrip().partition("\n")[0]), float(text.rpartition(END)[2])
    except ValueError:
        return None
    return [last - after, first - before]
