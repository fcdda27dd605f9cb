# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build a program for nodes as one file: a zip archive that Python runs (zipapp in Python's library).

The same sources give the same bytes on every machine: names are in order, times are fixed, and nothing is
compressed, for which a library's version would count. The program knows its version by a module that is
written here: the collection's version, and a digest of all that is in it.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.ftfw.pair.plugins.plugin_utils.packing.imports import ROOT, PackingError, closure

INTERPRETER = "/usr/bin/python3 -I"
BUILD = "ftfw_build"
"""The module that says which version a program is: VERSION and DIGEST."""
DIGITS = 12
_TIME = (1980, 1, 1, 0, 0, 0)
"""The first that a zip archive can tell."""
_VERSION = re.compile(r"^version:\s*['\"]?([^\s'\"]+)", re.MULTILINE)
_MAIN = """\
import sys
import zipimport


class Importer(zipimport.zipimporter):
    # its parent compiles a module to learn its file's name, and then once more to run it
    def get_filename(self, fullname):
        path = self.archive + "/" + self.prefix + fullname.rpartition(".")[2]
        return path + ("/__init__.py" if self.is_package(fullname) else ".py")


sys.path_hooks.insert(0, Importer)
sys.path_importer_cache.pop(sys.path[0], None)

from {module} import {function}

sys.exit({function}())
"""


@dataclass(frozen=True)
class Program:
    """A program by its entry point: a module's full name, and a function in it without parameters."""

    module: str
    function: str = "main"


@dataclass(frozen=True)
class Built:
    version: str
    """The collection's."""
    digest: str
    """Of all sources in it."""
    content: bytes
    """An executable file."""


def build(program: Program, root: Path = ROOT) -> Built:
    """Build it from the sources below `root`. Raises PackingError."""
    files = closure(program.module, root)
    files["__main__.py"] = launcher(program)
    version, digest = collection_version(root), digest_of(files)
    files[f"{BUILD}.py"] = f'VERSION = "{version}"\nDIGEST = "{digest}"\n'.encode()
    return Built(version, digest, f"#!{INTERPRETER}\n".encode() + archive(files))


def launcher(program: Program) -> bytes:
    """The file that Python runs in an archive."""
    return _MAIN.format(module=program.module, function=program.function).encode()


def digest_of(files: dict[str, bytes]) -> str:
    """One digest of names and contents."""
    summed = hashlib.sha256()
    for name, content in sorted(files.items()):
        summed.update(f"{name}\0{len(content)}\0".encode() + content)
    return summed.hexdigest()[:DIGITS]


def archive(files: dict[str, bytes]) -> bytes:
    """A zip archive of the files."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as opened:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _TIME)
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            opened.writestr(entry, content)
    return written.getvalue()


def collection_version(root: Path = ROOT) -> str:
    """What galaxy.yml of a checkout says or, where it is installed, its manifest."""
    try:
        manifest = root / "MANIFEST.json"
        if manifest.is_file():
            return str(json.loads(manifest.read_text(encoding="utf-8"))["collection_info"]["version"])
        match = _VERSION.search((root / "galaxy.yml").read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PackingError(f"the collection's version can't be read: {error}") from error
    if match is None:
        raise PackingError(f"{root / 'galaxy.yml'} says no version")
    return match.group(1)
