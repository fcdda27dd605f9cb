# SPDX-License-Identifier: GPL-3.0-or-later
"""What the actions read from the shell: a wrong 'nothing to do' would be silent."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.action import config_files, packages
from ansible_collections.ftfw.pair.plugins.module_utils.files.plan import WantedFile

DENIED = "stat: cannot statx '/x/y': Permission denied\n"
NAMES = ["plain", "with blank", "unit\\x2dname", "it's", "$HOME;`id`", "-rf"]


def wanted(path: Path, **values: Any) -> WantedFile:
    status = path.parent.stat()
    fields = {
        "path": str(path),
        "content": b"text\n",
        "owner": str(status.st_uid),
        "group": str(status.st_gid),
        "mode": 0o644,
        "validate": None,
        "sensitive": False,
    }
    return WantedFile(**{**fields, **values})


def at_terminal(command: str) -> str:
    """What a command prints to a terminal, as one that Ansible runs by ssh: stderr comes with it."""
    ours, theirs = os.openpty()
    with subprocess.Popen(["/bin/sh", "-c", command], stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        said = b""
        # at its end a terminal fails (EIO)
        with suppress(OSError):
            while data := os.read(ours, 65536):
                said += data
        os.close(ours)
    assert process.returncode == 0
    return said.decode()


def ask(files: list[WantedFile]) -> bool:
    """Run the command in the shell that a node has, and judge what it says, at a terminal and without one."""
    command = config_files.survey([file.path for file in files])
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=True)
    found = config_files.same(files, done.stdout, done.stderr)
    assert config_files.same(files, at_terminal(command), "") is found
    return found


@pytest.mark.parametrize("name", NAMES)
def test_finds_a_file_that_is_as_it_should_be(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_text("text\n")
    file.chmod(0o644)
    assert ask([wanted(file), wanted(tmp_path / "absent", content=None)])


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"content": b"text"}, id="text"),
        pytest.param({"content": None}, id="unwanted"),
        pytest.param({"mode": 0o600}, id="mode"),
        pytest.param({"mode": 0o4644}, id="set-user-ID bit"),
        pytest.param({"owner": "4711"}, id="owner"),
        pytest.param({"group": "nosuchgroup"}, id="group"),
    ],
)
def test_finds_any_difference(tmp_path: Path, values: dict[str, Any]) -> None:
    file = tmp_path / "file"
    file.write_text("text\n")
    file.chmod(0o644)
    assert ask([wanted(file)])
    assert not ask([wanted(file, **values)])


def test_a_link_to_the_right_text_is_not_the_file(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("text\n")
    (tmp_path / "link").symlink_to("target")
    assert not ask([wanted(tmp_path / "link", mode=0o777)])


def test_one_difference_among_many(tmp_path: Path) -> None:
    files = [tmp_path / name for name in NAMES]
    for file in files:
        file.write_text("text\n")
        file.chmod(0o644)
    assert ask([wanted(file) for file in files])
    files[3].unlink()
    assert not ask([wanted(file) for file in files])


@pytest.mark.parametrize(
    ("stdout", "stderr"),
    [
        pytest.param("", "", id="silence"),
        pytest.param("sh: stat: not found\n-- sums\n", "", id="no stat"),
        pytest.param("-- sums\n", DENIED, id="no permission"),
        pytest.param(f"{DENIED}-- sums\n", "", id="no permission, at a terminal"),
    ],
)
def test_in_doubt_the_module_looks(tmp_path: Path, stdout: str, stderr: str) -> None:
    content = None if DENIED in stdout + stderr else b""
    assert not config_files.same([wanted(tmp_path / "file", content=content)], stdout, stderr)


@pytest.mark.parametrize(
    ("stdout", "expected"),
    [
        pytest.param("manager dpkg\ninstalled netbase netbase\n", ("dpkg", {"netbase"}), id="installed"),
        pytest.param("manager dpkg\nconfig-files ftp ftp\n", ("dpkg", set()), id="removed, not purged"),
        pytest.param("manager dpkg\nhalf-installed ftp ftp\n", ("dpkg", set()), id="broken"),
        pytest.param(
            "manager dpkg\ninstalled libc6 libc6:amd64\n",
            ("dpkg", {"libc6", "libc6:amd64"}),
            id="architecture",
        ),
        pytest.param(
            "manager rpm\ninstalled bash bash.x86_64\npackage ftp is not installed\n",
            ("rpm", {"bash", "bash.x86_64"}),
            id="rpm",
        ),
        pytest.param("", (None, set()), id="neither"),
    ],
)
def test_packages(stdout: str, expected: tuple[str | None, set[str]]) -> None:
    assert packages.parse_installed(stdout) == expected


def test_packages_of_this_machine() -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", packages.survey(["coreutils", "no-such-package"])],
        capture_output=True,
        text=True,
        check=True,
    )
    manager, installed = packages.parse_installed(done.stdout)
    assert manager in ("dpkg", "rpm")
    assert "coreutils" in installed
    assert "no-such-package" not in installed
