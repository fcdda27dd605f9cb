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
from kernel import Ansible

PROJECT = Path(__file__).resolve().parents[3]
INVENTORY = ["-i", str(PROJECT / "inventories" / "lab"), "-e", "lab_name=molecule"]
SSH_CONFIG = PROJECT / "build" / "molecule" / "ssh" / "omarine.config"
BOOT_SECONDS = 240


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
def wait_for_guest(guest: Callable[[str], Any]) -> Callable[[str], None]:
    """Wait until a guest has booted: all that is enabled was started."""

    def wait(name: str) -> None:
        deadline = time.monotonic() + BOOT_SECONDS
        while time.monotonic() < deadline:
            # testinfra raises RuntimeError where ssh itself fails
            with contextlib.suppress(RuntimeError):
                if guest(name).run("systemctl is-system-running").stdout.strip() in ("running", "degraded"):
                    return
            time.sleep(3)
        pytest.fail(f"{name} has not booted in {BOOT_SECONDS} s")

    return wait
