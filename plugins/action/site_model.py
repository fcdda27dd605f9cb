# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only reader of the inventory's facts: checks all hosts' variables, gives each host its view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test_view import (
    check_derived,
    policy_test_view,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_tests import (
    VARIABLE,
    Otherwise,
    PolicyTest,
    read_policy_tests,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site_addresses import ReadFile
from ansible_collections.ftfw.pair.plugins.plugin_utils.site_parse import (
    CONNECTION_VARIABLES,
    HOST_VARIABLES,
    SITE_VARIABLES,
    read_site,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site_problems import Problems, SiteError
from ansible_collections.ftfw.pair.plugins.plugin_utils.site_rules import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.site_view import host_view

_SHOWN = 20
SPEC = {
    "check_only": {"type": "bool", "default": False},
    "policy_tests": {"type": "bool", "default": False},
}


class ActionModule(ActionBase):
    """See the documentation of the module of the same name."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: object = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        variables = task_vars or {}
        result: dict[str, Any] = super().run(tmp, variables)
        _spec, arguments = self.validate_argument_spec(SPEC)
        host = str(variables["inventory_hostname"])
        problems = Problems()
        hostvars, names = read_hostvars(variables["hostvars"], problems)
        played = [str(name) for name in variables.get("ansible_play_hosts", [host])]
        directory = Path(inventory_directory(variables["hostvars"]) or self._loader.get_basedir())

        def read_file(path: str) -> str:
            return (directory / path).read_text("utf-8-sig")

        tests = policy_tests(hostvars, problems, read_file)
        try:
            site = load_site(hostvars, names, problems, read_file, variables.get("groups"))
            if arguments["check_only"] and arguments["policy_tests"]:
                check_derived(site, tests)
        except SiteError as error:
            # no cause is chained: Ansible would print its text, the list, a second time and on every host
            if host != played[0]:
                # not by name: a host is no more in the list once it has failed
                raise AnsibleActionFail(
                    "the inventory has errors, told at the first host that failed"
                ) from None
            raise AnsibleActionFail(f"the inventory has {len(error.problems)} error(s):\n{error}") from None
        result["changed"] = False
        if host == played[0]:
            result["warnings"] = told(site.warnings)
        if not arguments["check_only"]:
            if host not in site.hosts:
                raise AnsibleActionFail(f"{host} is not in the inventory, so the site has no view for it")
            view = host_view(site, host)
            if arguments["policy_tests"]:
                view["policy_test"] = policy_test_view(site, host, tests)
            result["ansible_facts"] = {"site_view": view}
        return result


def inventory_directory(hostvars: Mapping[str, Mapping[str, object]]) -> str | None:
    """Find the directory that paths of files start from: that of the first host which has some."""
    having = ("site_addresses", "site_fragments")
    holders = (hostvars[name] for name in hostvars if any(key in hostvars[name] for key in having))
    found = next(holders, {}).get("inventory_dir")
    return str(found) if found else None


def told(warnings: Sequence[str]) -> list[str]:
    """What of the warnings is shown: a mistake in a long policy may make thousands."""
    more = len(warnings) - _SHOWN
    return [
        *warnings[:_SHOWN],
        *([f"there are {more} more warnings about the inventory"] if more > 0 else []),
    ]


def policy_tests(
    hostvars: Mapping[str, Mapping[str, object]], problems: Problems, read_file: ReadFile
) -> tuple[PolicyTest | Otherwise, ...]:
    """Read the site's own tests. What is wrong with the rest of the inventory is told by others."""
    if not any(VARIABLE in values for values in hostvars.values()):
        return ()
    site = read_site(hostvars, Problems(), Problems(), read_file)
    return read_policy_tests(hostvars, site, problems)


def read_hostvars(
    hostvars: Mapping[str, Mapping[str, object]], problems: Problems
) -> tuple[dict[str, dict[str, object]], dict[str, list[str]]]:
    """Template what the site needs of each host's variables, and list the names of all of them."""
    values: dict[str, dict[str, object]] = {}
    names: dict[str, list[str]] = {}
    for name in hostvars:
        host, host_values = str(name), hostvars[name]
        values[host] = {}
        names[host] = [str(key) for key in host_values]
        for key in (*SITE_VARIABLES, *HOST_VARIABLES):
            if key not in host_values:
                continue
            try:
                values[host][key] = plain(host_values[key])
            except AnsibleError as error:
                problems.add(host, key, "…", f"its template fails: {error}", "define what it refers to")
        for key in CONNECTION_VARIABLES:
            # where its template fails, Ansible says so itself when it connects
            with suppress(AnsibleError):
                if key in host_values:
                    values[host][key] = plain(host_values[key])
    return values, names


def plain(value: object) -> object:
    """Strip Ansible's own types (tagged and unsafe ones) down to those of JSON."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, str):
        return "".join(value)
    for kind in (bool, int, float):
        if isinstance(value, kind):
            return kind(value)
    return value
