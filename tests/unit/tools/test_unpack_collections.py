# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which collections a clone gets out of the package ansible."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

TOOL = Path(__file__).parents[3] / "tools" / "unpack_collections.py"


def unpack(folder: Path, *members: str) -> subprocess.CompletedProcess[str]:
    """Run it in a clone that declares ansible.posix, with a package of these files."""
    (folder / "galaxy.yml").write_text('dependencies: {ansible.posix: ">=1.5.4"}\n')
    with ZipFile(folder / "ansible.whl", "w") as archive:
        for member in members:
            archive.writestr(f"ansible_collections/{member}", "new")
    return subprocess.run(
        [sys.executable, str(TOOL), "ansible.whl", "there"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_those_that_are_declared_and_no_others(tmp_path: Path) -> None:
    there = tmp_path / "there" / "ansible_collections"
    for name in ("ansible/posix/old.py", "ansible/utils/old.py", "ftfw/README"):
        (there / name).parent.mkdir(parents=True)
        (there / name).write_text("old")
    mine = tmp_path / "clone"
    mine.mkdir()
    (mine / "galaxy.yml").write_text("mine")
    (there / "ftfw" / "pair").symlink_to(mine)
    done = unpack(tmp_path, "ansible/posix/MANIFEST.json", "ansible/utils/MANIFEST.json")
    assert (done.returncode, done.stderr) == (0, "")
    assert [file for file in there.rglob("*") if file.is_file()] == [there / "ansible/posix/MANIFEST.json"]
    # the clone itself is linked there, and the link is made anew
    assert (mine / "galaxy.yml").read_text() == "mine"


@pytest.mark.parametrize("member", ["ansible/utils/MANIFEST.json", "ansible/posixes/MANIFEST.json"])
def test_a_package_without_one_is_refused(tmp_path: Path, member: str) -> None:
    done = unpack(tmp_path, member)
    assert done.returncode == 1
    assert "ansible.whl has no ansible_collections/ansible/posix/" in done.stderr
