# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges a failover of the playbook verify."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.verify import failover_rows, return_rows

DOCUMENTATION = r"""
name: verify_rows
short_description: Judge a failover of the playbook verify
version_added: 0.2.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Makes rows of the report of what the playbook's tasks have registered.
options:
  _input:
    description:
      - What is known. C(phase) is its name, C(backup) the node that has to be primary afterwards, and
        C(after) the pair as P(ftfw.pair.pair_summary#filter) tells it.
      - After the failover also C(before), the same of then, and C(sessions), the rows of
        M(ftfw.pair.session_probe).
      - After the return also C(primary), the node that was primary, C(expected) (V(survives) or V(dies)), and
        the registered results C(vrrp) of M(ftfw.pair.vrrp_info), C(synced) of M(ftfw.pair.conntrack_sync) and
        C(opened) of M(ftfw.pair.session_probe).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Keep the rows
  ansible.builtin.set_fact:
    rows: "{{ rows + ({'phase': 'killed', 'backup': 'fw-2', 'after': pair, 'before': before, 'sessions': []}
      | ftfw.pair.verify_rows) }}"
"""

RETURN = r"""
_value:
  description: Rows for M(ftfw.pair.report).
  type: list
  elements: dict
  sample:
    - {name: "killed: fw-1 is back", expected: BACKUP, seen: BACKUP, ok: true}
"""


def verify_rows(known: Mapping[str, Any]) -> list[dict[str, Any]]:
    return return_rows(known) if "vrrp" in known else failover_rows(known)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"verify_rows": verify_rows}
