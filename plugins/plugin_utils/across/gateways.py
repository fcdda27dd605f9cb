# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Default routes: whether they lead anywhere, and still do so after a takeover."""

from __future__ import annotations

from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import Problems, render
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.section import Checking, Section
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.checks import check_on_link
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.gateways import gateways, is_on_link
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Host, Interface, Network, Pair, Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import (
    FAMILIES,
    Address,
    of_family,
)

_RIGHT = "write another router's address, or leave it out"


def check_gateways(checking: Checking) -> None:
    site, problems, warnings = checking.site, checking.problems, checking.warnings
    before = len(problems)
    for host, interface in site.interfaces():
        network = site.networks.get(interface.network)
        if network is not None and (interface.gateway_virtual or interface.gateways):
            _check_gateway(site, host, interface, network, problems, warnings)
    unrouted = {*site.sync_networks, *(name for name, one in site.networks.items() if one.management)}
    for host in site.hosts.values():
        _check_single(site, host, unrouted, problems)
    if len(problems) == before:
        for pair in site.pairs:
            _check_pair(site, pair, problems, warnings)


def _check_gateway(
    site: Site,
    host: Host,
    interface: Interface,
    network: Network,
    problems: Problems,
    warnings: Problems,
) -> None:
    key = f"node_interfaces.{interface.name}.gateway"
    shown = "virtual" if interface.gateway_virtual else ", ".join(map(str, interface.gateways))
    if network.management:
        problems.add(host.name, key, shown, "a management network is not routed", "leave the gateway out")
    elif network.name in site.sync_networks:
        problems.add(
            host.name, key, shown, "a network for replication is not routed", "leave the gateway out"
        )
    elif interface.gateway_virtual:
        _check_virtual(site, host, interface, network, problems)
    else:
        for gateway in interface.gateways:
            _check_router(site, host, interface, network, gateway, problems, warnings)


def _check_virtual(
    site: Site, host: Host, interface: Interface, network: Network, problems: Problems
) -> None:
    key = f"node_interfaces.{interface.name}.gateway"
    pairs = site.index.pairs_on.get(network.name, [])
    if not pairs:
        wrong, right = (
            f"no pair has a virtual router on network {network.name}",
            "write the gateway's address",
        )
    elif any(host.name in pair.nodes for pair in pairs):
        wrong, right = "the pair would be its own gateway", _RIGHT
    elif len(pairs) > 1:
        names = " and ".join(pair.name for pair in pairs)
        wrong, right = f"pairs {names} both have one on {network.name}", "write the gateway's address"
    else:
        away = [one for one in gateways(site, interface) if not is_on_link(site, interface, one)]
        # a node that has an address of no prefix is told so
        if not away or not all(map(network.prefix_of, interface.addresses)):
            return
        wrong = (
            f"is {away[0]}, and the node has no address in {network.prefix_of(away[0])}, and so no way there"
        )
        right = "give it one, or the pair a virtual address in a prefix of the node's"
    problems.add(host.name, key, "virtual", wrong, right)


def _check_router(
    site: Site,
    host: Host,
    interface: Interface,
    network: Network,
    gateway: Address,
    problems: Problems,
    warnings: Problems,
) -> None:
    """A gateway is on the wire, has an address that the host has a way to, and is somebody else."""
    key = f"node_interfaces.{interface.name}.gateway"
    before = len(problems)
    prefix = check_on_link(site, network, host.name, key, gateway, problems)
    if prefix is None or len(problems) > before:
        return
    pair = site.pair_of(host.name)
    peers = [site.hosts[name] for name in (pair.nodes if pair else ()) if name in site.hosts]
    if gateway in interface.addresses:
        problems.add(host.name, key, gateway, "is the interface's own address", "name another router")
    elif pair is not None and gateway in pair.virtual_addresses():
        wrong = f"is a virtual address of its own pair {pair.name}, which would be its own gateway"
        problems.add(host.name, key, gateway, wrong, _RIGHT)
    elif any(gateway in other.addresses for peer in peers for other in peer.interfaces):
        wrong = "is an address of its own pair's other node, which routes no better than this one"
        problems.add(host.name, key, gateway, wrong, _RIGHT)
    elif interface.addresses and not any(address in prefix for address in interface.addresses):
        wrong = f"the node has no address in {prefix}, and so no way to its gateway"
        problems.add(host.name, key, gateway, wrong, "give it one there, or name a router of another prefix")
    else:
        _warn_of_node(site, host, key, network, gateway, warnings)


def _warn_of_node(
    site: Site, host: Host, key: str, network: Network, gateway: Address, warnings: Problems
) -> None:
    for node, own in site.index.holders.get(gateway, ()):
        pair = site.pair_of(node.name)
        if pair is not None and node.name != host.name and own.network == network.name:
            warnings.add(
                host.name,
                key,
                gateway,
                f"is {node.name}'s own address, so that nothing leads anywhere once that node has failed",
                "write virtual" if pair.routers_on(network.name) else "name a virtual address",
            )


def _check_single(site: Site, host: Host, unrouted: set[str], problems: Problems) -> None:
    first: dict[int, str] = {}
    for interface in host.interfaces:
        if interface.network not in site.networks or interface.network in unrouted:
            continue
        families = [address.version for address in gateways(site, interface)]
        others = [
            first[family] for family in families if first.setdefault(family, interface.name) != interface.name
        ]
        if others:
            problems.add(
                host.name,
                f"node_interfaces.{interface.name}.gateway",
                "virtual" if interface.gateway_virtual else ", ".join(map(str, interface.gateways)),
                f"{others[0]} has a gateway too",
                "a node has one default route of each family",
            )


def _check_pair(site: Site, pair: Pair, problems: Problems, warnings: Problems) -> None:
    """What leads out of the site by one node has to do so by the other one."""
    nodes = [site.hosts[name] for name in pair.nodes if name in site.hosts]
    if len(nodes) != 2:
        return
    missing: dict[tuple[Host, Host, str], list[Address]] = {}
    for family in FAMILIES:
        routes = [_default_route(site, node, family) for node in nodes]
        for node, own, peer, other in (
            (nodes[0], routes[0], nodes[1], routes[1]),
            (nodes[1], routes[1], nodes[0], routes[0]),
        ):
            if own is None and other is not None:
                missing.setdefault((node, peer, other[0]), []).append(other[1])
        if routes[0] and routes[1] and routes[0] != routes[1]:
            network, gateway = routes[1]
            interface = nodes[1].interface_on(network)
            warnings.add(
                nodes[1].name,
                f"node_interfaces.{interface.name if interface else network}.gateway",
                gateway,
                f"{nodes[0].name} has another one, {routes[0][1]} on network {routes[0][0]}, so that a "
                "takeover changes the way out",
                f"write gateway: {routes[0][1]}, unless both lead to the same places",
            )
    for (node, peer, name), found in missing.items():
        _tell_missing(node, peer, name, found, problems)


def _tell_missing(node: Host, peer: Host, network: str, found: list[Address], problems: Problems) -> None:
    interface = node.interface_on(network)
    named = " and ".join(map(str, found))
    of = f" of IPv{found[0].version}" if len(found) == 1 else ""
    own = [*(interface.gateways if interface else ()), *found]
    problems.add(
        node.name,
        f"node_interfaces.{interface.name}.gateway" if interface else "node_interfaces",
        None,
        f"{peer.name} has the gateway{'s' if len(found) > 1 else ''} {named} on network {network}, and this "
        f"node has none{of}, so that after a takeover nothing leads there",
        f"write gateway: {own[0] if len(own) == 1 else render(own)}",
    )


def _default_route(site: Site, node: Host, family: int) -> tuple[str, Address] | None:
    found = (
        (interface.network, gateway)
        for interface in node.interfaces
        if interface.network in site.networks
        for gateway in of_family(gateways(site, interface), family)
    )
    return next(found, None)


SECTION = Section(check=check_gateways)
