# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one host has to know of the site: the fact site_view of docs/architecture.md, in plain JSON types."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.probes import probe_commands
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.gateways import gateways
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.link_local import (
    is_kernels,
    link_local_address,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.names import roles
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.probes import find_paths
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import (
    Bridge,
    Host,
    Interface,
    Network,
    Site,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.firewall import View, firewall_view
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.verify import verify_ends
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import Address, of_family


def host_views(site: Site, names: Iterable[str]) -> dict[str, View]:
    """Make the views of some hosts; the site must be free of problems."""
    # the same for all: to look for it takes a while
    verify = _verify(site) if site.pairs else None
    return {name: _host_view(site, name, verify) for name in names}


def host_view(site: Site, name: str) -> View:
    return host_views(site, [name])[name]


def _host_view(site: Site, name: str, verify: View | None) -> View:
    host = site.hosts[name]
    view: View = {"name": name, "site": site.name, "roles": roles(site, host)}
    if host.interfaces:
        view["node_network"] = _node_network(site, host)
    pair = site.pair_of(name)
    if pair is not None:
        view.update(firewall_view(site, host, pair))
    if host.bridges:
        view["host_network"] = _host_network(site, host)
        view["guest"] = {"vms": [_vm(site, guest) for guest in site.guests_of(name)]}
        services = _lab_services(site, host)
        if services:
            view["lab_services"] = services
    if verify is not None:
        view["verify"] = verify
    return view


def _on_link(network: Network, addresses: tuple[Address, ...]) -> list[str]:
    return [str(network.on_link(address)) for address in addresses]


def _node_network(site: Site, host: Host) -> View:
    interfaces = []
    for interface in host.interfaces:
        network = site.networks[interface.network]
        link_local = link_local_address(site, host, interface)
        interfaces.append(
            {
                "name": interface.name,
                "mac": interface.mac,
                "network": network.name,
                "addresses": _on_link(network, interface.addresses),
                "link_local": f"{link_local}/64" if link_local else None,
                "kernel_link_local": is_kernels(site, host, interface),
                "dhcp": interface.dhcp,
                "gateways": list(map(str, gateways(site, interface))),
                "mtu": network.mtu,
                "management": network.management,
            }
        )
    return {"hostname": host.name, "resolvers": list(map(str, host.resolvers)), "interfaces": interfaces}


def _host_network(site: Site, host: Host) -> View:
    return {
        "filter_bridges": site.filter_bridges,
        "bridges": [_bridge(site, bridge) for bridge in host.bridges],
        "taps": [
            _tap(site, host, guest, interface)
            for guest in site.guests_of(host.name)
            for interface in guest.interfaces
        ],
    }


def _bridge(site: Site, bridge: Bridge) -> View:
    network = site.networks[bridge.network]
    return {
        "name": bridge.name,
        "mac": bridge.mac,
        "addresses": list(map(str, bridge.addresses)),
        "uplinks": list(bridge.uplinks),
        "routes": _return_routes(site, bridge),
        "mtu": network.mtu,
        "management": network.management,
        # a snooping bridge with a querier drops VRRP over IPv6 and conntrackd's multicast
        "multicast_snooping": False,
        "stp": False,
        "forward_delay": 0,
    }


def _return_routes(site: Site, bridge: Bridge) -> list[View]:
    """Without source NAT a grounded bridge needs the way back to the networks behind the pair."""
    if not bridge.addresses:
        return []
    routes = []
    for (source, destination), pair in site.ways_let_in.items():
        if destination != bridge.network:
            continue
        virtual = pair.virtual_addresses(bridge.network)
        for prefix in site.networks[source].prefixes:
            gateways = of_family(virtual, prefix.version)
            if gateways and site.shown_as(pair, destination, prefix.version) is None:
                routes.append({"destination": str(prefix), "gateway": str(gateways[0])})
    return [route for index, route in enumerate(routes) if route not in routes[:index]]


def _tap(site: Site, host: Host, guest: Host, interface: Interface) -> View:
    bridge = host.bridge_on(interface.network)
    if bridge is None:
        raise LookupError(f"{host.name} has no bridge on network {interface.network}")
    network = site.networks[interface.network]
    return {
        "name": interface.tap,
        "bridge": bridge.name,
        "owner": _user(guest),
        "group": None,
        "mtu": network.mtu,
        "isolated": network.management,
    }


def _user(guest: Host) -> str:
    return f"guest-{guest.name}"


def _vm(site: Site, host: Host) -> View:
    guest = host.guest
    if guest is None:
        raise LookupError(f"{host.name} is no guest")
    managed = [i for i in host.interfaces if site.networks[i.network].management and i.addresses]
    return {
        "name": host.name,
        "user": _user(host),
        "memory_mib": guest.memory_mib,
        "cpus": guest.cpus,
        "disk_mib": guest.disk_mib,
        "swap_mib": guest.swap_mib,
        "interfaces": [{"name": i.name, "mac": i.mac, "tap": i.tap} for i in host.interfaces],
        "management": {
            "interface": managed[0].name,
            "mac": managed[0].mac,
            "address": _on_link(site.networks[managed[0].network], managed[0].addresses[:1])[0],
        }
        if managed
        else None,
    }


def _lab_services(site: Site, host: Host) -> View | None:
    """Servers stand on the first grounded bridge that is not for management."""
    grounded = [b for b in host.bridges if b.addresses and not site.networks[b.network].management]
    if not grounded:
        return None
    bridge = grounded[0]
    leases = [
        {"mac": interface.mac, "address": str(address), "name": node.name}
        for node, interface in site.index.interfaces_on.get(bridge.network, ())
        if interface.dhcp and interface.mac
        for address in of_family(interface.addresses, 4)[:1]
    ]
    names = [
        {"name": other.name, "address": str(address.ip)}
        for other, other_bridge in site.index.bridges_on[bridge.network]
        for address in other_bridge.addresses
    ]
    return {
        "address": str(bridge.addresses[0].ip),
        "more_addresses": [str(address.ip) for address in bridge.addresses[1:]],
        "interface": bridge.name,
        "prefix": str(bridge.addresses[0].network),
        "leases": leases,
        "names": names,
    }


def _verify(site: Site) -> View:
    """Where probes go, and the first pair, which they watch."""
    pair = site.pairs[0]
    guests = ((node, site.hosts[node].guest) for node in pair.nodes)
    return {
        **verify_ends(site, pair),
        "pair": {
            "name": pair.name,
            "nodes": list(pair.nodes),
            "virtual_addresses": list(map(str, pair.virtual_addresses())),
            "guests": {node: guest.hypervisor for node, guest in guests if guest is not None},
        },
        "probes": _probes(site),
    }


def _probes(site: Site) -> View | None:
    paths = find_paths(site)
    if not paths:
        return None
    path = paths[0]
    probes = path.probes
    opening, closing = probe_commands(paths)
    return {
        "client": {"host": probes.client, "address": str(path.client)},
        "server": {"host": probes.server, "address": str(path.server)},
        "tcp": probes.tcp,
        "udp": probes.udp,
        "ftp": probes.ftp,
        "rate": probes.rate,
        "sessions": probes.sessions,
        "slack": probes.slack,
        "forward": {
            "address": str(path.virtual),
            "tcp": probes.forward_tcp,
            "udp": probes.forward_udp,
        },
        "families": [
            {
                "family": each.family,
                # what the name of a flow ends in: those of the first family have none
                "name": "" if each is path else f" (IPv{each.family})",
                "client": str(each.client),
                "server": str(each.server),
                "forward": str(each.virtual),
            }
            for each in paths
        ],
        "nodes": list(path.pair.nodes),
        "open": opening,
        "close": closing,
    }
