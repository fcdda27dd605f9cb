# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/inventory.md has every key that an inventory may have, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.parse import HOST_VARIABLES, SITE_VARIABLES

ROOT = Path(__file__).parents[2]
CODE = ROOT / "plugins" / "plugin_utils"
ROOMS = ("site", "policy", "sections", "policy_test")
"""That read sections of an inventory."""
PLACES = {
    "sections.parse._network": "site_networks.NAME",
    "sections.parse._service": "site_services.NAME",
    "sections.parse._port_forward": "site_port_forwards[]",
    "sections.parse._probes": "site_probes",
    "sections.parse._probes.forward": "site_probes.forward",
    "sections.parse._guest": "guest",
    "sections.parse._bridge": "hypervisor_bridges.NAME",
    "sections.parse._interface": "node_interfaces.NAME",
    "sections.pairs.read_pair": "site_pairs.NAME",
    "sections.pairs._virtual_router": "site_pairs.NAME.virtual_routers.NAME",
    "policy.entry.read_entry": "site_policy[]",
    "policy.entry._log": "site_policy[].log",
    "policy.entry._window": "site_policy[].time",
    "site.addresses._file": "site_addresses.NAME",
    "sections.fragments._fragment": "site_fragments[]",
    "policy_test.tests._test": "site_policy_tests[]",
    "policy_test.tests._otherwise": "site_policy_tests[]",
}


def read() -> Iterator[tuple[str, set[str]]]:
    for path in (file for room in ROOMS for file in sorted((CODE / room).glob("*.py"))):
        # variables of roles and playbooks: their keys are those of an argument specification
        if path.stem == "variable_values":
            continue
        tree = ast.parse(path.read_text())
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef) and function.name != "section":
                yield from sections(
                    f"{path.parent.name}.{path.stem}.{function.name}",
                    function,
                    names_in(tree) | names_in(function),
                )


def names_in(node: ast.AST) -> dict[str, tuple[str, ...]]:
    """Tuples of texts that have a name."""
    found: dict[str, tuple[str, ...]] = {}
    for one in ast.walk(node):
        if isinstance(one, ast.Assign):
            targets, values = one.targets[0], one.value
            pairs = (
                zip(targets.elts, values.elts)
                if isinstance(targets, ast.Tuple) and isinstance(values, ast.Tuple)
                else [(targets, values)]
            )
            for target, value in pairs:
                if isinstance(target, ast.Name) and isinstance(value, ast.Tuple):
                    texts = [part.value for part in value.elts if isinstance(part, ast.Constant)]
                    found[target.id] = tuple(str(text) for text in texts)
    return found


def sections(
    place: str, function: ast.AST, names: dict[str, tuple[str, ...]]
) -> Iterator[tuple[str, set[str]]]:
    for call in ast.walk(function):
        if not (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Attribute)
            and call.func.attr == "section"
        ):
            continue
        keys: set[str] = set()
        for argument in call.args:
            if isinstance(argument, ast.Constant):
                keys.add(str(argument.value))
            elif isinstance(argument, ast.Starred) and isinstance(argument.value, ast.Name):
                keys.update(names[argument.value.id])
        of = call.func.value
        part = (
            f".{of.slice.value}"
            if isinstance(of, ast.Subscript) and isinstance(of.slice, ast.Constant)
            else ""
        )
        yield place + part, keys


KNOWN: dict[str, set[str]] = {}
for _place, _keys in read():
    KNOWN.setdefault(PLACES.get(_place, _place), set()).update(_keys)
TABLE = (ROOT / "docs" / "inventory.md").read_text().split("## Every key")[1]
ROWS = dict(re.findall(r"^\| `([^`]+)` \| (.*) \|$", TABLE, re.MULTILINE))
WORDS = {
    "site_networks.NAME": {"data", "management"},
    "site_policy[].log": {"true"},
    "node_interfaces.NAME": {"guest"},
}
"""What else stands there in the same letters."""


def test_every_place_with_keys_has_a_row() -> None:
    assert set(PLACES.values()) <= set(ROWS)
    assert set(KNOWN) == set(PLACES.values())


@pytest.mark.parametrize("place", sorted(set(PLACES.values())))
def test_a_row_has_the_keys_that_are_read(place: str) -> None:
    told = set(re.findall(r"`([a-z_]+)`", ROWS[place])) - WORDS.get(place, set())
    assert told - {"guest"} == KNOWN[place]


def test_every_variable_has_a_row() -> None:
    assert {re.split(r"[.\[]", place)[0] for place in ROWS} == {*SITE_VARIABLES, *HOST_VARIABLES}


def test_every_key_is_explained_before() -> None:
    text = (ROOT / "docs" / "inventory.md").read_text().split("## Every key")[0] + TABLE.split("\n\n", 3)[-1]
    explained = {
        word
        for words in re.findall(r"`([^`]+)`|^    (.*)$", text, re.MULTILINE)
        for word in re.findall(r"\w+", " ".join(words))
    }
    assert {key for keys in KNOWN.values() for key in keys} - explained == set()
