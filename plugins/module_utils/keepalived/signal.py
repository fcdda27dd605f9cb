# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running keepalived made to dump its state, by signal.

It writes `keepalived.json` and `keepalived.data` into its own TMPDIR (lib/utils.c, set_tmp_dir), which
under systemd may be private to it. So process and directory are looked up in /proc.
"""

from __future__ import annotations

import os
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from ansible.module_utils.common.process import get_bin_path

# Debian's build, without an instance name
DEFAULT_PID_FILE = "/run/keepalived.pid"
# KA_TMP_DIR, unless the build says otherwise
DEFAULT_TMP_DIR = "/tmp"  # noqa: S108
PROC = Path("/proc")

Stamp = tuple[int, int, int]


class KeepalivedError(Exception):
    """Base of what can go wrong between us and the daemon; `pid_file` says which daemon."""

    def __init__(self, pid_file: str, reason: str) -> None:
        super().__init__(f"keepalived of {pid_file}: {reason}")
        self.pid_file = pid_file
        self.reason = reason


class KeepalivedDownError(KeepalivedError):
    """No keepalived runs under this PID file."""


class KeepalivedNotPermittedError(KeepalivedError):
    """This user may not signal the daemon, or look into its directory."""


class NoDumpError(KeepalivedError):
    """The daemon got the signal and wrote nothing."""


class UnsupportedError(KeepalivedError):
    """This keepalived can't dump what is needed."""


class Keepalived:
    """The daemon whose parent process is in `pid_file`."""

    def __init__(self, pid_file: str = DEFAULT_PID_FILE) -> None:
        self.pid_file = pid_file
        self.pid = self._read_pid()
        self._process = PROC / str(self.pid)
        try:
            program = str((self._process / "exe").readlink())
            environment = (self._process / "environ").read_bytes()
            self._owner = self._process.stat().st_uid
        except PermissionError as error:
            raise KeepalivedNotPermittedError(
                pid_file, f"user {os.geteuid()} may not look at process {self.pid}"
            ) from error
        except OSError as error:
            raise KeepalivedDownError(pid_file, f"not running, there is no process {self.pid}") from error
        # an upgraded program shows as '/usr/sbin/keepalived (deleted)'
        if Path(program.split(" ", maxsplit=1)[0]).name != "keepalived":
            raise KeepalivedDownError(pid_file, f"not running, process {self.pid} is {program}")
        self._directory = self._process / "root" / tmp_dir(environment).lstrip("/")

    def dump(self, signal_name: str, file_name: str, seconds: float) -> str:
        """Send the signal that keepalived calls `signal_name`, and return the file that it then writes.

        The file is taken when it is a new one and no process of the daemon has it open any more: keepalived
        2.2 gives a dump its name before it writes it.
        """
        path = self._directory / file_name
        number = self._signal_number(signal_name)
        deadline = time.monotonic() + seconds
        try:
            before = stamp(path)
            os.kill(self.pid, number)
            while time.monotonic() < deadline:
                text = self._finished(path, before)
                if text is not None:
                    return text
                time.sleep(0.02)
            alive = self._process.exists()
        except PermissionError as error:
            reason = f"user {os.geteuid()} may not signal process {self.pid} or read {error.filename or path}"
            raise KeepalivedNotPermittedError(self.pid_file, reason) from error
        except ProcessLookupError as error:
            raise KeepalivedDownError(self.pid_file, f"process {self.pid} ended") from error
        except OSError as error:
            raise NoDumpError(self.pid_file, f"can't read {path}: {error.strerror}") from error
        if not alive:
            raise KeepalivedDownError(self.pid_file, f"process {self.pid} ended")
        raise NoDumpError(
            self.pid_file, f"no new {path} within {seconds:g} s of signal {number}; has it any VRRP instance?"
        )

    def _finished(self, path: Path, before: Stamp | None) -> str | None:
        """The file's text, when it is newer than `before` and complete."""
        now = stamp(path)
        if now is None or now == before or self._has_open(now):
            return None
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, encoding="utf-8", errors="replace") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_uid != self._owner:
                raise NoDumpError(self.pid_file, f"{path} is not a file of keepalived's own user")
            # it may have been replaced by a next one, which somebody else asked for
            if stamp_of(status) != now:
                return None
            return file.read()

    def _has_open(self, wanted: Stamp) -> bool:
        for pid in (self.pid, *children(self.pid)):
            try:
                descriptors = list((PROC / str(pid) / "fd").iterdir())
            except (FileNotFoundError, ProcessLookupError):
                continue
            for descriptor in descriptors:
                found = stamp(descriptor, follow=True)
                if found is not None and found[:2] == wanted[:2]:
                    return True
        return False

    def _read_pid(self) -> int:
        try:
            return int(Path(self.pid_file).read_text(encoding="ascii"))
        except PermissionError as error:
            raise KeepalivedNotPermittedError(
                self.pid_file, f"user {os.geteuid()} may not read the PID file"
            ) from error
        except FileNotFoundError as error:
            raise KeepalivedDownError(self.pid_file, "not running, there is no PID file") from error
        except (OSError, ValueError) as error:
            raise KeepalivedDownError(self.pid_file, f"the PID file is of no use: {error}") from error

    def _signal_number(self, name: str) -> int:
        try:
            program = get_bin_path("keepalived")
        except ValueError as error:
            raise UnsupportedError(self.pid_file, "the program keepalived is not installed") from error
        # real-time signals have other numbers in other builds, only the program knows them
        command = [program, f"--signum={name}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not done.stdout.strip().isdigit():
            reason = f"this build knows no signal {name}: {(done.stderr or done.stdout).strip()}"
            raise UnsupportedError(self.pid_file, reason)
        return int(done.stdout)


def tmp_dir(environment: bytes) -> str:
    """The directory that keepalived takes for its dumps, from its environment as in /proc/PID/environ."""
    for item in environment.split(b"\0"):
        name, _equals, value = item.partition(b"=")
        if name == b"TMPDIR" and value.startswith(b"/"):
            return os.fsdecode(value)
    return DEFAULT_TMP_DIR


def stamp(path: Path, follow: bool = False) -> Stamp | None:
    try:
        return stamp_of(path.stat() if follow else path.lstat())
    except (FileNotFoundError, ProcessLookupError):
        return None


def stamp_of(status: os.stat_result) -> Stamp:
    """Device, inode and time: together new for every dump, since it is a new file each time."""
    return (status.st_dev, status.st_ino, status.st_mtime_ns)


def children(pid: int) -> Iterator[int]:
    """Processes whose parent is `pid`. In proc(5) stat the name in parentheses may hold anything."""
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                status = (entry / "stat").read_text(encoding="utf-8", errors="replace")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(status.rpartition(")")[2].split()[1]) == pid:
                yield int(entry.name)
