# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program of a node, built as the roles build it, for tests that run it."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.ftfw.pair.plugins.plugin_utils.packing.program import build
from ansible_collections.ftfw.pair.plugins.plugin_utils.packing.programs import PROGRAMS


def written(folder: Path) -> Path:
    """Write it into a folder, under the name that it has on nodes."""
    file = folder / "agent.pyz"
    file.write_bytes(build(PROGRAMS["agent"]).content)
    file.chmod(0o755)
    return file
