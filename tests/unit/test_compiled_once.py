# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests of the lab compile what Ansible sends once."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

Ask = Callable[..., str]
FILES = Path(__file__).resolve().parents[2] / "roles/lab/files"
SAYS = """
import sys
sys.path[:0] = [{files!r}]
import compiled_once
compiled_once.FOLDER = {folder!r}
compiled_once.install()
sys.path[:0] = [{archive!r}]
import sent
print(sent.WORD)
"""


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """What a module says that is imported from an archive with this source."""

    def run(source: str, setup: str = "") -> str:
        archive = tmp_path / "archive.zip"
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("sent.py", source)
        code = SAYS.format(files=str(FILES), folder=str(tmp_path / "kept"), archive=str(archive))
        words = [sys.executable, "-I", "-c", setup + code]
        done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
        assert done.stderr == ""
        return done.stdout.strip()

    return run


# each compilation of a module of the archive would end here
NO_COMPILER = """
import zipimport
def refuse(*arguments): raise SystemExit("compiled")
zipimport._compile_source = refuse
"""


def test_source_is_compiled_once_and_another_source_anew(ask: Ask, tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        ask("WORD = 'one'", NO_COMPILER)
    assert ask("WORD = 'one'") == "one"
    assert ask("WORD = 'one'", NO_COMPILER) == "one"
    with pytest.raises(subprocess.CalledProcessError):
        ask("WORD = 'two'", NO_COMPILER)
    assert ask("WORD = 'two'") == "two"
    assert ask("WORD = 'one'", NO_COMPILER) == "one"
    kept = tmp_path / "kept"
    assert (kept.stat().st_mode & 0o777, len(list(kept.iterdir()))) == (0o700, 2)


def test_what_cannot_be_read_or_written_is_compiled(ask: Ask, tmp_path: Path) -> None:
    assert ask("WORD = 'one'") == "one"
    (kept,) = (tmp_path / "kept").iterdir()
    whole = kept.read_bytes()
    for broken in (b"", whole[:-5], b"\xff" * 40):
        kept.write_bytes(broken)
        assert ask("WORD = 'one'") == "one"
        assert kept.read_bytes()[-20:] == whole[-20:]
    kept.unlink()
    (tmp_path / "kept").rmdir()
    (tmp_path / "kept").write_text("no folder")
    assert ask("WORD = 'one'") == "one"


def test_nothing_is_imported_for_it() -> None:
    before = "import sys; before = set(sys.modules)\n"
    code = f"{before}sys.path[:0] = [{str(FILES)!r}]\nimport compiled_once\nprint(set(sys.modules) - before)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "{'compiled_once'}"
