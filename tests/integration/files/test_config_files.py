# SPDX-License-Identifier: GPL-3.0-or-later
"""config_files by ansible-playbook on real files, and its writer where no play can bring it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.files import plan as config_files
from ansible_collections.ftfw.pair.plugins.module_utils.files.disk import apply, read
from ansible_collections.ftfw.pair.plugins.module_utils.files.plan import (
    ConfigFilesError,
    FileChange,
    FileState,
)
from ansible_collections.ftfw.pair.tests.integration.files.play import play as run_play

ROOT = Path(__file__).parents[3]


class Play:
    """One task in a playbook of its own, on this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, files: list[dict[str, Any]], *options: str) -> dict[str, Any]:
        wanted = {"files": [self.owned(file) for file in files]}
        return run_play(self.folder, "config_files", wanted, *options)

    @staticmethod
    def owned(file: dict[str, Any]) -> dict[str, Any]:
        return {"owner": str(os.getuid()), "group": str(os.getgid()), **file}


@pytest.fixture
def play(tmp_path: Path) -> Play:
    return Play(tmp_path)


def test_states(play: Play, tmp_path: Path) -> None:
    one, two = str(tmp_path / "new" / "folder" / "one.conf"), str(tmp_path / "two.conf")
    first = [{"path": one, "content": "a\n"}, {"path": two, "content": "b\n", "mode": "0600"}]
    second = [{"path": one, "content": "a\n"}, {"path": two, "content": "c\n", "mode": "0600"}]
    removed = [{"path": one, "state": "absent"}, {"path": two, "content": "c\n", "mode": "0600"}]

    foreseen = play(first, "--check", "--diff")
    assert (foreseen["changed"], foreseen["changed_paths"]) == (True, [one, two])
    assert not Path(one).parent.exists()

    done = play(first, "--diff")
    assert (done["changed_paths"], done["diff"]) == ([one, two], foreseen["diff"])
    assert Path(one).read_text() == "a\n"
    assert Path(one).parent.stat().st_mode & 0o777 == 0o755
    assert Path(two).stat().st_mode & 0o777 == 0o600

    again = play(first)
    assert (again["changed"], again["changed_paths"]) == (False, [])

    assert play(second)["changed_paths"] == [two]
    assert play(removed)["changed_paths"] == [one]
    assert not Path(one).exists()
    assert play(removed, "--check")["changed"] is False
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "new", "play.json", "two.conf"]


def test_no_file_is_replaced_if_one_is_refused(play: Play, tmp_path: Path) -> None:
    good, bad = tmp_path / "good", tmp_path / "sub" / "bad"
    good.write_text("old\n")
    result = play(
        [
            {"path": str(good), "content": "new\n"},
            {"path": str(bad), "content": "wrong\n", "validate": "grep right %s nowhere"},
        ]
    )
    assert result["failed"]
    assert result["msg"].startswith(f"{bad}: grep refuses it with exit code 2: grep: nowhere: No such file")
    assert good.read_text() == "old\n"
    assert not bad.parent.exists()


def test_the_checker_sees_the_new_text_beside_the_old(play: Play, tmp_path: Path) -> None:
    file = tmp_path / "x.conf"
    file.write_text("old\n")
    check = f"/bin/sh -c 'grep -qx new \"$0\" && grep -qx old {file}' %s"
    assert play([{"path": str(file), "content": "new\n", "validate": check}])["changed"]


def test_sensitive_text_is_in_no_result(play: Play, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    done = play([{"path": str(file), "content": "hunter2\n", "sensitive": True}], "--diff")
    assert file.read_text() == "hunter2\n"
    assert "hunter2" not in json.dumps(done)
    refused = play(
        [{"path": str(file), "content": "hunter3\n", "sensitive": True, "validate": "grep -c hunter %s x"}]
    )
    assert refused["failed"]
    assert "hunter3" not in json.dumps(refused)


def test_a_link_is_replaced_and_its_target_left_alone(play: Play, tmp_path: Path) -> None:
    (tmp_path / "target").write_text("old\n")
    link = tmp_path / "link"
    link.symlink_to("target")
    assert play([{"path": str(link), "content": "new\n"}])["changed"]
    assert not link.is_symlink()
    assert ((tmp_path / "target").read_text(), link.read_text()) == ("old\n", "new\n")


def test_a_directory_is_refused(play: Play, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    result = play([{"path": str(tmp_path / "folder"), "content": ""}])
    assert result["msg"] == f"{tmp_path / 'folder'}: is a directory, and not replaced"


def test_what_was_done_is_undone(tmp_path: Path) -> None:
    mine = (os.getuid(), os.getgid())
    changed, made, removed, link, full = (tmp_path / name for name in ("a", "b/c", "d", "e", "f"))
    changed.write_text("old\n")
    removed.write_text("kept\n")
    link.symlink_to("a")
    full.mkdir()
    new = FileState(b"new\n", *mine, 0o644)
    before = {path: read(str(path)) for path in (changed, removed, link)}
    changes = [
        FileChange(str(changed), before[changed], new),
        FileChange(str(made), None, new),
        FileChange(str(removed), before[removed], None),
        FileChange(str(link), before[link], new),
        # became a directory after it was looked at
        FileChange(str(full), None, new),
    ]
    with pytest.raises(ConfigFilesError, match=f"^{full}: Is a directory"):
        apply(changes)
    assert {path: read(str(path)) for path in (changed, removed, link)} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "d", "e", "f"]


def test_a_mount_point_is_written_in_place(tmp_path: Path) -> None:
    """In a mount namespace of its own, which ends with the process."""
    (tmp_path / "below").write_text("old, and longer\n")
    (tmp_path / "point").touch()
    program = """
import os, subprocess, sys
from ansible_collections.ftfw.pair.plugins.module_utils.files.plan import FileChange, FileState
from ansible_collections.ftfw.pair.plugins.module_utils.files.disk import apply, read
below, point = sys.argv[1:]
subprocess.run(["mount", "--bind", below, point], check=True)
apply([FileChange(point, read(point), FileState(b"new\\n", os.getuid(), os.getgid(), 0o640))])
"""
    subprocess.run(
        [
            *("unshare", "--map-root-user", "--mount", sys.executable, "-c", program),
            *(str(tmp_path / "below"), str(tmp_path / "point")),
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT / ".ansible" / "collections")},
        check=True,
    )
    below = tmp_path / "below"
    assert (below.read_text(), below.stat().st_mode & 0o777) == ("new\n", 0o640)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["below", "point"]


def test_what_was_there_before_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_files, "BEFORE", str(tmp_path / "before"))
    target, conf, link = tmp_path / "target", tmp_path / "a.conf", tmp_path / "b.conf"
    target.write_text("theirs\n")
    conf.write_text("theirs\n")
    conf.chmod(0o640)
    link.symlink_to("target")
    names = (str(conf), str(link))

    def apply_all(state: str) -> list[str]:
        items = [
            {
                "path": path,
                "content": "ours\n" if state == "present" else None,
                "mode": "0644",
                "state": state,
            }
            for path in names
        ]
        common = {"owner": str(os.getuid()), "group": str(os.getgid()), "mark": "ours", "essential": False}
        wanted = config_files.parse(
            [{**item, **common, "validate": None, "sensitive": False} for item in items]
        )
        current = {path: read(path) for path in config_files.paths_of(wanted)}
        changes = config_files.plan(wanted, current, lambda name: None, lambda name: None)
        apply(changes)
        return [change.path for change in changes]

    assert len(apply_all("present")) == 4
    assert apply_all("present") == []
    assert conf.read_text() == link.read_text() == "ours\n" and not link.is_symlink()
    assert target.read_text() == "theirs\n"
    assert len(apply_all("original")) == 4
    assert apply_all("original") == []
    assert (conf.read_text(), conf.stat().st_mode & 0o777) == ("theirs\n", 0o640)
    assert str(link.readlink()) == "target"
    assert [path for path in (tmp_path / "before").rglob("*") if not path.is_dir()] == []
