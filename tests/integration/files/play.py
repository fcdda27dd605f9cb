# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A playbook of one task, on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ansible_collections.ftfw.pair.tests.ansible_playbook import ansible_playbook, reported

ROOT = Path(__file__).parents[3]


def play(folder: Path, module: str, arguments: dict[str, Any], *options: str) -> dict[str, Any]:
    """Run a module of the collection with the system's own Python, and return its result."""
    task = {"name": "Do it", f"ftfw.pair.{module}": arguments}
    plays = [{"hosts": "all", "connection": "local", "gather_facts": False, "tasks": [task]}]
    playbook = folder / "play.json"
    playbook.write_text(json.dumps(plays))
    done = ansible_playbook(
        *("--inventory", "localhost,", *options, str(playbook)),
        settings={
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible" / "collections"),
            "ANSIBLE_HOME": str(folder / "home"),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
            "ANSIBLE_CALLBACKS_ENABLED": "ansible.posix.profile_tasks",
            "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
        },
    )
    result: dict[str, Any] = reported(done.stdout)[0]["tasks"][0]["hosts"]["localhost"]
    return result
