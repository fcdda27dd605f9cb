# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One name, one type: no two public classes of the collection and of its bench have the same name.

Nor has an alias the name of a class, or of an alias of something else.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("plugins", "tools/bench")
FOUND_BY_NAME = {
    "ActionModule": "Ansible looks for this class in each action plugin",
    "CallbackModule": "Ansible looks for this class in each callback plugin",
    "FilterModule": "Ansible looks for this class in each file of filters",
    "ModuleDocFragment": "Ansible looks for this class in each fragment of documentation",
}
"""Names that several classes must have, and why."""


def types(text: str) -> Iterator[tuple[str, str | None]]:
    """Public types at the top of a file, each with what it is an alias of; None for a class."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node.name, None
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name, value = node.targets[0].id, node.value
            if re.fullmatch(r"[A-Z][a-z]\w*", name) and isinstance(value, (ast.Subscript, ast.BinOp)):
                yield name, ast.unparse(value)


def shared(files: Mapping[str, str]) -> dict[str, list[str]]:
    """The names of several types, with the files where these are. Aliases of the same are one type."""
    paths: dict[str, list[str]] = {}
    meanings: dict[str, set[str | None]] = {}
    for path, text in sorted(files.items()):
        for name, meaning in types(text):
            paths.setdefault(name, []).append(path)
            meanings.setdefault(name, set()).add(meaning)
    several = [name for name in paths if len(paths[name]) > 1]
    return {name: paths[name] for name in several if None in meanings[name] or len(meanings[name]) > 1}


def test_a_name_stands_for_one_type() -> None:
    files = {
        path.relative_to(ROOT).as_posix(): path.read_text()
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
    }
    found = shared(files)
    assert {name: paths for name, paths in found.items() if name not in FOUND_BY_NAME} == {}
    assert set(FOUND_BY_NAME) <= set(found), "no name is excused that only one class has"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        pytest.param(["class Row: pass", "class Row: pass"], ["Row"], id="two files"),
        pytest.param(["class Row: pass\nclass Row: pass"], ["Row"], id="one file"),
        pytest.param(["class Row: pass", "class ChartRow: pass"], [], id="named apart"),
        pytest.param(["class Row: pass", "from a import Row"], [], id="used elsewhere"),
        pytest.param(["class _Row: pass", "class _Row: pass"], [], id="private"),
        pytest.param(["class Row: pass", "def row():\n    class Row: pass"], [], id="inside of a function"),
        pytest.param(["class Row: pass", "Row = dict[str, int]"], ["Row"], id="a class and an alias"),
        pytest.param(["Row = dict[str, int]", "Row = int | str"], ["Row"], id="two aliases"),
        pytest.param(["Row = dict[str, int]", "Row = dict[str, int]"], [], id="two aliases of the same"),
        pytest.param(["class Row: pass", "ROW = rows[0]"], [], id="a constant"),
    ],
)
def test_a_shared_name_is_found(texts: list[str], expected: list[str]) -> None:
    assert list(shared({str(index): text for index, text in enumerate(texts)})) == expected
