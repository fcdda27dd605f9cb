# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running conntrackd and the kernel's table, through the programs conntrackd and conntrack.

`conntrackd` asks the daemon over its UNIX socket and ends with 0 even when the daemon gave up in the middle
of an answer, so what must not be empty or short is checked here.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ansible.module_utils.common.process import get_bin_path
from ansible_collections.ftfw.pair.plugins.module_utils.conntrack.tuples import (
    Flow,
    OutputError,
    missing,
    parse_flows,
    without_closing,
)
from ansible_collections.ftfw.pair.plugins.module_utils.conntrackd import stats as conntrackd_stats

# the daemon's own, as in its man page
DEFAULT_CONFIG = "/etc/conntrackd/conntrackd.conf"
# a dump of a full table takes seconds on an emulated CPU; a stopped daemon never answers
ANSWER_SECONDS = 60
DUMP_ATTEMPTS = 3


class ConntrackdError(Exception):
    """Base of what can go wrong between us and the daemon; `config` says which daemon."""

    def __init__(self, config: str, reason: str) -> None:
        super().__init__(f"conntrackd of {config}: {reason}")
        self.config = config
        self.reason = reason


class ProgramMissingError(ConntrackdError):
    """conntrackd or conntrack is not installed."""


class ConfigError(ConntrackdError):
    """The configuration can't be read, or conntrackd does not understand it."""


class ConntrackdDownError(ConntrackdError):
    """Nobody listens at the daemon's socket."""


class ConntrackdNotPermittedError(ConntrackdError):
    """This user may not talk to the daemon or read the table."""


class NoAnswerError(ConntrackdError):
    """The daemon took the request and does not answer."""


class CacheOffError(ConntrackdError):
    """The daemon has no such cache; its flows are in the kernel's table only."""


class CommandFailedError(ConntrackdError):
    """A program failed for another reason; `stderr` has its words."""

    def __init__(self, config: str, command: Sequence[str], status: int, stderr: str) -> None:
        super().__init__(config, f"'{' '.join(command)}' ended with {status}: {stderr.strip()}")
        self.command = tuple(command)
        self.status = status
        self.stderr = stderr


class Conntrackd:
    """The daemon that runs with the configuration file `config`, which also names its socket."""

    def __init__(self, config: str = DEFAULT_CONFIG, answer_seconds: float = ANSWER_SECONDS) -> None:
        self.config = config
        self.answer_seconds = answer_seconds

    def ask(self, *arguments: str) -> str:
        """What conntrackd answers: `ask("-s", "queue")`."""
        return self._run("conntrackd", "-C", self.config, *arguments)[0]

    def statistics(self, section: str) -> str:
        return self.ask("-s", section)

    def general(self) -> dict[str, Any]:
        return conntrackd_stats.parse_general(self.statistics("ct"), "conntrackd -s ct")

    def flows(self, table: str, closing: bool = True) -> list[Flow]:
        """The flows of `internal`, `external` or `kernel`, with TCP flows that end or without."""
        if table == "kernel":
            return self._kernel(closing)
        return self._cache(table, {"internal": "-i", "external": "-e"}[table], closing)

    def mode(self) -> str:
        """FTFW, NOTRACK or ALARM, as the configuration says."""
        found = re.search(r"^\s*Mode\s+(\w+)", self._config_text(), re.MULTILINE)
        if not found:
            raise ConfigError(self.config, "no replication mode in the configuration")
        return found[1].upper()

    def _cache(self, table: str, option: str, closing: bool) -> list[Flow]:
        for _attempt in range(DUMP_ATTEMPTS):
            # the daemon dumps from a child process; when it can't make one, it answers nothing, with status 0
            side = self.general()[table]
            if side["kind"] == "inject":
                raise CacheOffError(self.config, "no external cache, the configuration turns it off")
            active = side.get("active", 0)
            text = self.ask(option)
            if text or not active:
                return parse_flows(text if closing else without_closing(text), f"conntrackd {option}")
        raise OutputError(f"conntrackd {option}", f"no entries, but the statistics tell of {active}")

    def _kernel(self, closing: bool) -> list[Flow]:
        command = ("conntrack", "-L")
        text, notes = self._run(*command)
        found = parse_flows(text, " ".join(command))
        told = re.search(r"(\d+) flow entries have been shown", notes)
        if not told:
            raise OutputError(" ".join(command), "the number of entries is not told", notes)
        if int(told[1]) != len(found):
            raise OutputError(" ".join(command), f"{len(found)} entries printed of {told[1]}")
        return found if closing else parse_flows(without_closing(text), " ".join(command))

    def _run(self, program: str, *arguments: str) -> tuple[str, str]:
        try:
            command = [get_bin_path(program), *arguments]
        except ValueError as error:
            raise ProgramMissingError(self.config, f"{program} is not installed") from error
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=self.answer_seconds, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise NoAnswerError(
                self.config,
                f"no answer to '{program} {' '.join(arguments)}' within {self.answer_seconds:g} s",
            ) from error
        if done.returncode:
            raise self._failure(program, arguments, done.returncode, done.stderr)
        return done.stdout, done.stderr

    def _failure(self, program: str, arguments: Sequence[str], status: int, stderr: str) -> ConntrackdError:
        if program == "conntrack" and "Operation not permitted" in stderr:
            return ConntrackdNotPermittedError(
                self.config, f"user {os.geteuid()} may not read the connection tracking table"
            )
        if "config file" in stderr and "can't connect" not in stderr:
            if not os.access(self.config, os.R_OK):
                return ConfigError(
                    self.config, f"user {os.geteuid()} can't read the configuration, or it is absent"
                )
            return ConfigError(self.config, f"the configuration is not understood: {last_line(stderr)}")
        if "can't connect" in stderr:
            return self._unreachable()
        return CommandFailedError(self.config, [program, *arguments], status, stderr)

    def _unreachable(self) -> ConntrackdError:
        """Why the socket refuses; conntrackd itself does not tell."""
        path = self._socket_path()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(self.answer_seconds)
            try:
                probe.connect(path)
            except OSError as error:
                if error.errno in (errno.EACCES, errno.EPERM):
                    return ConntrackdNotPermittedError(
                        self.config, f"user {os.geteuid()} may not use its socket {path}"
                    )
                return ConntrackdDownError(self.config, f"not running: socket {path}: {error.strerror}")
        return ConntrackdDownError(self.config, f"socket {path} refused a connection, and takes them now")

    def _socket_path(self) -> str:
        found = re.search(r"^\s*UNIX\s*{[^}]*?\bPath\s+\"?([^\s\"}]+)", self._config_text(), re.MULTILINE)
        if not found:
            raise ConfigError(self.config, "no UNIX socket in the configuration")
        return found[1]

    def _config_text(self) -> str:
        try:
            return re.sub(r"#.*", "", Path(self.config).read_text(encoding="utf-8", errors="replace"))
        except OSError as error:
            raise ConfigError(self.config, f"can't read the configuration: {error.strerror}") from error


def last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2]


def await_flows(
    wanted: Sequence[Flow],
    read: Callable[[], Sequence[Flow]],
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Flow]:
    """Wait until all of `wanted` are in what `read` returns; those that are not there in time are returned.

    `read` runs at least once. A pause is as long as the read before it, so that waiting takes half a CPU at
    most.
    """
    deadline = clock() + seconds
    pending = list(wanted)
    while True:
        started = clock()
        pending = missing(pending, read())
        now = clock()
        if not pending or now >= deadline:
            return pending
        sleep(min(max(now - started, 0.2), deadline - now))
