# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left to `./ftfw test long`: hooks of pytest, for the conftest of each scenario."""

from __future__ import annotations

import os

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: only in `./ftfw test long`")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long tests out, and count them as what they are: not selected."""
    if os.environ.get("FTFW_TEST_LONG"):
        return
    long = [item for item in items if item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]
