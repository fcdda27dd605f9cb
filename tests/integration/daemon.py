# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real daemon in a network namespace of its own, with a folder for its files and its log."""

from __future__ import annotations

import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PATIENCE = 15.0


@dataclass
class Daemon:
    """`module` runs a module of the collection, as the fixture of that name does."""

    module: Callable[..., dict[str, Any]]
    namespace: str = field(default_factory=lambda: f"ftfw-test-{secrets.token_hex(4)}")
    # the path of a UNIX socket has 107 bytes at most, which pytest's tmp_path may exceed
    directory: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="ftfw-test-")))
    daemon: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """Make the namespace; `remove` takes it away again."""
        subprocess.run(["ip", "netns", "add", self.namespace], check=True)

    @property
    def enter(self) -> tuple[str, ...]:
        """The command to run another one in the namespace."""
        return ("ip", "netns", "exec", self.namespace)

    def run(self, *command: str) -> str:
        return subprocess.run([*self.enter, *command], check=True, capture_output=True, text=True).stdout

    def launch(self, *command: str, environment: Mapping[str, str] | None = None) -> None:
        """Start the daemon, which stays in the foreground."""
        with (self.directory / "log").open("ab") as log:
            self.daemon = subprocess.Popen([*self.enter, *command], stdout=log, stderr=log, env=environment)

    def stop(self) -> None:
        """End the daemon, also one that a test has stopped."""
        if self.daemon is not None:
            self.daemon.send_signal(signal.SIGCONT)
            self.daemon.terminate()
            try:
                self.daemon.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.daemon.kill()
                self.daemon.wait()
            self.daemon = None


def join(one: Daemon, two: Daemon, device: str, addresses: tuple[str, str]) -> None:
    """Lay a wire between two namespaces; both ends have the same name."""
    veth = ["type", "veth", "peer", "name", device, "netns", two.namespace]
    one.run("ip", "link", "add", device, *veth)
    for daemon, address in zip((one, two), addresses):
        daemon.run("ip", "address", "add", address, "dev", device)
        daemon.run("ip", "link", "set", "lo", "up")
        daemon.run("ip", "link", "set", device, "up")


def remove(daemons: Iterable[Daemon]) -> None:
    """End them, and take away what they had, also where not all of it was made."""
    for daemon in daemons:
        daemon.stop()
    for daemon in daemons:
        subprocess.run(["ip", "netns", "delete", daemon.namespace], check=False)
        shutil.rmtree(daemon.directory)
