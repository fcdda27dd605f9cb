# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends probes through each mutant of a ruleset: whether the tests would notice a mistake.

It stands apart from run.py, which nft_ruleset ships to firewalls to try a table: they need no mutants.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.mutants.mutants import mutants
from ansible_collections.ftfw.pair.plugins.module_utils.mutants.reasons import reason_for
from ansible_collections.ftfw.pair.plugins.module_utils.nft.text import without_flowtables
from ansible_collections.ftfw.pair.plugins.module_utils.packets.space import (
    OutOfTimeError,
    Space,
    TableError,
)
from ansible_collections.ftfw.pair.plugins.module_utils.packets.types import PacketProbe
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check.batches import batches
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check.run import PacketRow, check_batch


def mutate(space: Space, ruleset: str, probes: Sequence[PacketProbe]) -> dict[str, Any]:
    """Send the probes through each mutant of a ruleset that passes them all, until one of them notices.

    When the time is over, those that are left are counted as `untried`.
    """
    made = batches(probes)
    rules = without_flowtables(ruleset)
    total = sum(1 for _mutant in mutants(rules))
    counts = {"mutants": total, "refused": 0, "noticed": 0, "untried": 0}
    unnoticed = []
    for number, mutant in enumerate(mutants(rules)):
        try:
            noticed = any(_failing(check_batch(space, mutant.text, batch)) for batch in made)
        except TableError:
            counts["refused"] += 1
            continue
        except OutOfTimeError:
            counts["untried"] = total - number
            break
        counts["noticed"] += noticed
        if not noticed:
            told = {"chain": mutant.chain, "line": mutant.line, "rule": mutant.rule, "change": mutant.change}
            unnoticed.append({**told, "reason": reason_for(mutant)})
    return {**counts, "unnoticed": unnoticed}


def _failing(rows: dict[int, PacketRow]) -> bool:
    return not all(row["ok"] for row in rows.values())
