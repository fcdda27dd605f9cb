# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the commands of one fault of a drill."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.faults import traffic
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.document import not_applicable
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.facts import site
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.steps import (
    collect,
    count_announcements,
    missing,
    prepare,
    steps,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.table import from_data

DOCUMENTATION = r"""
name: drill_steps
short_description: Make the commands of one fault of a drill
version_added: 0.2.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Takes a row that P(ftfw.pair.drill_rows#filter) has chosen, and tells what has to be run where.
extends_documentation_fragment: [ftfw.pair.drill]
options:
  _input:
    description: The row.
    type: dict
    required: true
  primary:
    description: The node that is primary now.
    type: str
    required: true
  sessions:
    description: How many TCP sessions the client holds in each family. By default what the site's probe says.
    type: int
"""

EXAMPLES = r"""
- name: Say what would be done
  ansible.builtin.debug:
    msg: "{{ (row | ftfw.pair.drill_steps(facts, 'fw-1')).steps }}"
"""

RETURN = r"""
_value:
  description:
    - C(steps) are commands with their C(host); each C(inject) arms its C(undo) before it does anything.
    - C(refused) is the entry of the document for a row that the site lacks the means for, or null.
    - C(flows) is what each C(host) sends around the fault, and C(late) what the client begins while it lasts,
      as the module P(ftfw.pair.flow_probe#module) wants it.
    - C(prepare), C(count_announcements) and C(collect) are commands for each node, around the fault.
  type: dict
  sample: {steps: [], refused: null, flows: [], late: [], prepare: "", count_announcements: {}, collect: ""}
"""


def drill_steps(
    row: Mapping[str, Any], facts: Mapping[str, Any], primary: str, sessions: int | str | None = None
) -> dict[str, Any]:
    where, wanted = site(facts), from_data(row)
    why = missing(wanted, where, primary)
    probes = where.nodes[0].view["verify"]["probes"]
    count = int(sessions or probes["sessions"])
    return {
        "refused": not_applicable(wanted.name, wanted.title, why) if why else None,
        "steps": [] if why else steps(wanted, where, primary),
        "flows": traffic.flows(probes, count, wanted.seconds),
        "late": traffic.late(probes, count),
        "prepare": prepare(where, 3600),
        "count_announcements": {node.name: count_announcements(node) for node in where.nodes},
        "collect": collect(),
    }


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"drill_steps": drill_steps}
