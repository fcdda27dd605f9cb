# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program of one file as it lies on a host: with byte code, and with a mark at its end.

Python runs sources out of an archive, but compiles them at each start. So each gets the byte code of the
host's Python beside it. Of another Python's byte code it takes no notice, and compiles.

The mark is the archive's comment. It tells what the file was made of and for, and that it is whole: the
digest of the program as it was built, the digest of all before the mark, and the name of the Python.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import marshal
import zipfile
from pathlib import Path

PYTHON = "/usr/bin/python3"
"""What runs programs on hosts."""
NO_PYTHON = "none"
"""In a mark: without byte code."""
_DIGEST, _NAME = 64, 14
MARK_SIZE = 2 * (_DIGEST + 1) + _NAME + 1
_TIME = (1980, 1, 1, 0, 0, 0)
_UNCHECKED = (1).to_bytes(4, "little")
"""Flags of byte code that is by a hash of its source, which is never compared (PEP 552)."""


def python_of(executable: str = PYTHON) -> str:
    """The name of a Python, by its minor version, as python3.11: byte code is the same within one."""
    return Path(executable).resolve().name


def installed(built: bytes, path: str, python: str) -> bytes:
    """The file for a host. Byte code is made where this very Python is the one, and else left out."""
    start = built.index(b"\n") + 1
    written = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(built)) as source,
        zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as target,
    ):
        for name in source.namelist():
            text = source.read(name)
            target.writestr(_entry(name), text)
            if python != NO_PYTHON and name.endswith(".py"):
                target.writestr(_entry(f"{name}c"), _byte_code(text, f"{path}/{name}"))
        target.comment = bytes(MARK_SIZE)
    body = built[:start] + written.getvalue()[:-MARK_SIZE]
    return body + _mark(built, hashlib.sha256(body).hexdigest(), python)


def is_current(mark: bytes, body: str, built: bytes, python: str) -> bool:
    """Whether a file is what `installed` makes, by its last MARK_SIZE bytes and the digest of the others."""
    return mark.split() == _mark(built, body, python).split()


def _mark(built: bytes, body: str, python: str) -> bytes:
    return f"{hashlib.sha256(built).hexdigest()} {body} {python:<{_NAME}}\n".encode()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _TIME)
    entry.external_attr = 0o644 << 16
    return entry


def _byte_code(source: bytes, path: str) -> bytes:
    code = compile(source, path, "exec", dont_inherit=True)
    return importlib.util.MAGIC_NUMBER + _UNCHECKED + importlib.util.source_hash(source) + marshal.dumps(code)
