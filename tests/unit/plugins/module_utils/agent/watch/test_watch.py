# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom the watch starts again, and whom it leaves alone; systemctl is a stand-in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.agent.watch import program as watch

SYSTEMCTL = """\
#!/bin/sh
test "$1" != show || {{ printf '{said}'; exit; }}
echo "$*" >>{folder}/calls
test "$1" != start || test ! -e {folder}/broken || exit 1
test "$1" != reload || test ! -e {folder}/failed
"""
START, STOP = "start keepalived.service", "stop keepalived.service"
RELOAD, RESTART = "reload ftfw-nftables.service", "restart ftfw-nftables.service"


def program(folder: Path, monkeypatch: pytest.MonkeyPatch, said: str, pid: str = "") -> Any:
    """The watch of a node whose table has just gone, and of whose keepalived systemd says what is given."""
    file = folder / "systemctl"
    file.write_text(SYSTEMCTL.format(folder=folder, said=said))
    file.chmod(0o755)
    monkeypatch.setattr(watch, "SYSTEMCTL", str(file))
    (folder / "pid").write_text(pid)
    pid_files = {"keepalived": folder / "pid", "conntrackd": folder / "none"}
    return watch.WatchProgram(watch.WatchConfig("ftfw", (), (), ()), folder, "/bin/true", pid_files)


def calls(folder: Path) -> list[str]:
    return sorted((folder / "calls").read_text().splitlines())


@pytest.mark.parametrize(
    ("said", "pid", "again"),
    [
        pytest.param("", str(os.getpid()), True, id="it-runs"),
        pytest.param("ActiveState=inactive\\nJob=42\\n", "", True, id="its-turn-comes-at-boot"),
        pytest.param("ActiveState=activating\\nJob=42\\n", "", True, id="it-starts"),
        pytest.param("ActiveState=inactive\\nJob=0\\n", "", False, id="somebody-has-stopped-it"),
        pytest.param("ActiveState=inactive\\n", "", False, id="stopped-and-no-job-is-told"),
        pytest.param("ActiveState=deactivating\\nJob=42\\n", "", False, id="somebody-stops-it"),
        pytest.param("ActiveState=failed\\nJob=0\\n", "", False, id="it-has-failed"),
    ],
)
def test_keepalived_gets_back_what_it_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, pid: str, again: bool
) -> None:
    program(tmp_path, monkeypatch, said, pid).restore_table()
    assert calls(tmp_path) == sorted([RELOAD, STOP, *([START] if again else [])])
    assert not (tmp_path / "stopped").exists()


def test_what_can_not_be_reloaded_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A start waits for a flowtable's device that is gone; a unit that has failed needs it all the same."""
    made = program(tmp_path, monkeypatch, "", str(os.getpid()))
    (tmp_path / "failed").touch()
    made.restore_table()
    assert calls(tmp_path) == sorted([RELOAD, RESTART, STOP, START])


def test_a_start_that_fails_is_tried_again_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = program(tmp_path, monkeypatch, "", str(os.getpid()))
    (tmp_path / "broken").touch()
    made.restore_table()
    for _look in range(3):
        made.give_back()
    assert calls(tmp_path).count(START) == 1
    (tmp_path / "broken").unlink()
    made.again.clear()
    made.give_back()
    assert calls(tmp_path).count(START) == 2
    assert not (tmp_path / "stopped").exists()


def test_a_daemon_that_was_killed_is_not_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """conntrackd's socket is all that tells of it, and outlives it."""
    made = program(tmp_path, monkeypatch, "")
    assert made.actions["conntrackd"][1:] == ("try-restart", "conntrackd.service")
