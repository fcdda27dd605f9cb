# SPDX-License-Identifier: GPL-3.0-or-later
"""The containers of this scenario, and the project's own playbooks on them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
LAB = os.environ.get("FTFW_NATIVE_LAB", "molecule-native")
PREFIX = f"ftfw-{LAB}"
SUITE = os.environ.get("FTFW_SUITE", "bookworm")
"""The Debian release of the containers; with another one their image would be built anew."""
METRICS = "/var/lib/metrics/ftfw.prom"
NODES = ("fw-1", "fw-2")
VIRTUAL = ("192.168.2.100", "192.168.0.100")
VIRTUAL_6 = ("2001:db8:2::100", "2001:db8::100")
SERVER, PORT = "192.168.0.3", 7
"""An echo server of the tests; the policy of inventories/native lets it through."""

# the bench measures the same pair by the same means
sys.path.append(str(PROJECT / "tools/bench"))


PODMANS_OWN = (125, 255)
"""Exit codes of podman itself, which then prints a line that begins with Error (podman-exec(1))."""


class CommandError(Exception):
    """A command ended with an error on a host; the message has what it printed."""


class PodmanError(CommandError):
    """podman could not run the command, or can't tell how it ended."""


def run(host: str, command: str, check: bool = True) -> str:
    """Run a shell command on a host, and return what it printed."""
    words = ["podman", "exec", f"{PREFIX}-{host}", "sh", "-c", command]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    if check and done.returncode:
        error = PodmanError if done.returncode in PODMANS_OWN else CommandError
        raise error(f"{host}: {command!r} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    return done.stdout


def command(path: str, *options: str) -> tuple[list[str], dict[str, str]]:
    """The words that run a playbook of the project on this lab, and their environment."""
    # molecule's own configuration is for its own runs
    foreign = ("ANSIBLE_", "MOLECULE_")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    site = {"lab_name": LAB, "lab_suite": SUITE, "pair_state_textfile": METRICS}
    given = [word for name, value in site.items() for word in ("-e", f"{name}={value}")]
    words = ["ansible-playbook", "-i", "inventories/native", path, *given, *options]
    return words, {**environment, "ANSIBLE_NOCOLOR": "1"}


def playbook(path: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a playbook of the project on this lab."""
    words, environment = command(path, *options)
    return subprocess.run(
        words, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=600, check=False
    )


def other_of(node: str) -> str:
    return NODES[1 - NODES.index(node)]


def wait(what: str, true: Callable[[], bool], seconds: float = 15) -> None:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.1)
