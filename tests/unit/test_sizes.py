# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a reader can take in: 400 lines of a file, 60 lines of a function, 25 files of a folder.

What is still over that stands below with its size. It may shrink, but not grow. What is within the limit
leaves the list.

YAML in a folder of tests named data is no code. It is what a test gives to a program, or expects of it, as a
whole: its length is that of the site, and not of what anybody has written. A program counts wherever it lies.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("inventories", "meta", "molecule", "playbooks", "plugins", "roles", "tests", "tools")
CODE = {".py", ".yml", ".yaml", ".sh", ".j2"}
LINES, FUNCTION_LINES, FILES = 400, 60, 25

LONG_FILES: dict[str, int] = {}
LONG_FUNCTIONS: dict[str, int] = {}
FULL_FOLDERS: dict[str, int] = {}
NAMED_BY_ANSIBLE = {"plugins/modules"}
"""A module lies where its name says."""


def is_data(path: Path) -> bool:
    """Whether a file, from the root on, is data of a test, or what tests/sites/renew writes of a site."""
    if path.match("tests/sites/*/views.yml"):
        return True
    return path.parts[0] == "tests" and "data" in path.parts[1:-1] and path.suffix in {".yml", ".yaml"}


@cache
def code() -> dict[str, str]:
    """All files of code by their paths, those without an ending that name their interpreter among them."""
    found = {}
    for path in [*ROOT.iterdir(), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*"))]:
        if not path.is_file() or path.is_symlink() or "__pycache__" in path.parts:
            continue
        if is_data(path.relative_to(ROOT)):
            continue
        if path.suffix in CODE or (not path.suffix and path.read_bytes().startswith(b"#!")):
            found[path.relative_to(ROOT).as_posix()] = path.read_text()
    return found


def functions(text: str, language: str) -> Iterator[tuple[str, int]]:
    """The functions of a program with their lines; a method has its class before its name."""
    if language == "shell":
        for match in re.finditer(r"^(\w+)\(\) *[{(].*?^[})]", text, re.MULTILINE | re.DOTALL):
            yield match[1], match[0].count("\n") + 1
        return
    waiting: list[tuple[str, ast.AST]] = [("", ast.parse(text))]
    while waiting:
        place, parent = waiting.pop()
        for node in ast.iter_child_nodes(parent):
            name = place
            if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                name = f"{place}.{node.name}".lstrip(".")
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield name, (node.end_lineno or 0) - node.lineno + 1
            waiting.append((name, node))


def language(path: str, text: str) -> str:
    if path.endswith(".py") or "python" in text.partition("\n")[0]:
        return "python"
    return "shell" if path.endswith(".sh") or text.startswith("#!/bin/sh") else ""


def compare(found: Mapping[str, int], limit: int, known: Mapping[str, int]) -> None:
    over = {name: size for name, size in found.items() if size > limit}
    grown = {name: size for name, size in over.items() if size > known.get(name, limit)}
    assert not grown, f"more than {limit}: split them"
    assert not known.keys() - over.keys(), f"within {limit}, or gone: take them from the list"


def test_files_are_short() -> None:
    compare({path: len(text.splitlines()) for path, text in code().items()}, LINES, LONG_FILES)


def test_functions_are_short() -> None:
    found: dict[str, int] = {}
    for path, text in code().items():
        if language(path, text):
            for name, lines in functions(text, language(path, text)):
                found[f"{path}: {name}"] = max(lines, found.get(f"{path}: {name}", 0))
    compare(found, FUNCTION_LINES, LONG_FUNCTIONS)


def test_folders_are_not_crowded() -> None:
    found = Counter(Path(path).parent.as_posix() for path in code())
    compare(
        {name: count for name, count in found.items() if name not in NAMED_BY_ANSIBLE}, FILES, FULL_FOLDERS
    )


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        pytest.param("a.py", "def f():\n    pass\n\n\nx = 1\n", [("f", 2)], id="function"),
        pytest.param(
            "a.py", "class C:\n    @cache\n    def f(self):\n        pass\n", [("C.f", 2)], id="method"
        ),
        pytest.param("a.sh", "f() { # NAME\n    true\n}\ng() {\n}\n", [("f", 3), ("g", 2)], id="shell"),
        pytest.param("a", "#!/bin/sh\nf() (\n    true\n)\n", [("f", 3)], id="program in the shell"),
        pytest.param("a", "#!/usr/bin/python3\nif a:\n    def f():\n        b\n", [("f", 2)], id="program"),
    ],
)
def test_what_counts_as_a_function(path: str, text: str, expected: list[tuple[str, int]]) -> None:
    assert list(functions(text, language(path, text))) == expected


def test_what_is_looked_at() -> None:
    some = {"ftfw", "site.yml", "tools/test.sh", "plugins/modules/tap.py", "playbooks/site.yml"}
    assert some < code().keys()
    assert {Path(path).parts[0] for path in code()} >= {*FOLDERS, "site.yml"}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("tests/unit/data/views.yml", True),
        ("tests/unit/data/site/all.yaml", True),
        ("tests/unit/data/program.py", False),
        ("tests/unit/data/program", False),
        ("tests/unit/data.yml", False),
        ("tests/unit/views.yml", False),
        ("roles/lab/data/views.yml", False),
    ],
)
def test_data_is_no_code(path: str, expected: bool) -> None:
    assert is_data(Path(path)) is expected


@pytest.mark.parametrize(
    ("size", "known", "fine"),
    [(9, {}, True), (11, {}, False), (11, {"f": 11}, True), (12, {"f": 11}, False), (9, {"f": 11}, False)],
)
def test_the_list_only_shrinks(size: int, known: dict[str, int], fine: bool) -> None:
    if fine:
        compare({"f": size}, 10, known)
    else:
        with pytest.raises(AssertionError):
            compare({"f": size}, 10, known)
