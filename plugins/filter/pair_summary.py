# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a pair's state of its nodes'."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.health.status import summary

DOCUMENTATION = r"""
name: pair_summary
short_description: Make a pair's state of its nodes'
version_added: 0.1.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Takes what M(ftfw.pair.pair_status) has returned for each node, and tells who is primary and what is
    wrong.
options:
  _input:
    description: The nodes' names, and what was registered for each. A node that can't be reached counts as
      such.
    type: dict
    required: true
  virtual_addresses:
    description: The pair's virtual addresses.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Say who is primary
  ansible.builtin.debug:
    msg: "{{ ({'fw-1': one, 'fw-2': two} | ftfw.pair.pair_summary(['192.168.2.100'])).primary }}"
"""

RETURN = r"""
_value:
  description:
    - C(primary) is the node that alone has all virtual addresses, or null. C(holders) says which node has
      which.
    - C(problems) are sentences, none when all is well. C(nodes) has each node's state, C(rows) a table of it.
  type: dict
  sample: {primary: fw-1, holders: "fw-1: 192.168.2.100, fw-2: none", problems: [], nodes: {}, rows: []}
"""


def pair_summary(nodes: Mapping[str, Mapping[str, Any]], virtual_addresses: Sequence[str]) -> dict[str, Any]:
    known = {
        str(name): None if status.get("unreachable") or "entries" not in status else status
        for name, status in nodes.items()
    }
    return summary(known, list(virtual_addresses))


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"pair_summary": pair_summary}
