# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reaches a firewall, and whom both nodes of a pair reach: what is noticed only when it is too late."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address

from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SITE, Problems
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.section import Section
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.gateways import gateways
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.prefixes import absent_from, have
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Host, Interface, Pair, Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import (
    FAMILIES,
    Address,
    of_family,
)

_SSH = re.compile(r"\b(22|ssh)\b")


def _warn(site: Site, warnings: Problems) -> None:
    warn_of_prefixes(site, warnings)
    warn_of_families(site, warnings)
    warn_of_reach(site, warnings)


def warn_of_prefixes(site: Site, warnings: Problems) -> None:
    """Tell of prefixes that the firewalls have no way to."""
    for pair in site.pairs:
        for name in dict.fromkeys(router.network for router in pair.routers):
            for prefix in site.networks[name].prefixes:
                absent = absent_from(site, pair, name, prefix)
                if absent:
                    warnings.add(
                        SITE,
                        f"site_networks.{name}.prefixes",
                        prefix,
                        f"{have(absent)} no address in it, so that nothing is forwarded there",
                        f"give {'it' if len(absent) == 1 else 'them'} one, or leave the prefix out",
                    )


def warn_of_families(site: Site, warnings: Problems) -> None:
    """Tell of a network that one family leaves by the pair and the other one does not."""
    for pair in site.pairs:
        for name in dict.fromkeys(router.network for router in pair.routers):
            network, virtual = site.networks[name], pair.virtual_addresses(name)
            for family in FAMILIES:
                prefixes = network.prefixes_of_family(family)
                others = site.index.virtual.get(name, ())
                if not all(absent_from(site, pair, name, one) for one in prefixes) and (
                    virtual and not of_family((*virtual, *others), family)
                ):
                    warnings.add(
                        SITE,
                        f"site_networks.{name}.prefixes",
                        prefixes[0],
                        f"pair {pair.name} has no virtual address of IPv{family} on it, so that a takeover "
                        "leaves its hosts without a gateway there",
                        f"give a virtual router one of IPv{family}, or leave the prefix out",
                    )
            _warn_of_gateways(site, pair, name, warnings)


def _warn_of_gateways(site: Site, pair: Pair, name: str, warnings: Problems) -> None:
    """A way out of one family alone: what is sent out in the other one has nowhere to go."""
    node = site.hosts[pair.nodes[0]]
    interface = node.interface_on(name)
    found = {gateway.version for gateway in gateways(site, interface)} if interface else set()
    own = {address.version for address in interface.addresses} if interface else set()
    for family in own - found if found else ():
        let_in = any(
            destination == name and site.networks[source].prefixes_of_family(family)
            for source, destination in site.ways_let_in
        )
        if interface is not None and let_in:
            warnings.add(
                node.name,
                f"node_interfaces.{interface.name}.gateway",
                ", ".join(map(str, gateways(site, interface))),
                f"none of IPv{family}, so that what the policy lets out in IPv{family} by network {name} "
                "gets no further than its own hosts",
                f"add a gateway of IPv{family}, or leave that family out",
            )


def warn_of_reach(site: Site, warnings: Problems) -> None:
    for pair in site.pairs:
        for node in (site.hosts[name] for name in pair.nodes):
            _warn_of_login(site, pair, node, warnings)
            for interface in _alone(site, pair, node):
                peer = pair.peer(node.name)
                warnings.add(
                    node.name,
                    f"node_interfaces.{interface.name}.network",
                    interface.network,
                    f"{peer} has no interface on this network, so that nobody routes for it once {node.name} "
                    "has failed",
                    f"give {peer} one, or leave it out",
                )


def _alone(site: Site, pair: Pair, node: Host) -> Iterator[Interface]:
    """Interfaces on networks that the peer is not on; each node may have a management network of its own."""
    peer = site.hosts[pair.peer(node.name)]
    for interface in node.interfaces:
        if peer.interface_on(interface.network) is None:
            managed = any(site.networks[other.network].management for other in peer.interfaces)
            if not (site.networks[interface.network].management and managed):
                yield interface


def _warn_of_login(site: Site, pair: Pair, node: Host, warnings: Problems) -> None:
    """A firewall takes ssh on management networks only, unless a fragment lets it in elsewhere."""
    if not node.reached_at or _lets_ssh_in(site, pair):
        return
    managed = [interface for interface in node.interfaces if site.networks[interface.network].management]
    right = (
        "give the node an interface on a network with purpose: management, and connect to its address there"
    )
    if not managed:
        wrong = "the node has no management network, and the firewall takes ssh on no other one"
        warnings.add(node.name, "ansible_host", node.reached_at, wrong, right)
        return
    network = _network_of(site, node)
    addresses = [str(address) for interface in managed for address in interface.addresses]
    if network is not None and not site.networks[network].management:
        right = f"connect to {addresses[0]}" if addresses else right
        wrong = f"is on network {network}, where the firewall takes no ssh"
        warnings.add(node.name, "ansible_host", node.reached_at, wrong, right)


def _lets_ssh_in(site: Site, pair: Pair) -> bool:
    return any(
        fragment.place == "input" and fragment.pair in (None, pair.name) and _SSH.search(fragment.text)
        for fragment in site.fragments
    )


def _network_of(site: Site, node: Host) -> str | None:
    try:
        address: Address = ip_address(node.reached_at)
    except ValueError:
        return None
    # prefixes are apart, so that any order finds the same: mostly the node's own networks have it
    own = [interface.network for interface in node.interfaces]
    return next((name for name in (*own, *site.networks) if site.networks[name].prefix_of(address)), None)


SECTION = Section(warn=_warn)
