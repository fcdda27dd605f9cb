# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/inventory.md has every key that an inventory may have, and no other."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.read import read_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.sections import MODEL
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import Problems
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.values import Value

ROOT = Path(__file__).parents[2]
CODE = ROOT / "plugins" / "plugin_utils"
ROOMS = ("site", "policy", "sections", "across", "policy_test")
"""That read sections of an inventory."""


class Anything(dict[str, Any]):
    """A mapping that seems to have each key, and has none: what is read of one key alone is read, too."""

    def __contains__(self, key: object) -> bool:
        return True


def read() -> tuple[dict[str, set[str]], set[tuple[str, str]]]:
    """Read a site in which each mapping has one name, and each list one item.

    Returns the keys that are known in each place, and the functions that have asked for some.
    """
    known: dict[str, set[str]] = {}
    asking: set[tuple[str, str]] = set()

    def section(value: Value, *keys: str, required: Iterable[str] = ()) -> dict[str, Value]:
        code = sys._getframe(1).f_code
        asking.add((Path(code.co_filename).stem, code.co_name))
        known.setdefault(value.key.replace("[0]", "[]"), set()).update(keys)
        return {key: value.child(key, type(value.raw)()) for key in keys}

    def entries(value: Value, right: str = "") -> dict[str, Value]:
        return {"NAME": value.child("NAME", type(value.raw)())}

    def items(value: Value) -> list[Value]:
        return [value.at(f"{value.key}[0]", type(value.raw)())]

    with pytest.MonkeyPatch.context() as patched:
        for one in (section, entries, items):
            patched.setattr(Value, one.__name__, one)
        for kind in (dict, Anything):
            read_site({"host": {name: kind() for name in MODEL}}, Problems(), Problems())
    return known, asking


def functions() -> Iterator[tuple[str, str]]:
    """Those that ask for keys, as they are written."""
    for path in (file for room in ROOMS for file in sorted((CODE / room).glob("*.py"))):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef) and any(
                isinstance(call, ast.Call)
                and isinstance(call.func, ast.Attribute)
                and call.func.attr == "section"
                for call in ast.walk(function)
            ):
                yield path.stem, function.name


KNOWN, ASKING = read()
TABLE = (ROOT / "docs" / "inventory.md").read_text().split("## Every key")[1]
ROWS = dict(re.findall(r"^\| `([^`]+)` \| (.*) \|$", TABLE, re.MULTILINE))
WORDS = {
    "site_networks.NAME": {"data", "management"},
    "site_policy[].log": {"true"},
    "node_interfaces.NAME": {"guest"},
}
"""What else stands there in the same letters."""


def test_every_place_with_keys_has_a_row() -> None:
    assert set(functions()) == ASKING
    assert set(KNOWN) <= set(ROWS)


@pytest.mark.parametrize("place", sorted(KNOWN))
def test_a_row_has_the_keys_that_are_read(place: str) -> None:
    told = set(re.findall(r"`([a-z_]+)`", ROWS[place])) - WORDS.get(place, set())
    assert told - {"guest"} == KNOWN[place]


def test_every_variable_has_a_row() -> None:
    assert {re.split(r"[.\[]", place)[0] for place in ROWS} == set(MODEL)


def test_every_key_is_explained_before() -> None:
    text = (ROOT / "docs" / "inventory.md").read_text().split("## Every key")[0] + TABLE.split("\n\n", 3)[-1]
    explained = {
        word
        for words in re.findall(r"`([^`]+)`|^    (.*)$", text, re.MULTILINE)
        for word in re.findall(r"\w+", " ".join(words))
    }
    assert {key for keys in KNOWN.values() for key in keys} - explained == set()
