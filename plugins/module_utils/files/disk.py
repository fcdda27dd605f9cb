# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads files with their attributes, and changes a set of them as one: all of them, or none."""

from __future__ import annotations

import errno
import os
import shlex
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from ansible_collections.ftfw.pair.plugins.module_utils.files.plan import (
    ConfigFilesError,
    FileChange,
    FileState,
)

CHECKER_SECONDS = 60

Undo = Callable[[], None]


def read(path: str) -> FileState | None:
    """Return the file's state, None if it is absent; raises ConfigFilesError."""
    place = Path(path)
    with _errors_of(path):
        try:
            status = place.lstat()
        except FileNotFoundError:
            return None
        mode = stat.S_IMODE(status.st_mode)
        if stat.S_ISLNK(status.st_mode):
            return FileState(b"", status.st_uid, status.st_gid, mode, link=str(place.readlink()))
        if not stat.S_ISREG(status.st_mode):
            kind = "a directory" if stat.S_ISDIR(status.st_mode) else "a special file"
            raise ConfigFilesError(path, f"is {kind}, and not replaced")
        return FileState(place.read_bytes(), status.st_uid, status.st_gid, mode)


def apply(changes: Sequence[FileChange]) -> None:
    """Write and check every new file beside its place, then put all in place.

    When anything fails, what was done is undone in reverse, and ConfigFilesError raised.
    """
    undo: list[Undo] = []
    staged: dict[str, Path] = {}
    try:
        for change in changes:
            if change.after is not None:
                with _errors_of(change.path):
                    _make_parents(Path(change.path).parent, undo)
                    if change.after.link is not None:
                        continue
                    staged[change.path] = _stage(change.path, change.after)
                    # before its folder, which has to be empty
                    undo.append(partial(staged[change.path].unlink, missing_ok=True))
        for change in changes:
            if change.path in staged and change.validate:
                _validate(change, change.validate, staged[change.path])
        for change in changes:
            # first, since a write in place can fail half-way
            undo.append(partial(_put_back, change))
            with _errors_of(change.path):
                _put(Path(change.path), change.after, staged.get(change.path))
    except ConfigFilesError as error:
        failures = _undo(undo)
        raise ConfigFilesError(error.path, "; ".join([error.reason, *failures])) from error
    finally:
        for temporary in staged.values():
            temporary.unlink(missing_ok=True)


@contextmanager
def _errors_of(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigFilesError(path, error.strerror or str(error)) from error


def _make_parents(folder: Path, undo: list[Undo]) -> None:
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    for parent in reversed(missing):
        parent.mkdir()
        undo.append(parent.rmdir)
        # whatever the umask is
        parent.chmod(0o755)


def _stage(path: str, state: FileState) -> Path:
    """Write a file with its final attributes beside its place.

    Hidden, so that daemons which read a whole folder pass it over; its name ends as the file's does, since
    some checkers go by that.
    """
    place = Path(path)
    handle, name = tempfile.mkstemp(prefix=".ftfw-", suffix=f"-{place.name}", dir=place.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(state.content)
            file.flush()
            os.fchown(handle, state.uid, state.gid)
            os.fchmod(handle, state.mode)
            # a VM may be killed at any time, and must not come back with an empty file
            os.fsync(handle)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _validate(change: FileChange, checker: str, temporary: Path) -> None:
    command = [word.replace("%s", str(temporary)) for word in shlex.split(checker)]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=CHECKER_SECONDS,
            check=False,
        )
    except OSError as error:
        raise ConfigFilesError(change.path, f"{command[0]} can't check it: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise ConfigFilesError(
            change.path, f"{command[0]} took over {CHECKER_SECONDS} s to check it"
        ) from error
    if done.returncode:
        said = done.stdout.decode(errors="replace").replace(str(temporary), change.path).strip()
        raise ConfigFilesError(
            change.path,
            f"{command[0]} refuses it with exit code {done.returncode}: "
            + (
                "what it said is withheld, since the file is sensitive"
                if change.sensitive
                else said or "no word"
            ),
        )


def _put(place: Path, state: FileState | None, staged: Path | None) -> None:
    if state is None:
        place.unlink(missing_ok=True)
    elif state.link is not None:
        _put_link(place, state.link, state)
    elif staged is not None:
        try:
            staged.replace(place)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            # a bind mount, such as a container's /etc/hostname, can be written to, but not replaced
            _write_in_place(place, state)


def _write_in_place(place: Path, state: FileState) -> None:
    with place.open("r+b") as file:
        file.write(state.content)
        file.truncate()
        os.fchown(file.fileno(), state.uid, state.gid)
        os.fchmod(file.fileno(), state.mode)


def _put_back(change: FileChange) -> None:
    before = change.before
    if read(change.path) == before:
        return
    place = Path(change.path)
    _put(place, before, None if before is None or before.link else _stage(change.path, before))


def _put_link(place: Path, target: str, state: FileState) -> None:
    temporary = place.with_name(f".ftfw-link-{place.name}")
    temporary.symlink_to(target)
    os.lchown(temporary, state.uid, state.gid)
    temporary.replace(place)


def _undo(undo: Sequence[Undo]) -> list[str]:
    """Undo in reverse; return what could not be undone."""
    failures = []
    for step in reversed(undo):
        try:
            step()
        except (OSError, ConfigFilesError) as error:
            failures.append(f"could not be undone: {error}")
    return failures
