# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`synced` needs both nodes of a pair: a snapshot of the primary, and a wait on the backup.

A module run takes seconds on an emulated guest, so the waiting is inside the module on the backup. Only
between two such waits is the primary asked which of the missing flows are still alive.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from ansible import constants as C  # noqa: N812
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import become_loader
from ansible_collections.ftfw.pair.plugins.module_utils.conntrack.tuples import unpack

MODULE = "ftfw.pair.conntrack_sync"
INFO_MODULE = "ftfw.pair.conntrack_sync_info"
# how long the backup waits before the primary is asked again
WAIT_SECONDS = 5.0
# flows that the result and the message name
MISSING_SHOWN = 100
SHOWN = 10


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: object = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        variables = task_vars or {}
        result: dict[str, Any] = super().run(tmp, variables)
        arguments = dict(self._task.args)
        if arguments.get("state") != "synced" or not arguments.get("backup"):
            answer: dict[str, Any] = self._execute_module(module_name=MODULE, task_vars=variables)
            return {**result, **answer}
        _spec, wanted = self.validate_argument_spec(SYNCED_OPTIONS)
        primary = str(self._task.delegate_to or variables["inventory_hostname"])
        backup = wanted["backup"]
        if backup == primary:
            raise AnsibleActionFail(f"backup: {backup} is the primary of this task itself")
        other = Other(self, backup, variables)
        return {**result, **self.wait(primary, other, wanted, variables)}

    def wait(
        self, primary: str, other: Other, wanted: Mapping[str, Any], variables: dict[str, Any]
    ) -> dict[str, Any]:
        deadline = time.monotonic() + wanted["timeout"]
        snapshot = self.flows(primary, "internal", wanted["config"], None, variables)
        pending, replicated, ended = snapshot["packed"], snapshot["count"], 0
        alone: dict[str, None] = {}
        while True:
            left = max(deadline - time.monotonic(), 0.0)
            answer = other.run_module(
                MODULE,
                {
                    "state": "synced",
                    "tuples": pending,
                    "table": wanted["table"],
                    "config": wanted["backup_config"] or wanted["config"],
                    "timeout": min(left, WAIT_SECONDS),
                },
            )
            # a failure of another kind than missing flows names none
            if answer.get("failed") and "pending" not in answer:
                raise AnsibleActionFail(f"{other.host}: {answer.get('msg', answer)}")
            missing, names = answer["missing_count"], []
            if missing:
                alive = self.flows(primary, "kernel", wanted["config"], answer["pending"], variables)
                orphans = [str(flow) for flow in unpack(alive["orphans"])]
                alone.update(dict.fromkeys(orphans))
                ended += missing - alive["count"] - len(orphans)
                missing, pending = alive["count"], alive["packed"]
                names = [str(flow) for flow in unpack(pending)][:MISSING_SHOWN]
            told = {
                "changed": False,
                "replicated": replicated,
                "ended": ended,
                "missing_count": missing,
                "missing": names,
                "orphans": list(alone)[:MISSING_SHOWN],
                "table": answer["table"],
            }
            if alone:
                told["warnings"] = [
                    f"{other.host} can't be given {len(alone)} flows that a helper of {primary} expected, for"
                    f" their control connections are over; a takeover ends them: {shown(list(alone))}"
                ]
            if not missing:
                return told
            if time.monotonic() >= deadline:
                return {
                    **told,
                    "failed": True,
                    "msg": f"{missing} of {replicated} flows that {primary} replicates are not in the "
                    f"{answer['table']} table of {other.host} after {wanted['timeout']:g} s: "
                    f"{shown(names, missing)}",
                }

    def flows(
        self, primary: str, table: str, config: str, among: str | None, variables: dict[str, Any]
    ) -> dict[str, Any]:
        """A set of the primary's flows, with its count."""
        arguments = {"gather": [], "tables": [table], "config": config, "closing": False}
        if among is not None:
            arguments.update(among=among, orphans=False)
        answer = self._execute_module(module_name=INFO_MODULE, module_args=arguments, task_vars=variables)
        if answer.get("failed"):
            raise AnsibleActionFail(f"{primary}: {answer.get('msg', answer)}")
        flows: dict[str, Any] = answer["flows"][table]
        return flows


def shown(names: list[str], count: int = 0) -> str:
    """Some of `count` names, or of those that there are."""
    more = max(count, len(names)) - SHOWN
    return "; ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


SYNCED_OPTIONS = {
    "state": {"type": "str", "required": True},
    "backup": {"type": "str", "required": True},
    "backup_config": {"type": "path"},
    "table": {"type": "str", "choices": ["auto", "external", "kernel"], "default": "auto"},
    "config": {"type": "path", "default": "/etc/conntrackd/conntrackd.conf"},
    "timeout": {"type": "float", "default": 30.0},
}


class Other:
    """Runs modules on another host of the inventory than the task's, as `delegate_to` would.

    Ansible makes one connection per task. This makes the second, from the other host's variables and the
    task's keywords, in the order of precedence that its task executor has.
    """

    def __init__(self, action: ActionModule, host: str, task_vars: dict[str, Any]) -> None:
        hostvars = task_vars["hostvars"]
        if host not in hostvars:
            raise AnsibleActionFail(f"backup: {host} is not in the inventory")
        self.host = host
        own = hostvars[host]
        # what a connection reads; other variables of the host are none of a module's business
        settings = {name: own[name] for name in own if str(name).startswith("ansible_")}
        settings["inventory_hostname"] = host
        inherited = {name: value for name, value in task_vars.items() if not str(name).startswith("ansible_")}
        self._variables = {**inherited, **settings}
        task = action._task.copy()
        task.delegate_to = None
        context = action._play_context.copy()
        context.remote_addr = settings.get("ansible_host", host)
        loaders = action._shared_loader_obj
        connection = loaders.connection_loader.get(
            settings.get("ansible_connection", task.connection),
            context,
            new_stdin=None,
            task_uuid=task._uuid,
            ansible_playbook_pid=str(os.getppid()),
        )
        keywords = task.dump_attrs()
        # these two mean the task's own time limit and its repetition, and not the connection's
        keywords["timeout"] = context.timeout
        keywords.pop("retries", None)
        if context.password:
            keywords["password"] = context.password
        if boolean(settings.get("ansible_become", task.become) or False):
            become = become_loader.get(settings.get("ansible_become_method") or task.become_method)
            become.set_options(task_keys=keywords, var_options=options("become", become, settings))
            connection.set_become_plugin(become)
        else:
            connection.set_become_plugin(None)
        connection.set_options(task_keys=keywords, var_options=options("connection", connection, settings))
        shell = connection._shell
        shell.set_options(task_keys=keywords, var_options=options("shell", shell, settings))
        self._action = ActionModule(
            task=task,
            connection=connection,
            play_context=context,
            loader=action._loader,
            templar=action._templar,
            shared_loader_obj=loaders,
        )

    def run_module(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = self._action._execute_module(
                module_name=name, module_args=arguments, task_vars=self._variables
            )
        except AnsibleConnectionFailure as error:
            # otherwise the primary would be taken for the host that can't be reached
            raise AnsibleActionFail(f"{self.host} can't be reached: {error}") from error
        return answer


def options(kind: str, plugin: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The variables that this plugin reads its options from."""
    return {
        name: settings[name] for name in C.config.get_plugin_vars(kind, plugin._load_name) if name in settings
    }
