# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a table of what became of the packets that a policy was tested with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.report import report

DOCUMENTATION = r"""
name: policy_test_table
short_description: Make a table of what became of the packets that a policy was tested with
version_added: 0.2.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Takes results of M(ftfw.pair.policy_check), registered in a loop over the views of firewalls.
options:
  _input:
    description: The results, each with the view in C(item).
    type: list
    elements: dict
    required: true
  only_failed:
    description: Whether only the tests that failed become rows of the table.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Print the table
  ftfw.pair.report:
    columns: "{{ table.columns }}"
    rows: "{{ table.rows }}"
    lines: "{{ table.lines }}"
    problems: "{{ table.problems }}"
  vars:
    table: "{{ checked.results | ftfw.pair.policy_test_table }}"
"""

RETURN = r"""
_value:
  description: C(columns), C(rows), C(lines), C(problems) and C(document) for M(ftfw.pair.report).
  type: dict
"""


def policy_test_table(results: Sequence[Mapping[str, Any]], only_failed: bool = False) -> dict[str, Any]:
    return report(results, only_failed)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"policy_test_table": policy_test_table}
