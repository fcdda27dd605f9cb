# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports of a peer, for the tests of path tracking."""

from __future__ import annotations

from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.agent.path.plan import PEER, Report

LINKS = {"inside": True, "outside": True, "sync": False}
ALL = frozenset(LINKS)


def report(sequence: int = 1, **fields: Any) -> Any:
    legs = {"inside": PEER, "outside": PEER}
    known = {"boot": "b", "able": True, "fault": False, "heard": ALL, "legs": legs, "neighbours": {}}
    return Report(sequence=sequence, **{**known, **fields})
