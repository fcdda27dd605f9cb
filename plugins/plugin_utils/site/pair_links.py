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


def ends(site: Site, pair: Pair, network: str, family: int) -> dict[str, Address]:
    """The address that each node of a pair has on a network, of one prefix: what it speaks to the other by.

    Of several prefixes it is that of the first node's first address, if the other node has one in it, too.
    Empty where they have none in common: each would take what the other sends for sent from elsewhere.
    """
    own = {node: site.hosts[node].interface_on(network) for node in pair.nodes if node in site.hosts}
    have = {node: of_family(one.addresses, family) for node, one in own.items() if one is not None}
    if len(have) != len(pair.nodes):
        return {}
    first, *others = pair.nodes
    for address in have[first]:
        prefix = site.networks[network].prefix_of(address)
        same = [next((a for a in have[node] if prefix is not None and a in prefix), None) for node in others]
        if all(one is not None for one in same):
            return {first: address, **{node: one for node, one in zip(others, same) if one is not None}}
    return {}


def pair_links(site: Site, pair: Pair, host: Host, peer: Host) -> list[PairLink]:
    """Find the legs in the order of the virtual routers, then the replication links; each network once.

    A link has one family, the first of which both nodes have addresses of one prefix.
    """
    legs = dict.fromkeys(router.network for router in pair.routers)
    links = []
    for network in dict.fromkeys([*legs, *pair.sync]):
        own = host.interface_on(network)
        for family in FAMILIES:
            known = ends(site, pair, network, family)
            if own is not None and known:
                leg = network in legs
                targets = _third_parties(site, pair, network, family) if leg else ()
                links.append(PairLink(network, own.name, known[host.name], known[peer.name], leg, targets))
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
