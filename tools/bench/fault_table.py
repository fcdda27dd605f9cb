# SPDX-License-Identifier: GPL-3.0-or-later
"""The drill's faults, for the bench and for the scenarios' tests, which judge by themselves."""

from __future__ import annotations

from functools import cache

import collection
import yaml
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.steps import inside
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.table import FaultRow, choose, load

TABLE = collection.FOLDER / "ansible_collections/ftfw/pair/playbooks/vars/faults.yml"


@cache
def _rows() -> list[FaultRow]:
    written = yaml.safe_load(TABLE.read_text())
    return load(written["drill_table"], written["drill_defaults"])


def inject(name: str) -> str:
    """The command that makes this fault, for the shell of the node where it is made; nothing is armed."""
    return inside(choose(_rows(), [name], "all")[0])[0]


def undo(name: str) -> str:
    """The command that undoes it. It may come twice."""
    return inside(choose(_rows(), [name], "all")[0])[1]
