# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""program by ansible-playbook on this machine: installed, found again, checked, replaced."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftfw.pair.tests.integration.files.play import play as run_play


class Play:
    """One task in a playbook of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file, self.link = folder / "lib" / "agent.pyz", folder / "pair-state"

    def __call__(self, *options: str) -> dict[str, Any]:
        arguments = {"name": "agent", "path": str(self.file), "links": [str(self.link)]}
        return run_play(self.folder, "program", arguments, *options)


@pytest.fixture
def play(tmp_path: Path) -> Play:
    return Play(tmp_path)


def test_the_program_of_a_node(play: Play) -> None:
    both = [str(play.file), str(play.link)]
    first = play("--check", "--diff")
    assert (first["changed"], first["changed_paths"]) == (True, both)
    assert first["diff"]["after"] == f"create {play.file}\ncreate {play.link}\n"
    assert not play.file.exists()
    assert play()["changed_paths"] == both
    version = subprocess.run([play.link, "--version"], check=True, capture_output=True, text=True).stdout
    assert version == f"pair-state {first['version']}\n"
    assert play()["changed"] is False
    play.file.write_bytes(play.file.read_bytes()[:-1])
    play.link.unlink()
    play.link.write_text("a program of a former version\n")
    assert play("--check")["changed_paths"] == both
    assert play()["changed_paths"] == both
    assert play()["changed"] is False
