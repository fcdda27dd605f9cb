# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs that roles install on nodes, as modules."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

ROLES = Path(__file__).parents[3] / "roles"


def load(name: str, role: str) -> Any:
    """Load one of a role's files; what it imports are files beside it."""
    files = ROLES / role / "files"
    spec = importlib.util.spec_from_file_location(name, files / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(files))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(files))
    return module
