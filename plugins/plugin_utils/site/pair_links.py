# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The links between the nodes of a pair, on which each tells the other how it is."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Host, Pair, Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import (
    FAMILIES,
    Address,
    of_family,
)

SYNC_PORT = 3780
"""The UDP port of conntrackd's channel, as in its own examples."""
PATH_PORT = 3781
"""The UDP port of path tracking, next to that of replication."""
FLOWS_PORT = 3782
"""The TCP port on which a preferred node that wants its role back asks for the primary's flows."""
HEALTH_PORT = 3783
"""The TCP port on which a node's health check asks its peer."""


@dataclass(frozen=True)
class PairLink:
    """A network that both nodes are on, as one of them sees it. A leg carries virtual addresses."""

    network: str
    interface: str
    local: Address
    peer: Address
    leg: bool
    targets: tuple[Address, ...]
    """Third parties: who else is on that network, as far as the site says. Of a leg only."""


def pair_links(site: Site, pair: Pair, host: Host, peer: Host) -> list[PairLink]:
    """Find the legs in the order of the virtual routers, then the replication links; each network once.

    A link has one family, the first of which both nodes have an address. One without is left out.
    """
    legs = dict.fromkeys(router.network for router in pair.routers)
    links = []
    for network in dict.fromkeys([*legs, *pair.sync]):
        own, other = host.interface_on(network), peer.interface_on(network)
        if own is None or other is None:
            continue
        for family in FAMILIES:
            local, remote = of_family(own.addresses, family), of_family(other.addresses, family)
            if local and remote:
                leg = network in legs
                targets = _third_parties(site, pair, network, family) if leg else ()
                links.append(PairLink(network, own.name, local[0], remote[0], leg, targets))
                break
    return links


def _third_parties(site: Site, pair: Pair, network: str, family: int) -> tuple[Address, ...]:
    """Bridges with an address and gateways first: they are the last to be switched off."""
    bridges = [
        address.ip for _host, bridge in site.index.bridges_on.get(network, ()) for address in bridge.addresses
    ]
    interfaces = site.index.interfaces_on.get(network, ())
    gateways = [gateway for _host, interface in interfaces for gateway in interface.gateways]
    others = [a for host, interface in interfaces if host.name not in pair.nodes for a in interface.addresses]
    own = {a for host, interface in interfaces if host.name in pair.nodes for a in interface.addresses}
    virtual = site.index.pairs_at
    found = dict.fromkeys(a for a in (*bridges, *gateways, *others) if not (a in own or a in virtual))
    return of_family(tuple(found), family)
