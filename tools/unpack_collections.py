# SPDX-License-Identifier: GPL-3.0-or-later
"""Take the collections that galaxy.yml depends on out of a wheel of the package ansible.

Usage: unpack_collections.py WHEEL COLLECTIONS_PATH
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from zipfile import ZipFile

import yaml


def main() -> None:
    wheel, target = sys.argv[1:]
    names = yaml.safe_load(Path("galaxy.yml").read_text())["dependencies"]
    folders = tuple("ansible_collections/" + name.replace(".", "/") + "/" for name in names)
    # all of them: one that is declared no more would hide that something still needs it
    shutil.rmtree(Path(target, "ansible_collections"), ignore_errors=True)
    with ZipFile(wheel) as archive:
        members = [member for member in archive.namelist() if member.startswith(folders)]
        archive.extractall(target, members)
    absent = [folder for folder in folders if not Path(target, folder, "MANIFEST.json").exists()]
    if absent:
        raise SystemExit(f"{wheel} has no {', '.join(absent)}")


if __name__ == "__main__":
    main()
