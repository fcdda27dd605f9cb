# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One name, one type: no two public classes of the collection and of its bench have the same name."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("plugins", "tools/bench")
FOUND_BY_NAME = {
    "ActionModule": "Ansible looks for this class in each action plugin",
    "FilterModule": "Ansible looks for this class in each file of filters",
    "ModuleDocFragment": "Ansible looks for this class in each fragment of documentation",
}
"""Names that several classes must have, and why."""


def shared(files: Mapping[str, str]) -> dict[str, list[str]]:
    """The names of public classes at the top of several files, with these files."""
    found: dict[str, list[str]] = {}
    for path, text in sorted(files.items()):
        for node in ast.parse(text).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(path)
    return {name: paths for name, paths in found.items() if len(paths) > 1}


def test_a_name_stands_for_one_class() -> None:
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
    ],
)
def test_a_shared_name_is_found(texts: list[str], expected: list[str]) -> None:
    assert list(shared({str(index): text for index, text in enumerate(texts)})) == expected
