# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A slip of YAML in any file of an inventory is told with its file and line, under our own settings."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
OPEN = "site_networks: {wan: {prefixes: [203.0.113.0/24}}\n"
TAB = "node_interfaces:\n\teno1: {}\n"
PLAIN = "a: b: c\n"


def run(site: Path, inventory: Path) -> tuple[int, str]:
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("ansible-playbook")),
            *("-i", str(inventory), str(ROOT / "playbooks" / "site_model.yml")),
        ],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_HOME": str(site / ".home")},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("whole", [True, False], ids=["folder", "file"])
@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("group_vars/all/site.yml", OPEN, 1),
        ("host_vars/fw-north.yml", TAB, 2),
        ("host_vars/fw-south.yml", PLAIN, 1),
        ("group_vars/nodes", PLAIN, 1),
        ("hosts.yml", TAB, 2),
    ],
)
def test_it_is_told_where_a_slip_is(tmp_path: Path, name: str, text: str, line: int, whole: bool) -> None:
    site = tmp_path / "site"
    shutil.copytree(ROOT / "inventories" / "metal", site)
    (site / name).write_text(text)
    code, printed = run(site, site if whole else site / "hosts.yml")
    assert code != 0
    assert f"[ERROR]: inventory: {site}/{name} line {line}: (file): is no sound YAML: " in printed


def test_nothing_is_told_of_sound_files(tmp_path: Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(ROOT / "inventories" / "metal", site)
    folder = site / "host_vars" / "fw-north"
    folder.mkdir()
    (site / "host_vars" / "fw-north.yml").rename(folder / "node.yml")
    (folder / "empty.yml").write_text("---\n")
    code, printed = run(site, site)
    assert (code, "ERROR" in printed) == (0, False), printed
