# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs for nodes, built from their imports."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.packing.imports import ON_NODES, PackingError, closure
from ansible_collections.ftfw.pair.plugins.plugin_utils.packing.program import (
    Program,
    build,
    collection_version,
)

PACKAGES = "ansible_collections/ftfw/pair/plugins/module_utils"


def make(root: Path, sources: dict[str, str], version: str = "1.2.3") -> Path:
    """A collection with these modules below module_utils."""
    (root / "galaxy.yml").write_text(f"namespace: ftfw\nversion: {version}\n")
    for name, source in sources.items():
        file = root / "plugins" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source)
    return root


def names(found: dict[str, bytes]) -> set[str]:
    """What is in a program, but for the packages' own files."""
    return {name.removeprefix(f"{PACKAGES}/") for name in found if not name.endswith("__init__.py")}


SOURCES = {
    "module_utils/room/__init__.py": "",
    "module_utils/room/cli.py": f"from {ON_NODES}.room import part\n\n\ndef main():\n    print(part.WORD)\n",
    "module_utils/room/part.py": "WORD = 'said'\n",
    "module_utils/room/other.py": "WORD = 'not needed'\n",
}


@pytest.mark.parametrize(
    ("source", "needed"),
    [
        pytest.param(f"import {ON_NODES}.room.part\n", {"room/part.py"}, id="import"),
        pytest.param(f"from {ON_NODES}.room import part\n", {"room/part.py"}, id="module-of-a-package"),
        pytest.param(f"from {ON_NODES}.room.part import WORD\n", {"room/part.py"}, id="name-of-a-module"),
        pytest.param(
            f"def f():\n    from {ON_NODES}.room import part\n", {"room/part.py"}, id="in-a-function"
        ),
        pytest.param(
            f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from {ON_NODES}.room import part\n",
            set(),
            id="for-type-checks-only",
        ),
        pytest.param(
            f"try:\n    from {ON_NODES}.room import part\nexcept ImportError:\n    part = None\n",
            {"room/part.py"},
            id="tried",
        ),
        pytest.param("import json, os.path\nfrom pathlib import Path\n", set(), id="of-python"),
    ],
)
def test_what_is_imported_is_taken_along(tmp_path: Path, source: str, needed: set[str]) -> None:
    make(tmp_path, {**SOURCES, "module_utils/room/entry.py": source})
    assert names(closure(f"{ON_NODES}.room.entry", tmp_path)) == {"room/entry.py", *needed}


def test_what_those_import_is_taken_along_in_circles_too(tmp_path: Path) -> None:
    make(
        tmp_path,
        {
            **SOURCES,
            "module_utils/room/part.py": f"from {ON_NODES}.room import other\n",
            "module_utils/room/other.py": f"import {ON_NODES}.room.cli\n",
        },
    )
    expected = {"room/cli.py", "room/part.py", "room/other.py"}
    assert names(closure(f"{ON_NODES}.room.cli", tmp_path)) == expected


def test_what_a_package_itself_imports_is_taken_along(tmp_path: Path) -> None:
    make(tmp_path, {**SOURCES, "module_utils/room/__init__.py": f"from {ON_NODES}.room import other\n"})
    assert "room/other.py" in names(closure(f"{ON_NODES}.room.part", tmp_path))


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        pytest.param(f"from {ON_NODES}.room.gone import x\n", "there is no module .*room.gone", id="missing"),
        pytest.param("from . import part\n", "entry: line 1 is a relative import", id="relative"),
        pytest.param(
            "from ansible_collections.ftfw.pair.plugins.plugin_utils.room import part\n",
            "plugin_utils.room.part is not for nodes",
            id="of-the-controller",
        ),
    ],
)
def test_what_can_t_be_on_a_node_is_refused(tmp_path: Path, source: str, complaint: str) -> None:
    controllers = {"plugin_utils/room/part.py": "", "plugin_utils/room/__init__.py": ""}
    make(tmp_path, {**SOURCES, **controllers, "module_utils/room/entry.py": source})
    with pytest.raises(PackingError, match=complaint):
        closure(f"{ON_NODES}.room.entry", tmp_path)


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    program = Program(f"{ON_NODES}.room.cli")
    one, other = tmp_path / "one", tmp_path / "other"
    for root, order in ((one, SOURCES), (other, dict(reversed(SOURCES.items())))):
        root.mkdir()
        make(root, order)
    later = time.time() + 100
    for file in other.rglob("*.py"):
        os.utime(file, (later, later))
        file.chmod(0o600)
    assert build(program, one) == build(program, other)


def test_another_source_is_another_program_by_its_digest(tmp_path: Path) -> None:
    program = Program(f"{ON_NODES}.room.cli")
    before = build(program, make(tmp_path, SOURCES))
    unneeded = build(program, make(tmp_path, {**SOURCES, "module_utils/room/other.py": "WORD = 1\n"}))
    after = build(program, make(tmp_path, {**SOURCES, "module_utils/room/part.py": "WORD = 'new'\n"}))
    assert unneeded == before
    assert after.digest != before.digest
    assert after.version == before.version == "1.2.3"


def test_it_runs_alone_with_its_own_modules(tmp_path: Path) -> None:
    """Another package of the same name, as ansible's, does not come first."""
    source = (
        f"from {ON_NODES}.room import part\nimport ftfw_build\n\n\n"
        "def main():\n    print(part.WORD, part.__file__, ftfw_build.VERSION, ftfw_build.DIGEST)\n"
        "    return 3\n"
    )
    root = tmp_path / "collection"
    root.mkdir()
    make(root, {**SOURCES, "module_utils/room/cli.py": source})
    built = build(Program(f"{ON_NODES}.room.cli"), root)
    file = tmp_path / "program.pyz"
    file.write_bytes(built.content)
    rival = tmp_path / "rival" / "ansible_collections"
    rival.mkdir(parents=True)
    (rival / "__init__.py").write_text("raise SystemExit('the wrong package')\n")
    command = [sys.executable, "-I", "-c", _RUN, str(rival.parent), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.split() == [
        "said",
        f"{file}/{PACKAGES}/room/part.py",
        built.version,
        built.digest,
    ], done.stderr
    assert done.returncode == 3


_RUN = """
import runpy, sys
rival, file = sys.argv[1:]
sys.path.insert(0, rival)
sys.argv = [file]
runpy.run_path(file, run_name="__main__")
"""


def test_it_is_an_executable_of_the_nodes_python() -> None:
    built = build(Program(f"{ON_NODES}.system.files", "content"))
    assert built.content.startswith(b"#!/usr/bin/python3 -I\n")
    assert built.version == collection_version()


def test_nothing_in_it_is_compressed(tmp_path: Path) -> None:
    file = tmp_path / "program.pyz"
    file.write_bytes(build(Program(f"{ON_NODES}.room.cli"), make(tmp_path, SOURCES)).content)
    with zipfile.ZipFile(file) as opened:
        entries = opened.infolist()
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        pytest.param("galaxy.yml", "name: pair\nversion: 4.5.6\n", id="checkout"),
        pytest.param("galaxy.yml", 'version: "4.5.6"\n', id="quoted"),
        pytest.param("MANIFEST.json", '{"collection_info": {"version": "4.5.6"}}', id="installed"),
    ],
)
def test_the_version_is_the_collections(tmp_path: Path, file: str, text: str) -> None:
    (tmp_path / file).write_text(text)
    assert collection_version(tmp_path) == "4.5.6"


@pytest.mark.parametrize("text", ["name: pair\n", None], ids=["not-said", "no-file"])
def test_without_a_version_there_is_no_program(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "galaxy.yml").write_text(text)
    with pytest.raises(PackingError, match="version"):
        collection_version(tmp_path)


def test_each_module_is_compiled_once(tmp_path: Path) -> None:
    """What zipimport alone does not do, and compiling is most of the time until a program begins."""
    file = tmp_path / "program"
    file.write_bytes(build(Program(f"{ON_NODES}.room.cli"), make(tmp_path, SOURCES)).content)
    code = f"""
import builtins, runpy, sys
compiled, real = [], compile
def counting(source, name, *rest, **more):
    compiled.append(name)
    return real(source, name, *rest, **more)
builtins.compile = counting
try:
    runpy.run_path({str(file)!r}, run_name="__main__")
except SystemExit:
    pass
own = [name for name in compiled if "/ansible_collections/" in name]
print(len(own), len(set(own)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    said, counted = done.stdout.splitlines()
    assert said == "said"
    number, different = counted.split()
    assert number == different and int(different) > 2
