# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a table of the results of a drill."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.document import lines, rows
from ansible_collections.ftfw.pair.plugins.plugin_utils.page.types import FAILED

DOCUMENTATION = r"""
name: drill_table
short_description: Make a table of the results of a drill
version_added: 0.2.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Takes the C(faults) of a document of kind C(drill).
options:
  _input:
    description: The entries, as P(ftfw.pair.drill_result#filter) makes them.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Print the table
  ftfw.pair.report:
    columns: "{{ table.columns }}"
    rows: "{{ table.rows }}"
    lines: "{{ table.lines }}"
  vars:
    table: "{{ results | ftfw.pair.drill_table }}"
"""

RETURN = r"""
_value:
  description: C(columns), C(rows) and C(lines) for M(ftfw.pair.report), and C(problems), a sentence when
    faults have failed.
  type: dict
  sample: {columns: [fault], rows: [], lines: ["0 faults: 0 ok, 0 failed, 0 not applicable"], problems: []}
"""


def drill_table(faults: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    failed = [one["name"] for one in faults if one["result"] == FAILED]
    return {
        "columns": ["fault", "result", "seconds", "gap", "lost", "flows"],
        "rows": rows(faults),
        "lines": lines(faults),
        "problems": [f"{len(failed)} of {len(faults)} faults: {', '.join(failed)}"] if failed else [],
    }


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"drill_table": drill_table}
