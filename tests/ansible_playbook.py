# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-playbook, run in the clone by the Python of the tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def ansible_playbook(
    *arguments: str, settings: Mapping[str, str] | None = None, timeout: float | None = None
) -> subprocess.CompletedProcess[str]:
    """Run it to its end, whatever comes of it; `settings` come into its environment."""
    return subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), *arguments],
        cwd=ROOT,
        env={**os.environ, **(settings or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def apart(folder: Path) -> dict[str, str]:
    """Settings of a run that is independent of ansible.cfg, and prints a report for `reported`."""
    config = folder / "ansible.cfg"
    config.write_text("[defaults]\n")
    return {
        "ANSIBLE_CONFIG": str(config),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible" / "collections"),
        "ANSIBLE_HOME": str(folder),
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
    }


def reported(printed: str) -> list[dict[str, Any]]:
    """The plays of a report, each with its tasks and their results by host."""
    report, _end = json.JSONDecoder().raw_decode(printed, printed.index("{"))
    return list(report["plays"])
