# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is a node's own in its ruleset. Pure code."""

from __future__ import annotations

from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.firewall import Firewall


def ruleset_names(firewall: Firewall) -> dict[str, str]:
    """What is a node's own in its ruleset, and what to call it so that both nodes call it the same.

    Names of interfaces by their network, own addresses, and the peer's.
    """
    names = {interface.name: interface.network for interface in firewall.host.interfaces}
    for interface in firewall.host.interfaces:
        for index, address in enumerate(interface.addresses):
            names[str(address)] = f"own {interface.network} {index}"
    for router, family in firewall.instances():
        peer = firewall.peer_address(router.network, family)
        names[str(peer)] = f"peer {router.network} {family}"
    for network in firewall.pair.sync:
        peer = firewall.peer_address(network, firewall.site.networks[network].first_family)
        names[str(peer)] = f"peer {network}"
    return names
