# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the health of a site's pairs of its firewalls' answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible_collections.ftfw.pair.plugins.module_utils.health.pair import (
    SeenNode,
    SeenPair,
    look_again,
    may_pass,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.health.hosts import LOOK, BalancerHost, look
from ansible_collections.ftfw.pair.plugins.plugin_utils.health.report import report

DOCUMENTATION = r"""
name: pair_health
short_description: Make the health of a site's pairs of its firewalls' answers
version_added: 0.2.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Takes what M(ftfw.pair.pair_health) has returned for each firewall, compares the nodes of each pair, and
    tells what is wrong.
options:
  _input:
    description: The fact C(site_view) of each firewall; none where a site has no pair.
    type: list
    elements: dict
    required: true
  looks:
    description: What was registered for each of them, in the same order. A node that can't be reached counts
      as such.
    type: list
    elements: dict
    required: true
  again:
    description: What was registered at a second look; one that was skipped counts as none.
    type: list
    elements: dict
    default: []
  host_views:
    description: The fact C(site_view) of each host that has balancers and is in no pair.
    type: list
    elements: dict
    default: []
  host_looks:
    description: What was registered when C(host_command) ran on each of them, in the same order.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Say what is wrong
  ansible.builtin.debug:
    msg: "{{ (firewalls | map('extract', hostvars, 'site_view')
      | ftfw.pair.pair_health(firewalls | map('extract', hostvars, 'look'))).problems }}"
  vars:
    firewalls: "{{ groups['site_firewalls'] }}"
"""

RETURN = r"""
_value:
  description:
    - C(document) is what the playbook C(status) writes; C(columns) and C(rows) are its table, C(lines) the
      findings for the eye, and C(problems) the findings as sentences, none when all is well.
    - C(look_again) says whether only a second look can tell if flows are missing, and if what is wrong lasts.
    - C(host_command) is what the shell of a host runs that has balancers and is in no pair.
  type: dict
  sample: {document: {healthy: true}, columns: [node], rows: [], lines: [], problems: [], look_again: false}
"""

Registered = Mapping[str, Any]


def pair_health(
    views: Sequence[Mapping[str, Any]],
    looks: Sequence[Registered],
    again: Sequence[Registered] = (),
    host_views: Sequence[Mapping[str, Any]] = (),
    host_looks: Sequence[Registered] = (),
) -> dict[str, Any]:
    views, looks, again = list(views), list(looks), list(again)
    hosts, host_looks = list(host_views), list(host_looks)
    if len(looks) != len(views) or len(again) not in (0, len(views)) or len(host_looks) != len(hosts):
        raise AnsibleFilterError(
            f"pair_health: {len(views)} firewalls with {len(looks)} looks and {len(again)} second looks, "
            f"{len(hosts)} hosts with {len(host_looks)}; it needs a look for each"
        )
    nodes: dict[str, list[SeenNode]] = {}
    addresses: dict[str, list[str]] = {}
    for view, seen, later in zip(views, looks, again or [{}] * len(views)):
        name = view["pair"]["name"]
        nodes.setdefault(name, []).append(SeenNode(view["name"], _seen(seen), _seen(later)))
        addresses[name] = [item["address"].partition("/")[0] for item in view["pair_state"]["addresses"]]
    pairs = [SeenPair(name, addresses[name], members) for name, members in nodes.items()]
    unsure = any(look_again(pair) or may_pass(pair) for pair in pairs)
    site = next((str(view["site"]) for view in (*views, *hosts)), "")
    balancing = [look(_balancer_host(view, seen)) for view, seen in zip(hosts, host_looks)]
    return {
        **report(site, pairs, balancing),
        "look_again": unsure and not again,
        "host_command": LOOK,
    }


def _balancer_host(view: Mapping[str, Any], registered: Registered) -> BalancerHost:
    names = [str(one["name"]) for one in view["balancers"]]
    # the command itself always succeeds: another exit code is that of the connection
    failed = registered.get("unreachable") or registered.get("rc", 0) != 0
    said = None if failed else registered.get("stdout")
    return BalancerHost(view["name"], names, view["balancer_table"]["families"], said)


def _seen(look: Registered) -> Registered | None:
    return None if look.get("unreachable") or "health" not in look else look


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"pair_health": pair_health}
