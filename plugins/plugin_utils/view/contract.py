# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each host gets from the model: the fact site_view, in plain JSON types.

The one contract of model and roles: documentation, docs/architecture.md, roles and fixtures are compared with
it. The parts are typed beside it, in `parts`. The text behind a key says what it is, and its unit. Addresses
have no prefix length unless that is said.
"""

from __future__ import annotations

from typing import TypedDict

from ansible_collections.ftfw.pair.plugins.plugin_utils.view.parts.firewalls import (
    Conntrackd,
    FirewallKernel,
    Keepalived,
    Nftables,
    PairPlace,
    PairState,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.parts.hypervisors import (
    Guests,
    HostNetwork,
    LabServices,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.parts.nodes import NodeNetwork
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.parts.policy_tests import PolicyTests
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.parts.verify import Verify


class Host(TypedDict):
    """What every host has."""

    name: str
    site: str
    roles: list[str]
    """Of hypervisor, guest, firewall and endpoint."""


class Parts(TypedDict, total=False):
    """What sections of the inventory add. One that a host has no use for is absent as a whole."""

    node_network: NodeNetwork
    """Of nodes."""
    pair: PairPlace
    """Of firewalls, as are those to nftables."""
    keepalived: Keepalived
    conntrackd: Conntrackd
    pair_state: PairState
    firewall_kernel: FirewallKernel
    nftables: Nftables
    policy_test: PolicyTests | None
    """Of firewalls, and only where it is asked for."""
    host_network: HostNetwork
    """Of hypervisors."""
    guest: Guests
    """Of hypervisors."""
    lab_services: LabServices
    """Of hypervisors with a grounded bridge that is not for management."""
    verify: Verify
    """Where the site has a pair."""


class HostView(Host, Parts):
    """The fact site_view."""
