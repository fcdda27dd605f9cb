# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that hosts would get: kept while a play goes through the roles, then shown in a folder."""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INDEX = ".txt"
"""What the name of a host's index ends with, beside the host's folder."""
_HEAD = "# mode, owner, group and path of each file; one with a note stands in no file here\n"
_NOTE = "  ("
_SHIPPED = ("roles/*/files/*", "plugins/**/*.py")


@dataclass(frozen=True)
class Collected:
    """A file as the host would get it."""

    path: str
    content: bytes
    owner: str
    group: str
    mode: int
    sensitive: bool = False
    link: str | None = None
    """What a symbolic link names; it has no content."""


def collect(run: str, host: str, files: Iterable[Collected]) -> None:
    """Keep files of a host. `run` is the folder that Ansible has for this run alone, and removes."""
    place = _place(run, host)
    place.parent.mkdir(mode=0o700, exist_ok=True)
    with place.open("a", encoding="utf-8") as kept:
        for file in files:
            fields = {**vars(file), "content": b64encode(file.content).decode()}
            kept.write(f"{json.dumps(fields)}\n")


def collected(run: str, host: str) -> list[Collected]:
    """What was kept of a host, by path; of two files of one path it gets the later one."""
    try:
        lines = _place(run, host).read_text("utf-8").splitlines()
    except FileNotFoundError:
        return []
    found: dict[str, Collected] = {}
    for line in lines:
        fields: dict[str, Any] = json.loads(line)
        found[fields["path"]] = Collected(**{**fields, "content": b64decode(fields["content"])})
    return [found[path] for path in sorted(found)]


def _place(run: str, host: str) -> Path:
    # a host's name may have any characters, and be longer than a file's
    return Path(run) / "collected_files" / hashlib.sha256(host.encode()).hexdigest()


def shipped(root: Path) -> set[bytes]:
    """The texts that the collection ships as they are: programs and static files, alike on all hosts."""
    paths = (path for pattern in _SHIPPED for path in root.glob(pattern) if path.is_file())
    return {path.read_bytes() for path in paths} - {b""}


@dataclass(frozen=True)
class Shown:
    """A file of the folder, by its path in it."""

    path: str
    content: str
    secret: bool = False


def shown(hosts: Mapping[str, Sequence[Collected]], programs: set[bytes], secrets: bool) -> Iterator[Shown]:
    """Each host's index and its files, the host's paths below its name."""
    for host, files in sorted(hosts.items()):
        if not files:
            continue
        notes = {file.path: _note(file, programs, secrets) for file in files}
        lines = (
            f"{file.mode:04o} {file.owner} {file.group} {file.path}"
            + (f"{_NOTE}{notes[file.path]})" if notes[file.path] else "")
            for file in files
        )
        yield Shown(host + INDEX, _HEAD + "".join(f"{line}\n" for line in lines))
        for file in files:
            if not notes[file.path]:
                yield Shown(host + file.path, file.content.decode(), secret=file.sensitive)


def _note(file: Collected, programs: set[bytes], secrets: bool) -> str:
    """Why a file is named only; empty where it is shown."""
    if file.link is not None:
        return f"a link to {file.link}"
    if file.sensitive and not secrets:
        return "sensitive"
    if file.content in programs:
        return "the collection's own"
    try:
        file.content.decode()
    except UnicodeDecodeError:
        return "no text"
    return ""


def indexed(host: str, index: str) -> list[str]:
    """The paths in the folder that an index names, with its own. Anything else there is somebody else's."""
    if not index.startswith(_HEAD):
        return []
    lines = [line.split(" ", 3) for line in index.removeprefix(_HEAD).splitlines() if _NOTE not in line]
    return [host + INDEX, *(host + fields[3] for fields in lines if len(fields) == 4)]
