# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs as they lie on a host: byte code, the mark, and what the action reads by a shell."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from importlib.util import MAGIC_NUMBER
from pathlib import Path

import pytest
from ansible_collections.ftfw.pair.plugins.action import program as action
from ansible_collections.ftfw.pair.plugins.module_utils.files.program import (
    MARK_SIZE,
    NO_PYTHON,
    installed,
    is_current,
    python_of,
)
from ansible_collections.ftfw.pair.plugins.modules import program as module
from ansible_collections.ftfw.pair.plugins.plugin_utils.packing.program import INTERPRETER, archive

THIS = f"python{sys.version_info[0]}.{sys.version_info[1]}"
MAIN = b"import part\nprint(part.said())\n"


def built(said: str = "said") -> bytes:
    files = {"__main__.py": MAIN, "part.py": f"def said():\n    return '{said}'\n".encode()}
    return f"#!{INTERPRETER}\n".encode() + archive(files)


def run(file: Path) -> str:
    command = [sys.executable, "-I", file]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def with_another_source(content: bytes) -> bytes:
    """What is said tells then which of both runs: the checksums of an archive are not looked at."""
    return content.replace(b"return 'said'", b"return 'sung'")


def test_it_runs_from_its_byte_code(tmp_path: Path) -> None:
    file = tmp_path / "program.pyz"
    file.write_bytes(with_another_source(installed(built(), str(file), THIS)))
    assert run(file) == "said\n"
    file.write_bytes(with_another_source(installed(built(), str(file), NO_PYTHON)))
    assert run(file) == "sung\n"


def test_byte_code_of_another_python_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "program.pyz"
    content = with_another_source(installed(built(), str(file), THIS))
    other = bytes([MAGIC_NUMBER[0] ^ 1]) + MAGIC_NUMBER[1:]
    file.write_bytes(content.replace(MAGIC_NUMBER, other))
    assert run(file) == "sung\n"


def parts(content: bytes) -> tuple[bytes, str]:
    return content[-MARK_SIZE:], hashlib.sha256(content[:-MARK_SIZE]).hexdigest()


def test_it_knows_what_it_was_made_of_and_for() -> None:
    content = installed(built(), "/p", THIS)
    assert is_current(*parts(content), built(), THIS)
    assert not is_current(*parts(content), built("more"), THIS)
    assert not is_current(*parts(content), built(), NO_PYTHON)
    assert not is_current(*parts(content[:500] + b"x" + content[501:]), built(), THIS)
    assert not is_current(*parts(content[:-1]), built(), THIS)
    assert not is_current(*parts(built()), built(), THIS)
    assert not is_current(*parts(b""), built(), THIS)


def test_python_of(tmp_path: Path) -> None:
    (tmp_path / "python3.12").touch()
    (tmp_path / "python3").symlink_to("python3.12")
    assert python_of(str(tmp_path / "python3")) == "python3.12"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """What is installed, with two links. Root's, as the tests are."""
    file = tmp_path / "with blank" / "agent.pyz"
    file.parent.mkdir()
    file.write_bytes(installed(built(), str(file), python_of()))
    file.chmod(0o755)
    for name in ("pair-a", "pair-b"):
        (tmp_path / name).symlink_to(file)
    return file


def survey(file: Path) -> bool:
    """Whether the action finds nothing to do, by the shell that a host has."""
    links = [str(file.parents[1] / name) for name in ("pair-a", "pair-b")]
    command = ["/bin/sh", "-c", action.survey(str(file), links)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode == 0 and action.same(done.stdout, built(), str(file), links)


def replace_link(file: Path) -> None:
    link = file.parents[1] / "pair-b"
    link.unlink()
    link.symlink_to("elsewhere")


CHANGES: list[Callable[[Path], object]] = [
    pytest.param(lambda file: file.unlink(), id="no-file"),
    pytest.param(lambda file: file.chmod(0o700), id="mode"),
    pytest.param(lambda file: file.write_bytes(b"x"), id="another-file"),
    pytest.param(lambda file: file.write_bytes(file.read_bytes().replace(b"said", b"sung")), id="damaged"),
    pytest.param(lambda file: file.write_bytes(installed(built("old"), str(file), python_of())), id="former"),
    pytest.param(lambda file: file.write_bytes(installed(built(), str(file), "python2.7")), id="old-python"),
    pytest.param(lambda file: (file.parents[1] / "pair-a").unlink(), id="no-link"),
    pytest.param(replace_link, id="another-link"),
]


def test_the_action_sees_that_nothing_is_to_be_done(place: Path) -> None:
    assert survey(place)


@pytest.mark.parametrize("change", CHANGES)
def test_the_action_sees_what_differs(place: Path, change: Callable[[Path], object]) -> None:
    change(place)
    assert not survey(place)


def test_what_a_link_replaces(tmp_path: Path) -> None:
    """A former version had programs under the names of the links."""
    path, link = str(tmp_path / "lib" / "agent.pyz"), tmp_path / "pair-state"
    link.write_text("#!/bin/sh\n")
    changes = module.plan(built(), path, [str(link)])
    assert [change.path for change in changes] == [path, str(link)]
    module.apply(changes)
    assert link.readlink() == Path(path)
    assert Path(path).stat().st_mode & 0o777 == 0o755
    assert module.plan(built(), path, [str(link)]) == []
    assert [change.path for change in module.plan(built("new"), path, [str(link)])] == [path]
