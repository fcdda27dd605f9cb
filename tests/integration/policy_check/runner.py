# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends tests through a ruleset in this process, as the module policy_check does in its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.policy_check.run import check, open_space
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check.spec import read


def rows_of(
    ruleset: str, interfaces: Sequence[Mapping[str, Any]], tests: Sequence[Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """The rows by the names of the tests."""
    wires, probes = read(interfaces, tests)
    with open_space(wires, probes) as space:
        return {row["name"]: row for row in check(space, ruleset, probes)}
