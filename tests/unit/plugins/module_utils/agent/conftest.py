# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.ftfw.pair.tests.agent_program import written


@pytest.fixture(scope="session")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of a node."""
    return written(tmp_path_factory.mktemp("agent"))
