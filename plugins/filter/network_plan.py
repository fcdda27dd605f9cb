# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans bridges and taps of a hypervisor, and what of earlier runs goes away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.host_network.plan import (
    NetworkPlan,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.host_network.plan import (
    network_plan as plan,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.parts.hypervisors import BridgePart, TapPart

DOCUMENTATION = r"""
name: network_plan
short_description: Plan the bridges and taps of a hypervisor
version_added: 0.2.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Tells which files systemd-networkd gets, and what the modules P(ftfw.pair.bridge#module) and
    P(ftfw.pair.tap#module) have to make. A bridge without a MAC gets one that follows from its name.
  - What files of earlier runs stand for, and nobody declares any more, goes away.
options:
  _input:
    description: The bridges, as C(site_view.host_network.bridges) has them.
    type: list
    elements: dict
    required: true
  taps:
    description: The taps, as C(site_view.host_network.taps) has them.
    type: list
    elements: dict
    required: true
  host:
    description: The name of the hypervisor.
    type: str
    required: true
  prefix:
    description: What the path of each such file begins with.
    type: str
    required: true
  found:
    description: The paths of such files on the hypervisor.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Say what goes away
  ansible.builtin.debug:
    msg: "{{ (bridges | ftfw.pair.network_plan(taps, 'omarine', '/etc/systemd/network/10-', found)).stale }}"
"""

RETURN = r"""
_value:
  description:
    - C(files) have a C(path), the name of their C(template), and the C(subject) that it sees.
    - C(stale) has the C(files) of earlier runs, and their C(bridges), C(taps) and C(uplinks).
    - C(bridge_options) and C(tap_options) are options of the modules.
  type: dict
  sample:
    files: []
    stale: {files: [], bridges: [], taps: [], uplinks: []}
    bridge_options: [{name: br9, state: absent}]
    tap_options: []
"""


def network_plan(
    bridges: Sequence[BridgePart], taps: Sequence[TapPart], host: str, prefix: str, found: Sequence[str]
) -> NetworkPlan:
    return plan(bridges, taps, host, prefix, found)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"network_plan": network_plan}
