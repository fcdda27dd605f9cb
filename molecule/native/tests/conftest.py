# SPDX-License-Identifier: GPL-3.0-or-later
"""An echo server behind the pair, and what is left to `./ftfw test long`."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from containers import PORT, PREFIX, run


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
