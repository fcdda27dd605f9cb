# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs that hosts get, by name."""

from __future__ import annotations

from ansible_collections.ftfw.pair.plugins.plugin_utils.packing.imports import ON_NODES
from ansible_collections.ftfw.pair.plugins.plugin_utils.packing.program import Program

PROGRAMS = {
    "agent": Program(f"{ON_NODES}.agent.cli"),
    "ruleset": Program(f"{ON_NODES}.nft.cli"),
}
"""`agent` is what firewalls run: a verb for each of pair-state, pair-path and the others. `ruleset` loads
their rules, and those of others beside them."""
