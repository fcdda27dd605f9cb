# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The only reader of the inventory's facts: checks all hosts' variables, gives each host its view."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.vars import load_extra_vars
from ansible_collections.ftfw.pair.plugins.plugin_utils.inventory.files import (
    Ignored,
    check_files,
    check_hosts,
    check_sources,
    check_variable_places,
    inventory_files,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.inventory.inventory import Inventory
from ansible_collections.ftfw.pair.plugins.plugin_utils.inventory.kept import (
    Kept,
    SerialTask,
    keep,
    kept_by,
    kept_in,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.sections import MODEL, named_files
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.variables import EXTRA
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_view, host_views
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.tests import written_tests
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.view import (
    check_derived,
    policy_test_view,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import (
    INVENTORY,
    Problems,
    SiteError,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Site

_SHOWN = 20
_FILE = "site_model_warnings"
_ALL = f"-e {_FILE}=PATH writes all of them to a file"
SPEC = {
    "check_only": {"type": "bool", "default": False},
    "policy_tests": {"type": "bool", "default": False},
    "checked": {"type": "str"},
    "extra_only": {"type": "bool", "default": False},
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
        result["changed"] = False
        if arguments["extra_only"]:
            return {**result, **self._check_extra(variables)}
        batch = self._batch(variables)
        checks = arguments["check_only"] and not arguments["policy_tests"]
        if batch and checks and (before := kept_by(constants.DEFAULT_LOCAL_TMP, batch)):
            return {**result, "checked": str(before.folder)}
        kept = self._kept(arguments["checked"])
        view = kept.view(host) if kept else None
        if view and not (arguments["check_only"] or arguments["policy_tests"]):
            return {**result, "ansible_facts": {"site_view": view}}
        played = [str(name) for name in variables.get("ansible_play_hosts", [host])]
        try:
            if kept and view:
                site = kept.site()
            else:
                site = self._read(variables, first=host == played[0])
                if host == played[0]:
                    self._keep_warnings(site.warnings, variables)
                    result["warnings"] = told(site.warnings)
            if arguments["check_only"] and arguments["policy_tests"]:
                check_derived(site, written_tests(site))
        except SiteError as error:
            # no cause is chained: Ansible would print its text, the list, a second time and on every host
            if host != played[0]:
                # not by name: a host is no more in the list once it has failed
                raise AnsibleActionFail(
                    "the inventory has errors, told at the first host that failed"
                ) from None
            raise AnsibleActionFail(f"the inventory has {len(error.problems)} error(s):\n{error}") from None
        if arguments["check_only"]:
            if not (kept and view):
                views = host_views(site, [name for name in played if name in site.hosts])
                kept = keep(constants.DEFAULT_LOCAL_TMP, site, views, batch)
            return {**result, "checked": str(kept.folder)}
        if host not in site.hosts:
            raise AnsibleActionFail(f"{host} is not in the inventory, so the site has no view for it")
        view = view or host_view(site, host)
        if arguments["policy_tests"]:
            view["policy_test"] = policy_test_view(site, host, written_tests(site))
        return {**result, "ansible_facts": {"site_view": view}}

    def _check_extra(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """Look at what was given by -e, and at nothing else."""
        problems, warnings = Problems(), Problems()
        extra = load_extra_vars(self._loader)
        Inventory(variables["hostvars"], extra, self._loader).check(problems, warnings, extra_only=True)
        if problems:
            lines = "\n".join(problems.lines())
            raise AnsibleActionFail(f"{EXTRA} have {len(problems)} error(s):\n{lines}")
        return {"warnings": told(warnings.lines())}

    def _batch(self, variables: Mapping[str, Any]) -> SerialTask | None:
        """A play with `serial` runs this task again for each part of its hosts."""
        hosts = [str(name) for name in variables.get("ansible_play_batch") or ()]
        every = variables.get("ansible_play_hosts_all") or ()
        return SerialTask(str(self._task._uuid), tuple(hosts)) if len(hosts) < len(every) else None

    def _kept(self, path: str | None) -> Kept | None:
        if not path:
            return None
        kept = kept_in(constants.DEFAULT_LOCAL_TMP, path)
        if kept is None:
            raise AnsibleActionFail(
                f"checked: {path}: no check of this run has returned it; give what check_only has returned"
            )
        return kept

    def _read(self, variables: Mapping[str, Any], first: bool) -> Site:
        """Read and check the whole inventory; the first host tells what is wrong, so others look for less."""
        problems, warnings = Problems(), Problems()
        inventory = Inventory(variables["hostvars"], load_extra_vars(self._loader), self._loader)
        hostvars = inventory.model(problems, connections=first)
        directory = Path(inventory.directory() or self._loader.get_basedir())

        def read_file(path: str) -> str:
            return (directory / path).read_text("utf-8-sig")

        if first:
            self._check_files(variables, inventory, hostvars, directory, problems, warnings)
            inventory.check(problems, warnings)
        return load_site(hostvars, None, problems, read_file, variables.get("groups"), warnings)

    def _check_files(
        self,
        variables: Mapping[str, Any],
        inventory: Inventory,
        hostvars: Mapping[str, Mapping[str, object]],
        directory: Path,
        problems: Problems,
        warnings: Problems,
    ) -> None:
        """Look at the files of the inventory, and at what Ansible has made of them."""
        sources = [str(source) for source in variables.get("ansible_inventory_sources") or ()]
        before = len(problems)
        paths = check_sources(sources, problems)
        ignored = Ignored(tuple(constants.INVENTORY_IGNORE_EXTS), tuple(constants.INVENTORY_IGNORE_PATTERNS))
        names = {*hostvars, *(variables.get("groups") or {})}
        check_files(paths, Path(self._loader.get_basedir()), ignored, problems, names)
        # a file that can't be read is why there are no hosts
        if not any(set(values) & set(MODEL) for values in hostvars.values()) and len(problems) == before:
            wrong = "no host says what the site is" if hostvars else "has no hosts"
            right = "name the inventory of a site: -i inventories/NAME"
            problems.add(INVENTORY, "path", ", ".join(sources) or None, wrong, right)
        read = {os.path.realpath(file) for path in paths for file in inventory_files(path, ignored)}
        first = {name: str(inventory.raw(name).get("inventory_file") or "") for name in hostvars}
        places = {name: os.path.realpath(path) if path else "" for name, path in first.items()}
        named = {os.path.realpath(directory / path): path for path in named_files(hostvars)}
        check_hosts(places, named, read, problems)
        folders = [path for path in paths if path.is_dir()]
        # beside several inventories there are variables for the others, too
        alone = [
            p.parent for p in paths if p.is_file() and len(list(inventory_files(p.parent, ignored))) == 1
        ]
        check_variable_places([*folders, *alone], variables.get("groups") or {}, hostvars, warnings)

    def _keep_warnings(self, warnings: Sequence[str], variables: Mapping[str, Any]) -> None:
        """Write all warnings to a file, if one is named."""
        path = self._templar.template(variables[_FILE]) if variables.get(_FILE) else None
        if not path:
            return
        try:
            Path(path).write_text("".join(f"{line}\n" for line in warnings), "utf-8")
        except OSError as error:
            raise AnsibleActionFail(
                f"{EXTRA}: {_FILE}: {path}: can't be written: {error.strerror}; "
                "name a file in a folder that is there"
            ) from None


def told(warnings: Sequence[str]) -> list[str]:
    """What of the warnings is shown: a mistake in a long policy may make thousands."""
    more = len(warnings) - _SHOWN
    return [
        *warnings[:_SHOWN],
        *([f"there are {more} more warnings about the inventory; {_ALL}"] if more > 0 else []),
    ]
