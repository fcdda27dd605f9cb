# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bench, whose modules are found beside its program."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def bench() -> Iterator[dict[str, Any]]:
    """The names of the program, and its modules."""
    sys.path.insert(0, str(ROOT / "tools/bench"))
    try:
        yield runpy.run_path(str(ROOT / "tools/bench/__main__.py"), run_name="bench")
    finally:
        sys.path.remove(str(ROOT / "tools/bench"))
