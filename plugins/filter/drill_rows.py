# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chooses the rows of a drill."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.faults import draw, traffic
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.balanced import SPARE_SECONDS, seconds
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.facts import site
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.steps import missing, virtual_address_of
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.table import (
    DrillError,
    choose,
    expand,
    load,
    to_data,
)

DOCUMENTATION = r"""
name: drill_rows
short_description: Choose the rows of a drill
version_added: 0.2.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Checks a table of faults, makes a row of each leg where a fault is for legs, and chooses among the rows.
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
  names:
    description: The rows wanted. Without names those of O(of_set).
    type: list
    elements: str
    default: []
  of_set:
    description: V(short), V(long) or V(all).
    type: str
    default: long
  drawn:
    description: C(seed) and C(minutes). The rows are rounds then, each with one fault or two of the rows that
      were chosen, in an order that depends on them and on the seed alone. More are drawn than time allows.
    type: dict
  sessions:
    description: How many TCP sessions the client holds in each family. By default what the site's probe says.
    type: int
"""

EXAMPLES = r"""
- name: Say which faults there are
  ansible.builtin.debug:
    msg: "{{ drill_table | ftfw.pair.drill_rows(drill_defaults, facts) }}"
"""

RETURN = r"""
_value:
  description:
    - C(rows) are the rows chosen, or the rounds drawn. C(order) has the rounds in words. C(problem) is what
      is wrong with the table or with what was asked for, empty when nothing is.
    - C(client_virtual) and C(server_virtual) are the virtual addresses that the probe's two hosts reach the
      pair by. C(reached) are the same in each family, C(host), C(virtual), and C(to), where it sends then.
    - C(listeners) and C(flows) are what listens at each C(host), and what it sends around a fault of usual
      length, as the module P(ftfw.pair.flow_probe#module) wants them.
  type: dict
  sample: {rows: [], order: [], problem: "", client_virtual: 192.168.2.100, server_virtual: 192.168.0.100}
"""


def drill_rows(
    faults: Sequence[Mapping[str, Any]],
    defaults: Mapping[str, Any],
    facts: Mapping[str, Any],
    names: Sequence[str] = (),
    of_set: str = "long",
    drawn: object = None,
    sessions: int | str | None = None,
) -> dict[str, Any]:
    where = site(facts)
    probes = where.nodes[0].view["verify"]["probes"]
    try:
        wish = None if drawn is None else draw.read(drawn)
        longer = 2 * seconds(where.balancers) + SPARE_SECONDS * probes["slack"]
        every = expand(load(faults, defaults), where.legs(), longer)
        rows = choose(every, names, of_set)
        if wish:
            rows = draw.rounds(rows, wish, lambda row: missing(row, where) is None)
        ends = {
            f"{end}_virtual": virtual_address_of(where, probes[end]["address"])
            for end in ("client", "server")
        }
        reached = [
            {"host": probes[end]["host"], "virtual": virtual, "to": each["server"] if inside else virtual}
            for each in probes["families"]
            for end, inside in (("client", True), ("server", False))
            for virtual in [virtual_address_of(where, each[end])]
        ]
    except DrillError as error:
        lists = ("rows", "order", "reached", "listeners", "flows")
        return {
            **{key: [] for key in lists},
            "client_virtual": "",
            "server_virtual": "",
            "problem": str(error),
        }
    order = [draw.names(row) for row in rows if row.parts]
    return {
        "rows": [to_data(row) for row in rows],
        "order": order,
        "problem": "",
        **ends,
        "reached": reached,
        "listeners": traffic.listeners(probes),
        "flows": traffic.flows(probes, int(sessions or probes["sessions"]), float(defaults["seconds"])),
    }


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"drill_rows": drill_rows}
