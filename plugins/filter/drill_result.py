# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges one fault of a drill."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.document import broken
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.facts import result, site
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.table import from_data

DOCUMENTATION = r"""
name: drill_result
short_description: Judge one fault of a drill
version_added: 0.2.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Compares what was expected of a fault with what was seen.
extends_documentation_fragment: [ftfw.pair.drill]
options:
  _input:
    description: The row, as P(ftfw.pair.drill_rows#filter) has chosen it.
    type: dict
    required: true
  known:
    description: What the tasks of the playbook have registered. Only C(broken), a sentence, and C(seconds)
      when they came to no end.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Keep the result
  ansible.builtin.set_fact:
    results: "{{ results + [row | ftfw.pair.drill_result(facts, known)] }}"
"""

RETURN = r"""
_value:
  description: The entry of the fault in a document of kind C(drill), which docs/report.md describes.
  type: dict
  sample: {name: power_loss, title: The primary loses its power, result: ok, checks: [], seconds: 14.2}
"""


def drill_result(
    row: Mapping[str, Any], facts: Mapping[str, Any], known: Mapping[str, Any]
) -> dict[str, Any]:
    wanted = from_data(row)
    if known.get("broken"):
        return broken(wanted.name, wanted.title, known["broken"], known["seconds"])
    return result(wanted, site(facts), known)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"drill_result": drill_result}
