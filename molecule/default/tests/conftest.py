# SPDX-License-Identifier: GPL-3.0-or-later
"""The machines of the lab that this scenario has built, and the project's own commands on them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import testinfra
from ansible_collections.ftfw.pair.tests import long_tests
from kernel import Ansible

PROJECT = Path(__file__).resolve().parents[3]
SUITE = os.environ.get("FTFW_SUITE", "bookworm")
INVENTORY = ["-i", str(PROJECT / "inventories/lab"), "-e", "lab_name=molecule", "-e", f"lab_suite={SUITE}"]
SSH_CONFIG = PROJECT / "build" / "molecule" / "ssh" / "omarine.config"
BOOT_SECONDS = 240
pytest_configure = long_tests.pytest_configure
pytest_collection_modifyitems = long_tests.pytest_collection_modifyitems


@pytest.fixture(scope="session")
def omarine() -> Any:
    return testinfra.get_host("podman://ftfw-molecule-omarine")


@pytest.fixture(scope="session")
def ssh_config() -> Path:
    return SSH_CONFIG


@pytest.fixture(scope="session")
def guest() -> Callable[[str], Any]:
    def connect(name: str) -> Any:
        return testinfra.get_host(f"ssh://{name}?ssh_config={SSH_CONFIG}")

    return connect


@pytest.fixture(scope="session")
def ansible() -> Ansible:
    """Run an Ansible command in the project and return its output; it must end with `code`."""

    def run(*command: str, code: int = 0) -> str:
        # molecule's own configuration is for its own runs
        foreign = ("ANSIBLE_", "MOLECULE_")
        environment = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
        done = subprocess.run(
            [command[0], *INVENTORY, *command[1:]],
            cwd=PROJECT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == code, done.stdout[-4000:] + done.stderr[-2000:]
        return done.stdout

    return run


@pytest.fixture(scope="session")
def wait_for_guest(omarine: Any, guest: Callable[[str], Any]) -> Callable[[str], None]:
    """Wait until a guest has booted: all that is enabled was started.

    On a busy machine that takes its time, so a guest has failed when nothing new is heard of it for long.
    """
    ask = "systemctl is-system-running; systemctl list-jobs --no-legend"

    def wait(name: str) -> None:
        console, answer = f"/var/log/ftfw-{name}/console.log", ""
        begun = since = time.monotonic()
        seen: tuple[str, str] | None = None
        while time.monotonic() < min(since + BOOT_SECONDS, begun + 3 * BOOT_SECONDS):
            # testinfra raises RuntimeError where ssh itself fails
            with contextlib.suppress(RuntimeError):
                answer = guest(name).run(ask).stdout.strip()
                if answer.split("\n")[0] in ("running", "degraded"):
                    return
            now = (omarine.run(f"stat -c %s {console}").stdout, answer)
            if now != seen:
                seen, since = now, time.monotonic()
            time.sleep(3)
        unit = omarine.run(f"systemctl status --no-pager --lines=5 guest-{name}.service").stdout
        said = omarine.run(f"tail -n 40 {console}").stdout
        pytest.fail(
            f"{name} has not booted in {time.monotonic() - begun:.0f} s; it said last: {answer or 'nothing'}"
            f"\n{unit}\nthe console's end:\n{said}"
        )

    return wait
