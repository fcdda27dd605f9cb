# SPDX-License-Identifier: GPL-3.0-or-later
"""Source code from an archive is compiled once, and not each time.

Ansible sends a module as an archive of source code. A processor that is emulated compiles that for longer
than the module works. What is compiled is kept under the source's hash (PEP 552), in a folder that only root
can read. Each Python loads this as it starts, by a file `.pth`: it imports what is there anyhow, and no more.
"""

import _imp
import marshal
import os
import zipimport
from _frozen_importlib_external import MAGIC_NUMBER

FOLDER = "/var/cache/compiled-once"
"""Where compiled code lies."""


def path_of(source: bytes) -> str:
    """Where the compiled code of a source lies: another interpreter has another file."""
    key = int.from_bytes(MAGIC_NUMBER, "little")
    return f"{FOLDER}/{_imp.source_hash(key, source).hex()}.{len(source)}"


def read(path: str) -> object:
    """What was compiled; None where there is none that can be read."""
    try:
        with open(path, "rb") as file:
            return marshal.loads(file.read())
    except (OSError, EOFError, ValueError, TypeError):
        return None


def keep(path: str, code: object) -> None:
    """Write what was compiled, whole or not at all; nothing without the rights to it."""
    part = f"{path}.{os.getpid()}"
    try:
        os.makedirs(FOLDER, mode=0o700, exist_ok=True)
        with open(part, "wb") as file:
            file.write(marshal.dumps(code))
        os.replace(part, path)
    except OSError:
        # a full file system gets no fuller by it
        try:
            os.unlink(part)
        except OSError:
            return


def install() -> None:
    """Let zipimport ask here first."""
    compile_source = zipimport._compile_source

    def compiled(pathname: str, source: bytes, *more: object) -> object:
        path = path_of(source)
        code = read(path)
        if code is None:
            code = compile_source(pathname, source, *more)
            keep(path, code)
        return code

    zipimport._compile_source = compiled
