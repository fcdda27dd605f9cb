# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes what the playbook verify sends, in each family."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.balance.flows import listing
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.verify import families_row, services, sessions
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.verify_balancers import (
    answered,
    asked_nodes,
    requests,
)

DOCUMENTATION = r"""
name: verify_plan
short_description: Make what the playbook verify sends, in each family
version_added: 0.2.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Makes options of M(ftfw.pair.service_check), M(ftfw.pair.service_listener) and
    M(ftfw.pair.session_probe) of the section C(verify) of a host's view. Both families go side by side.
options:
  _input:
    description: The section C(verify) of C(site_view).
    type: dict
    required: true
  served:
    description: What the server has, C(sha256) of its files and its C(certificate). Without it there is only
      the row of the families.
    type: dict
  ssh:
    description: C(user), C(identity_file) and C(host_key) of a session of ssh. With it there are sessions,
      and without it services.
    type: dict
  conntrack:
    description: What the command C(listing) has printed, by the host that it ran on.
    type: dict
    default: {}
  web:
    description: How many sessions of HTTP there are in each family.
    type: int
    default: 3
"""

EXAMPLES = r"""
- name: Say which families are verified
  ansible.builtin.debug:
    msg: "{{ (site_view.verify | ftfw.pair.verify_plan).families.seen }}"
"""

RETURN = r"""
_value:
  description:
    - C(families) is a row of the report. C(from_client) and C(from_server) are checks, C(listening) who
      listens where. C(route) and C(unroute) give the server its ways to the client, and take them away.
      C(flows) are sessions. C(requests) are checks of balancers, C(listing) tells on
      C(listing_nodes) who answers them, and C(answered) are rows about that.
  type: dict
  sample: {families: {name: families that are verified, expected: IPv4, seen: IPv4, ok: true, detail: ""}}
"""


def verify_plan(
    verify: Mapping[str, Any],
    served: Mapping[str, Any] | None = None,
    ssh: Mapping[str, Any] | None = None,
    web: int = 3,
    conntrack: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    plan: dict[str, Any] = {
        "families": families_row(verify),
        "requests": requests(verify),
        "listing": listing(one["address"] for one in verify["balancers"]),
        "listing_nodes": asked_nodes(verify),
        "answered": answered(verify, conntrack or {}),
    }
    if served is not None and ssh is None:
        plan |= services(verify, served)
    elif served is not None and ssh is not None:
        plan["flows"] = sessions(verify, served, ssh, int(web))
    return plan


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"verify_plan": verify_plan}
