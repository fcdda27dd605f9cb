# SPDX-License-Identifier: GPL-3.0-or-later
"""An echo server behind the pair, and what is left to `./ftfw test long`."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftfw.pair.tests import long_tests
from containers import PORT, PREFIX, run
from faults import Status, settle

pytest_configure = long_tests.pytest_configure
pytest_collection_modifyitems = long_tests.pytest_collection_modifyitems


@pytest.fixture(scope="session", autouse=True)
def echo_server() -> Iterator[None]:
    for host in ("client", "server"):
        script = Path(__file__).with_name("traffic.py")
        subprocess.run(["podman", "cp", script, f"{PREFIX}-{host}:/root/traffic.py"], check=True)
    run("server", f"systemd-run --quiet --unit echo --collect python3 /root/traffic.py server {PORT}")
    yield
    run("server", "systemctl stop echo.service", check=False)


@pytest.fixture
def status(tmp_path: Path) -> Any:
    return lambda: Status(tmp_path)


@pytest.fixture
def roles(status: Any) -> Iterator[tuple[str, str]]:
    """Primary and backup of a pair that is well before the test, and has to be well again after it."""
    primary: str = settle(status).document["primary"]
    yield primary, {"fw-1": "fw-2", "fw-2": "fw-1"}[primary]
    settle(status)
