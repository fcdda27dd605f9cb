# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the playbook balancer asks of a site's balancers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.ftfw.pair.plugins.module_utils.balance.flows import listing
from ansible_collections.ftfw.pair.plugins.plugin_utils.health.balancers import (
    COLUMNS,
    DrainError,
    agrees,
    changed,
    problems,
    rows,
)

DOCUMENTATION = r"""
name: balancers
short_description: Tell who answers for balancers, and which servers are to be taken out
version_added: 0.5.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Takes what the programs of nodes say of their balancers, and makes a table of it.
options:
  _input:
    description: The state that each node's program has written, as text, by the node's name.
    type: dict
    required: true
  known:
    description: The file of each node that says which servers are out, as text, by the node's name.
    type: dict
    default: {}
  of:
    description: The balancers of each node, as site_view has them, by the node's name.
    type: dict
    default: {}
  flows:
    description: What the command C(listing) has printed on each node, by the node's name.
    type: dict
    default: {}
  out:
    description: Servers to take out, each as BALANCER/SERVER.
    type: list
    elements: str
    default: []
  back:
    description: Servers to let in again.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Print who answers
  ftfw.pair.report: "{{ {'fw-1': text} | ftfw.pair.balancers }}"
"""

RETURN = r"""
_value:
  description:
    - C(columns), C(rows), C(document) and C(problems), as M(ftfw.pair.report) takes them.
    - C(files) is what each node's file has to be, and C(agree) whether all programs have taken it in.
      C(listing) is what each node's shell runs to list the flows of its balancers.
  type: dict
"""

Balancers = Sequence[Mapping[str, Any]]


def balancers(
    states: Mapping[str, str],
    known: Mapping[str, str] | None = None,
    of: Mapping[str, Balancers] | None = None,
    out: Sequence[str] = (),
    back: Sequence[str] = (),
    flows: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    listed = flows or {}
    table = [row for node, state in states.items() for row in rows(node, state, listed.get(node))]
    try:
        files = changed(known or {}, of or {}, list(out), list(back))
    except DrainError as error:
        raise AnsibleFilterError(str(error)) from None
    return {
        "columns": COLUMNS,
        "rows": table,
        "document": {"servers": table},
        "problems": problems(states, files),
        "files": files,
        "listing": {
            node: listing(one["address"] for one in balancers) for node, balancers in (of or {}).items()
        },
        "agree": all(agrees(states.get(node, ""), text) for node, text in files.items()),
    }


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"balancers": balancers}
