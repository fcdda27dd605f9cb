# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that hold between the wires, hypervisors and nodes of a site."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Network

from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import (
    SITE,
    Cause,
    Problems,
    closest,
    nearest,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.prefixes import are_apart, check_prefixes
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import (
    Bridge,
    Host,
    Interface,
    Network,
    Site,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import Address, Prefix, of_family

_ANY_NETWORK = {
    **dict.fromkeys(("any", "all", "*"), "no word stands for all of them: name those that you mean, of {}"),
    "firewall": "what the firewalls themselves take is said by a fragment: {{place: input, text: …}}",
}
"""What to write in the place of words that other firewalls know."""


@dataclass
class Places:
    """Where each thing that may exist once was first seen."""

    what: str
    right: str
    seen: dict[object, str] = field(default_factory=dict)

    def claim(self, problems: Problems, host: str, key: str, value: object, place: str) -> None:
        """Note a value's place; a second place is a problem. `place` says whose it is, in words."""
        first = self.seen.setdefault(value, place)
        if first != place:
            wrong = f"{self.what} is already that of {first}"
            problems.add(host, key, value, wrong, self.right, follows=False)


def check_hosts(site: Site, addresses: Places, problems: Problems) -> None:
    """Check wires, hypervisors and nodes. `addresses` collects theirs, to hold the virtual ones against."""
    _check_networks(site, problems)
    macs = Places("this MAC address", "give every interface its own")
    for host, bridge in site.bridges():
        _check_bridge(site, host, bridge, problems)
        key = f"hypervisor_bridges.{bridge.name}"
        place = f"{host.name}'s {bridge.name}"
        if bridge.mac:
            macs.claim(problems, host.name, f"{key}.mac", bridge.mac, place)
        for address in bridge.addresses:
            addresses.claim(problems, host.name, f"{key}.addresses", address.ip, place)
    for host, interface in site.interfaces():
        _check_interface(site, host, interface, problems)
        key = f"node_interfaces.{interface.name}"
        place = f"{host.name}'s {interface.name}"
        if interface.mac:
            macs.claim(problems, host.name, f"{key}.mac", interface.mac, place)
        for ip in interface.addresses:
            addresses.claim(problems, host.name, f"{key}.addresses", ip, place)
        for ip in dict.fromkeys(interface.addresses):
            if interface.addresses.count(ip) > 1:
                problems.add(
                    host.name,
                    f"{key}.addresses",
                    ip,
                    "is named twice",
                    "name each address once",
                    follows=False,
                )
    for host in site.hosts.values():
        _check_guest(site, host, problems)
        _check_single_network(host, problems)
        _check_device_names(site, host, problems)
        _check_names_by_mac(host, problems)


def _check_names_by_mac(host: Host, problems: Problems) -> None:
    """A name of the kernel's own pattern that goes by no MAC may be on any card, once others are renamed."""
    named = [interface.name for interface in host.interfaces if interface.mac]
    for interface in host.interfaces if named else []:
        if not interface.mac and re.fullmatch(r"eth\d+", interface.name):
            problems.add(
                host.name,
                f"node_interfaces.{interface.name}.mac",
                interface.mac,
                f"is missing, while {named[0]} is named by its MAC: the kernel gives such names in any order",
                "give it one too, or one to no interface of this node",
                follows=False,
            )


def known_network(site: Site, host: str, key: str, name: str, problems: Problems) -> Network | None:
    """Look a network up; an empty name was already reported as missing."""
    network = site.networks.get(name)
    if network is None and name:
        unknown_network(site, host, key, name, name, problems, hole=True)
    return network


def unknown_network(
    site: Site, host: str, key: str, shown: str, name: str, problems: Problems, hole: bool = False
) -> None:
    """Tell of a name that no network has; what stands in several places is one mistake."""
    words = _ANY_NETWORK.get(name, "").format(", ".join(sorted(site.networks)))
    right = words or _renamed(site, name) or nearest(name, site.networks)
    cause = Cause("site_networks", name, "unknown network, which stands in", right)
    problems.add(host, key, shown, "unknown network", right, hole=hole, cause=cause)


def _renamed(site: Site, name: str) -> str | None:
    """The network that was given another name, if all says so: it is the only one that nobody is on."""
    used = {bridge.network for _host, bridge in site.bridges()}
    used |= {interface.network for _host, interface in site.interfaces()}
    unused = [one for one in site.networks if one not in used]
    if len(unused) != 1 or name not in used or closest(name, site.networks, cutoff=0.85):
        return None
    return f"did you mean {unused[0]}?"


def _moved(site: Site, network: Network, family: int) -> Cause | None:
    """Where no address on a network lies in it, its prefix is the mistake."""
    on_it = [
        address
        for host in site.hosts.values()
        for interface in host.interfaces
        if interface.network == network.name
        for address in interface.addresses
    ]
    on_it += [
        ip.ip for _host, bridge in site.bridges() if bridge.network == network.name for ip in bridge.addresses
    ]
    on_it += [address for pair in site.pairs for address in pair.virtual_addresses(network.name)]
    if any(network.prefix_of(one) for one in of_family(tuple(on_it), family)):
        return None
    return Cause(
        f"site_networks.{network.name}.prefixes",
        [str(prefix) for prefix in network.prefixes],
        f"no IPv{family} address on this network lies there:",
        "write the prefix that they have, or change them",
    )


def check_on_link(
    site: Site, network: Network, host: str, key: str, address: Address, problems: Problems
) -> Prefix | None:
    """An address must be inside its network and usable by a host."""
    if not network.prefixes:
        return None
    prefix = network.prefix_of(address)
    prefixes = " or ".join(map(str, network.prefixes))
    if prefix is None:
        problems.add(
            host,
            key,
            address,
            f"is outside network {network.name}",
            f"use an address of {prefixes}",
            cause=_moved(site, network, address.version),
        )
    elif isinstance(prefix, IPv4Network) and prefix.prefixlen < 31:
        if address in (prefix.network_address, prefix.broadcast_address):
            problems.add(
                host,
                key,
                address,
                f"is the network's or the broadcast address of {prefix}",
                "use another one",
            )
    elif address.version == 6 and address == prefix.network_address and prefix.prefixlen < 127:
        problems.add(host, key, address, f"is the anycast address of {prefix}'s routers", "use another one")
    return prefix


def _check_networks(site: Site, problems: Problems) -> None:
    # to hold each against all the others takes the square, for nothing where they are apart
    apart = are_apart(prefix for network in site.networks.values() for prefix in network.prefixes)
    seen: list[tuple[str, Prefix]] = []
    for network in site.networks.values():
        if check_prefixes(network, problems):
            continue
        for prefix in network.prefixes:
            for name, other in () if apart else seen:
                if prefix.version == other.version and prefix.overlaps(other):
                    own = name == network.name
                    whose = "the same network" if own else f"network {name}"
                    problems.add(
                        SITE,
                        f"site_networks.{network.name}.prefixes",
                        prefix,
                        f"overlaps {other} of {whose}",
                        "leave one of them out" if own else "each wire needs a prefix of its own",
                    )
            seen.append((network.name, prefix))


def _check_bridge(site: Site, host: Host, bridge: Bridge, problems: Problems) -> None:
    key = f"hypervisor_bridges.{bridge.name}"
    network = known_network(site, host.name, f"{key}.network", bridge.network, problems)
    if network is None:
        return
    sync = site.sync_networks.get(network.name)
    if sync and bridge.addresses:
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


def _check_interface(site: Site, host: Host, interface: Interface, problems: Problems) -> None:
    key = f"node_interfaces.{interface.name}"
    network = known_network(site, host.name, f"{key}.network", interface.network, problems)
    if network is None:
        return
    for address in interface.addresses:
        check_on_link(site, network, host.name, f"{key}.addresses", address, problems)


def _check_guest(site: Site, host: Host, problems: Problems) -> None:
    if host.guest is None or not host.guest.hypervisor:
        return
    if host.name in site.hosts and not host.interfaces and not problems.about(host.name, "node_interfaces"):
        wrong = "a guest without an interface"
        problems.add(host.name, "node_interfaces", None, wrong, "declare its interfaces", hole=True)
    name = host.guest.hypervisor
    if name == host.name or name not in site.hosts or not site.hosts[name].bridges:
        hypervisors = [name for name, other in site.hosts.items() if other.bridges and name != host.name]
        wrong = "has no hypervisor_bridges" if name in site.hosts else "is not in the inventory"
        problems.add(host.name, "guest.hypervisor", name, wrong, nearest(name, hypervisors))
        return
    for interface in host.interfaces:
        if interface.network in site.networks and site.hosts[name].bridge_on(interface.network) is None:
            problems.add(
                host.name,
                f"node_interfaces.{interface.name}.network",
                interface.network,
                f"hypervisor {name} has no bridge on it",
                f"declare one in {name}'s hypervisor_bridges",
            )


def _check_single_network(host: Host, problems: Problems) -> None:
    """One interface per network: routes and VRRP would otherwise have to choose."""

    def check(key: Callable[[str], str], pairs: list[tuple[str, str]]) -> None:
        first: dict[str, str] = {}
        for name, network in pairs:
            other = first.setdefault(network, name)
            if other != name and network:
                problems.add(
                    host.name,
                    key(name),
                    network,
                    f"{other} is on this network too",
                    "use one for each network",
                )

    check(lambda name: f"hypervisor_bridges.{name}.network", [(b.name, b.network) for b in host.bridges])
    check(lambda name: f"node_interfaces.{name}.network", [(i.name, i.network) for i in host.interfaces])


def _check_device_names(site: Site, host: Host, problems: Problems) -> None:
    """Bridges, their uplinks and the guests' taps share the hypervisor's name space."""
    if not host.bridges:
        return
    names = Places("this interface name", f"names are unique on {host.name}")
    for bridge in host.bridges:
        key = f"hypervisor_bridges.{bridge.name}"
        names.claim(problems, host.name, key, bridge.name, f"bridge {bridge.name}")
        for uplink in bridge.uplinks:
            names.claim(problems, host.name, f"{key}.uplinks", uplink, f"an uplink of bridge {bridge.name}")
    for guest in site.guests_of(host.name):
        for interface in guest.interfaces:
            if interface.tap:
                names.claim(
                    problems,
                    guest.name,
                    f"node_interfaces.{interface.name}.tap",
                    interface.tap,
                    f"{guest.name}'s {interface.name}",
                )
