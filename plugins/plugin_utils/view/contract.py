# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each host gets from the model: the fact site_view, in plain JSON types.

The one contract of model and roles. docs/site_view.md and the return values of site_model are made from it
by tests/sites/renew; what roles and playbooks read is compared with it. The parts are typed beside it, in
`parts`. The text behind a key says what it is, and its unit. Addresses have no prefix length unless that is
said.
"""

from __future__ import annotations

from typing import TypedDict

from ansible_collections.ftfw.pair.plugins.plugin_utils.view.parts.balancers import BalancerParts
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.parts.firewalls import FirewallParts
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.parts.hypervisors import HypervisorParts
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.parts.nodes import NodeParts
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.parts.policy_tests import PolicyTestsParts
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.parts.verify import VerifyParts


class HostPart(TypedDict):
    """What every host has."""

    name: str
    """The host's name in the inventory."""
    site: str
    """The site's name."""
    roles: list[str]
    """What the host is, of hypervisor, guest, firewall, endpoint and balancer."""


class Parts(
    NodeParts, FirewallParts, BalancerParts, PolicyTestsParts, HypervisorParts, VerifyParts, total=False
):
    """What sections of the inventory add. The text behind a part says who has it; others lack all of it."""


class HostView(HostPart, Parts):  # pylint: disable=duplicate-bases  # it takes each TypedDict for dict itself
    """The fact site_view."""
