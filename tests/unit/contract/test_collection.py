# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles and playbooks read what the contract of site_view has, and all of it."""

from __future__ import annotations

import ast
import fnmatch
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

import yaml
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.contract import HostView
from ansible_collections.ftfw.pair.tests.unit.contract.reads import Reads, element, parts
from jinja2 import Environment, nodes

ROOT = Path(__file__).parents[3]
YAML = [
    path
    for pattern in (
        *(f"roles/*/{folder}/*.yml" for folder in ("defaults", "vars", "tasks", "handlers")),
        "playbooks/**/*.yml",
    )
    for path in sorted(ROOT.glob(pattern))
]
TEMPLATES = sorted([*ROOT.glob("roles/*/templates/*.j2"), *ROOT.glob("playbooks/templates/*.j2")])
OF_ROLES = [path for path in (*YAML, *TEMPLATES) if path.is_relative_to(ROOT / "roles")]
JINJA = Environment()  # noqa: S701 - nothing is rendered
CONDITIONS = {"when", "that", "until", "failed_when", "changed_when"}
SEEN_IN_THIS_RUN = {"roles/keepalived/tasks/start.yml", "roles/nftables/tasks/apply.yml"}
"""What the same task has just seen on the other node. It is nothing of the site, so no view has it; and a
role can't ask another node itself (test_delegation.py)."""
READERS = ("plugin_utils/faults", "plugin_utils/health", "plugin_utils/page")
"""Rooms that get whole views, as those of drill and status do. Parts go to modules, too."""
NOT_READ = {
    "Nftables.helpers": "contents has them; playbooks of others may know them from here",
}
PACKED = "Packed"
"""Of Contents: one class packs and unpacks them."""


@cache
def loaded(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from strings(one)


def conditions(value: Any) -> Iterator[str]:
    """Expressions without braces."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from strings(one) if key in CONDITIONS else conditions(one)
    elif isinstance(value, list):
        for one in value:
            yield from conditions(one)


def variables() -> dict[str, list[str]]:
    """What gives a value to each variable: files of roles, `vars` of plays and of tasks, set_fact."""
    found: dict[str, list[str]] = defaultdict(list)

    def walk(value: Any) -> None:
        if isinstance(value, list):
            for one in value:
                walk(one)
        elif isinstance(value, dict):
            for key, one in value.items():
                if key in ("vars", "ansible.builtin.set_fact") and isinstance(one, dict):
                    note(one)
                walk(one)

    def note(values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            if isinstance(value, str) and value.strip().startswith("{{"):
                found[name].append(value)

    for path in YAML:
        if path.parent.name in ("defaults", "vars"):
            note(loaded(path))
        else:
            walk(loaded(path))
    return found


def walk(value: Any, reads: Reads, scope: Mapping[str, Any], condition: bool = False) -> None:
    """Go through the values of a YAML file; a task's loop binds its variable."""
    if isinstance(value, dict):
        if isinstance(value.get("loop"), str):
            name = (value.get("loop_control") or {}).get("loop_var", "item")
            scope = {**scope, name: element(reads.expression(value["loop"], scope))}
        for key, one in value.items():
            given = key in ("vars", "ansible.builtin.set_fact") and isinstance(one, dict)
            for inner in one.values() if given else [one]:
                walk_value(inner, reads, scope, key in CONDITIONS, given)
    elif isinstance(value, list):
        for one in value:
            walk_value(one, reads, scope, condition, False)


def walk_value(value: Any, reads: Reads, scope: Mapping[str, Any], condition: bool, given: bool) -> None:
    if not isinstance(value, str):
        walk(value, reads, scope, condition)
    elif condition or (given and value.strip().startswith("{{")):
        reads.expression(value, scope)
    elif "{{" in value or "{%" in value:
        reads.text(value, scope)


@cache
def all_reads() -> tuple[Reads, dict[str, set[str]]]:
    """All of it, and for each file what the contract does not have."""
    texts = {path.name: path.read_text() for path in TEMPLATES}

    def template(name: str) -> str | None:
        return "".join(text for one, text in texts.items() if fnmatch.fnmatch(one, name)) or None

    reads = Reads(variables(), template)
    wrong: dict[str, set[str]] = {}
    for path in [*YAML, *TEMPLATES]:
        before = set(reads.unknown)
        if path.suffix == ".j2":
            reads.text(path.read_text(), {})
        elif path.parent.name in ("defaults", "vars"):
            walk({"vars": loaded(path)}, reads, {})
        else:
            walk(loaded(path), reads, {})
        if reads.unknown - before:
            wrong[path.relative_to(ROOT).as_posix()] = reads.unknown - before
    return reads, wrong


def words(*folders: str) -> set[str]:
    """Strings in Python."""
    return {
        node.value
        for folder in folders
        for path in (ROOT / "plugins" / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_all_that_is_read_is_in_the_contract() -> None:
    assert all_reads()[1] == {}


def test_all_that_is_in_the_contract_is_read() -> None:
    reads, _wrong = all_reads()
    of_parts = words("modules", "action", "filter", "module_utils", "plugin_utils/host_network", *READERS)
    of_views = words(*READERS)
    unread = [
        f"{part.__name__}.{key}"
        for part in dict.fromkeys(parts(HostView))
        if not part.__name__.startswith(PACKED)
        for key in get_type_hints(part)
        if (part, key) not in reads.read
        and key not in of_views
        and not (part in reads.whole and key in of_parts)
    ]
    assert unread == list(NOT_READ)


@cache
def asking() -> set[str]:
    """Which files of roles ask variables of other hosts, or variables by their names."""
    found = set()
    for path in OF_ROLES:
        if path.suffix == ".j2":
            texts = [path.read_text()]
        else:
            texts = [*strings(loaded(path)), *("{{ (" + one + ") }}" for one in conditions(loaded(path)))]
        names = {name.name for text in texts for name in JINJA.parse(text).find_all(nodes.Name)}
        if names & {"hostvars", "vars"}:
            found.add(path.relative_to(ROOT).as_posix())
    return found


def test_no_role_asks_hostvars() -> None:
    """Of other hosts a role knows what site_view says."""
    assert asking() == SEEN_IN_THIS_RUN
