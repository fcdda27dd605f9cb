# SPDX-License-Identifier: GPL-3.0-or-later
"""An echo server behind the pair, and what is left to `./ftfw test long`."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from containers import PORT, PREFIX, run
from faults import Status, settle


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: only in `./ftfw test long`")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long tests out, and count them as what they are: not selected."""
    if os.environ.get("FTFW_TEST_LONG"):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]


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
