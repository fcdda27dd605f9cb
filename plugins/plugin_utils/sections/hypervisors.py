# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""hypervisor_bridges: on which wires a hypervisor is, for itself and its guests."""

from __future__ import annotations

from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import Problems
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.values import Value, present
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.guests import guest_user
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.section import Checking, HostReading, Section
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.checks import check_on_link, known_network
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Bridge, Host, Interface, Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.contract import Parts
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.parts import hypervisors as parts
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.viewpoint import Viewpoint
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import FAMILIES, of_family


def read_bridges(host: HostReading) -> tuple[Bridge, ...]:
    return tuple(_bridge(key, value) for key, value in host.value("hypervisor_bridges").entries().items())


def _bridge(name: str, value: Value) -> Bridge:
    fields = value.section("network", "addresses", "uplinks", "mac", required=["network"])
    value.named_device()
    return Bridge(
        name,
        network=fields["network"].text() or "",
        addresses=present(item.interface_address() for item in fields["addresses"].items()),
        uplinks=present(item.device_name() for item in fields["uplinks"].items()),
        mac=fields["mac"].mac(),
    )


def check_bridges(checking: Checking) -> None:
    for host, bridge in checking.site.bridges():
        _check_bridge(checking.site, host, bridge, checking.problems)
        key = f"hypervisor_bridges.{bridge.name}"
        place = f"{host.name}'s {bridge.name}"
        if bridge.mac:
            checking.macs.claim(checking.problems, host.name, f"{key}.mac", bridge.mac, place)
        for address in bridge.addresses:
            checking.addresses.claim(checking.problems, host.name, f"{key}.addresses", address.ip, place)


def _check_bridge(site: Site, host: Host, bridge: Bridge, problems: Problems) -> None:
    key = f"hypervisor_bridges.{bridge.name}"
    network = known_network(site, host.name, f"{key}.network", bridge.network, problems)
    if network is None:
        return
    for uplink in dict.fromkeys(one for one in bridge.uplinks if bridge.uplinks.count(one) > 1):
        problems.add(host.name, f"{key}.uplinks", uplink, "is named twice", "name each card once")
    for address in dict.fromkeys(one for one in bridge.addresses if bridge.addresses.count(one) > 1):
        problems.add(host.name, f"{key}.addresses", address, "is named twice", "name each address once")
    sync = site.sync_networks.get(network.name)
    # a management network carries none, which is told of the pair
    if sync and bridge.addresses and not network.management:
        problems.add(
            host.name,
            f"{key}.addresses",
            [str(address) for address in bridge.addresses],
            f"network {network.name} carries the replication of pair {sync.name} and must not be grounded",
            "leave the addresses out",
        )
    for address in bridge.addresses:
        prefix = check_on_link(site, network, host.name, f"{key}.addresses", address.ip, problems)
        if prefix and address.network != prefix:
            problems.add(
                host.name,
                f"{key}.addresses",
                address,
                f"has another prefix length than network {network.name}",
                f"write {address.ip}/{prefix.prefixlen}",
            )


def _view(point: Viewpoint) -> Parts:
    site, host = point.site, point.host
    if not host.bridges:
        return {}
    services = _lab_services(site, host)
    return {"host_network": _host_network(site, host), **({"lab_services": services} if services else {})}


def _host_network(site: Site, host: Host) -> parts.HostNetwork:
    return {
        "filter_bridges": site.filter_bridges,
        "bridges": [_bridge_view(site, bridge) for bridge in host.bridges],
        "taps": [
            _tap(site, host, guest, interface)
            for guest in site.guests_of(host.name)
            for interface in guest.interfaces
        ],
    }


def _bridge_view(site: Site, bridge: Bridge) -> parts.BridgePart:
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


def _return_routes(site: Site, bridge: Bridge) -> list[parts.Route]:
    """Without source NAT a grounded bridge needs the way back to the networks behind the pair."""
    if not bridge.addresses:
        return []
    routes: list[parts.Route] = []
    for (source, destination), pair in site.ways_let_in.items():
        if destination != bridge.network:
            continue
        virtual = pair.virtual_addresses(bridge.network)
        for prefix in site.networks[source].prefixes:
            gateways = of_family(virtual, prefix.version)
            if gateways and site.shown_as(pair, destination, prefix.version) is None:
                routes.append({"destination": str(prefix), "gateway": str(gateways[0])})
    return [route for index, route in enumerate(routes) if route not in routes[:index]]


def _tap(site: Site, host: Host, guest: Host, interface: Interface) -> parts.TapPart:
    bridge = host.bridge_on(interface.network)
    if bridge is None:
        raise LookupError(f"{host.name} has no bridge on network {interface.network}")
    if interface.tap is None:
        raise LookupError(f"{guest.name} has no tap on network {interface.network}")
    network = site.networks[interface.network]
    return {
        "name": interface.tap,
        "bridge": bridge.name,
        "owner": guest_user(guest),
        "group": None,
        "mtu": network.mtu,
        "isolated": network.management,
    }


def _lab_services(site: Site, host: Host) -> parts.LabServices | None:
    """Servers stand on the first grounded bridge that is not for management."""
    grounded = [b for b in host.bridges if b.addresses and not site.networks[b.network].management]
    if not grounded:
        return None
    bridge = grounded[0]
    leases: list[parts.Lease] = [
        {"mac": interface.mac, "address": str(address), "name": node.name}
        for node, interface in site.index.interfaces_on.get(bridge.network, ())
        if interface.dhcp and interface.mac
        for address in of_family(interface.addresses, 4)[:1]
    ]
    names: list[parts.HostName] = [
        {"name": other.name, "address": str(address)}
        for other, other_bridge in site.index.bridges_on[bridge.network]
        # further addresses are services', not the host's
        for family in FAMILIES
        for address in of_family(tuple(each.ip for each in other_bridge.addresses), family)[:1]
    ]
    return {
        "address": str(bridge.addresses[0].ip),
        "more_addresses": [str(address.ip) for address in bridge.addresses[1:]],
        "interface": bridge.name,
        "prefix": str(bridge.addresses[0].network),
        "leases": leases,
        "names": names,
    }


SECTION = Section(
    variables=("hypervisor_bridges",),
    reads_host={"bridges": read_bridges},
    against=("site_networks", "site_pairs"),
    alone=("mac",),
    check=check_bridges,
    view=_view,
)
