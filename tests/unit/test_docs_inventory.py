# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/inventory/ has a page for each variable of an inventory, with every key, and no other."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
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


SAME = {"site_balancers.NAME.sorry.check": "site_balancers.NAME.check"}
"""Places that have the tables of others, since they have the same keys."""


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

    def section(
        value: Value, *keys: str, required: Iterable[str] = (), others: Mapping[str, str] | None = None
    ) -> dict[str, Value]:
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


def table_of(place: str) -> str:
    """Whose table has the keys of a place."""
    for same, other in SAME.items():
        if place == same or place.startswith(f"{same}."):
            return other + place.removeprefix(same)
    return place


EVERY, ASKING = read()
KNOWN = {place: keys for place, keys in EVERY.items() if table_of(place) == place}
DOCS = ROOT / "docs"
PAGES = {path.stem: path.read_text() for path in sorted((DOCS / "inventory").glob("*.md"))}
INDEX = (DOCS / "inventory.md").read_text().partition("\n## Every variable\n")[2].partition("\n## ")[0]
LISTED = dict(re.findall(r"^\| `(\w+)` \| .*?\]\(inventory/(\w+)\.md[)#]", INDEX, re.MULTILINE))


def tables(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Each place with its keys, and what their rows say of them."""
    for place, part in re.findall(r"^### Keys of `([^`]+)`$(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL):
        rows = re.findall(r"^\| ([*`].*?) \| (.+) \|$", part, re.MULTILINE)
        yield place, {key: meaning for keys, meaning in rows for key in re.findall(r"`(\w+)`", keys)}


TOLD = {place: (page, keys) for page, text in PAGES.items() for place, keys in tables(text)}


def test_every_place_with_keys_has_a_table() -> None:
    assert set(functions()) == ASKING
    assert sum(len(list(tables(text))) for text in PAGES.values()) == len(TOLD), "one table for each place"
    lacking, more = set(KNOWN) - set(TOLD), set(TOLD) - set(KNOWN)
    assert not lacking, f"no page of docs/inventory has a table '### Keys of `{min(lacking)}`'"
    assert not more, (
        f"docs/inventory/{TOLD[min(more)][0]}.md has keys of {min(more)}, and no code asks for them"
    )


@pytest.mark.parametrize("place", sorted(EVERY.keys() - KNOWN.keys()))
def test_a_place_with_the_table_of_another_has_its_keys(place: str) -> None:
    assert EVERY[place] == KNOWN[table_of(place)]


def test_places_with_the_tables_of_others_are_there() -> None:
    assert SAME.keys() <= EVERY.keys()


@pytest.mark.parametrize("place", sorted(KNOWN))
def test_a_table_has_the_keys_that_are_read(place: str) -> None:
    page, keys = TOLD.get(place, ("", {}))
    assert page, f"no page of docs/inventory has a table '### Keys of `{place}`'"
    table = f"docs/inventory/{page}.md: the table of `{place}`"
    lacking, more = KNOWN[place] - set(keys), set(keys) - KNOWN[place]
    assert not lacking, f"{table} lacks {', '.join(sorted(lacking))}"
    assert not more, f"{table} has {', '.join(sorted(more))}, and no code asks for it"
    short = [key for key, meaning in keys.items() if len(meaning.split()) < 3]
    assert not short, f"{table} says in less than three words what {', '.join(short)} means"


def test_every_variable_is_listed() -> None:
    lacking, more = set(MODEL) - set(LISTED), set(LISTED) - set(MODEL)
    assert not lacking, f"docs/inventory.md: 'Every variable' lacks {', '.join(sorted(lacking))}"
    assert not more, f"docs/inventory.md: no code reads {', '.join(sorted(more))}"


def test_every_page_is_that_of_a_variable_and_a_section() -> None:
    assert len(set(LISTED.values())) == len(LISTED), "docs/inventory.md: two variables lead to one page"
    sections = {path.stem for path in (CODE / "sections").glob("[a-z]*.py")} - {"section"}
    untold, unread = sections - set(PAGES), set(PAGES) - {"checks"} - sections
    assert not untold, f"docs/inventory lacks a page of sections/{min(untold)}.py"
    assert not unread, f"docs/inventory/{min(unread)}.md: no section has this name"
    assert sections == set(LISTED.values()), "docs/inventory.md leads to the page of each section"


@pytest.mark.parametrize("variable", sorted(LISTED))
def test_a_page_begins_with_an_example_of_its_variable(variable: str) -> None:
    example = re.search(r"^# .+\n\n((?:    .*\n|\n)+)", PAGES[LISTED[variable]])
    page = f"docs/inventory/{LISTED[variable]}.md"
    assert example, f"{page} begins with its title and an example"
    assert re.search(rf"^    {variable}:", example[1], re.MULTILINE), f"{page}: the example lacks {variable}"


@pytest.mark.parametrize("place", sorted(TOLD))
def test_keys_stand_on_the_page_of_their_variable(place: str) -> None:
    page = LISTED[re.split(r"[.\[]", place)[0]]
    assert TOLD[place][0] == page, f"the table of `{place}` stands on docs/inventory/{page}.md"
