# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are replaced at once, or written in place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.system.files import (
    content,
    number,
    write,
    write_in_place,
)


def test_a_file_is_replaced_at_once(tmp_path: Path) -> None:
    file = tmp_path / "ftfw.prom"
    write(file, "one\n")
    write(file, "two\n")
    assert file.read_text() == "two\n"
    assert file.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "ftfw.prom").mkdir()
    with pytest.raises(OSError):
        write(tmp_path / "ftfw.prom", "one\n")
    assert [path.name for path in tmp_path.iterdir()] == ["ftfw.prom"]


def test_where_something_is_in_the_way_it_is_told(tmp_path: Path) -> None:
    """A folder of the temporary name, as a full file system would be."""
    file = tmp_path / "state.json"
    file.write_text("old\n")
    (tmp_path / f".state.json.{os.getpid()}").mkdir()
    with pytest.raises(OSError):
        write(file, "new\n")
    assert file.read_text() == "old\n"


def test_a_file_written_in_place_stays_the_same_file(tmp_path: Path) -> None:
    file = tmp_path / "fault"
    write_in_place(file, "1\n")
    before = file.stat().st_ino
    file.write_text("a longer one\n")
    write_in_place(file, "0\n")
    assert (file.read_text(), file.stat().st_ino) == ("0\n", before)


@pytest.mark.parametrize(
    ("text", "known"),
    [("7\n", 7), ("", None), ("seven\n", None), (None, None)],
    ids=["number", "empty", "word", "no-file"],
)
def test_number(tmp_path: Path, text: str | None, known: int | None) -> None:
    file = tmp_path / "number"
    if text is not None:
        file.write_text(text)
    assert number(str(file)) == known
    assert content(file) == text
