# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""program by ansible-playbook on this machine: installed, found again, checked, replaced."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


class Play:
    """One task in a playbook of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file, self.link = folder / "lib" / "agent.pyz", folder / "pair-state"

    def __call__(self, *options: str) -> dict[str, Any]:
        arguments = {"name": "agent", "path": str(self.file), "links": [str(self.link)]}
        task = {"name": "Install", "ftfw.pair.program": arguments}
        plays = [{"hosts": "all", "connection": "local", "gather_facts": False, "tasks": [task]}]
        playbook = self.folder / "play.json"
        playbook.write_text(json.dumps(plays))
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("ansible-playbook")),
                *("--inventory", "localhost,", *options, str(playbook)),
            ],
            cwd=ROOT,
            env={
                **os.environ,
                "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible" / "collections"),
                "ANSIBLE_HOME": str(self.folder / "home"),
                "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
                "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        report = json.loads(done.stdout[done.stdout.index("{") : done.stdout.rindex("}") + 1])
        result: dict[str, Any] = report["plays"][0]["tasks"][0]["hosts"]["localhost"]
        return result


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
