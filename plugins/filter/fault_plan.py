# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the commands of one fault for those who judge by themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.facts import site
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.steps import missing, steps
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.table import choose, load

DOCUMENTATION = r"""
name: fault_plan
short_description: Make the commands of one fault of the table
version_added: 0.5.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Takes the table of faults, and tells what has to be run where for one of them. It needs no probe.
extends_documentation_fragment: [ftfw.pair.drill]
options:
  _input:
    description: The table, a list of faults.
    type: list
    elements: dict
    required: true
  defaults:
    description: What a fault leaves out.
    type: dict
    required: true
  name:
    description: The name of the fault.
    type: str
    required: true
  primary:
    description: The node that is primary now.
    type: str
    required: true
  seconds:
    description: How long the fault may last. A minute later it is undone even when nobody is left to do so.
    type: float
    required: true
"""

EXAMPLES = r"""
- name: Say what would be done
  ansible.builtin.debug:
    msg: "{{ drill_table | ftfw.pair.fault_plan(drill_defaults, facts, 'power_loss', 'fw-1', 300) }}"
"""

RETURN = r"""
_value:
  description:
    - C(steps) are commands with their C(host); each C(inject) arms its C(undo) before it does anything.
    - C(refused) says what the site lacks for the fault. It is empty when there is nothing.
  type: dict
  sample: {steps: [], refused: ""}
"""


def fault_plan(
    faults: Sequence[Mapping[str, Any]],
    defaults: Mapping[str, Any],
    facts: Mapping[str, Any],
    name: str,
    primary: str,
    seconds: float,
) -> dict[str, Any]:
    where = site(facts)
    rows = [row for row in load(faults, defaults) if row.legs is None]
    row = replace(choose(rows, [name], "all")[0], seconds=float(seconds))
    why = missing(row, where, primary)
    return {
        "steps": [] if why else steps(row, where, primary, lead=0),
        "refused": f"{name}: {why}" if why else "",
    }


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"fault_plan": fault_plan}
