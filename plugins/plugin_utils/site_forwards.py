# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reaches a port forward, and entries that speak of virtual addresses which nothing leads on from."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.ftfw.pair.plugins.plugin_utils.address_ranges import covers, meet
from ansible_collections.ftfw.pair.plugins.plugin_utils.site_gateways import gateways
from ansible_collections.ftfw.pair.plugins.plugin_utils.site_policy_types import Addresses, PolicyEntry
from ansible_collections.ftfw.pair.plugins.plugin_utils.site_problems import SITE, Problems
from ansible_collections.ftfw.pair.plugins.plugin_utils.site_types import Address, PortForward, Service, Site


class TakenPorts:
    """Who takes each port of a virtual address: one port forward, or several for different senders."""

    def __init__(self) -> None:
        self._seen: dict[tuple[Address, str, int], list[PortForward]] = {}

    def claim(self, forward: PortForward, service: Service, address: Address, problems: Problems) -> None:
        """Note a port forward's ports. One port of a protocol that is taken is enough to be told."""
        for protocol, ranges in (("tcp", service.tcp), ("udp", service.udp)):
            for port in (port for first, last in ranges for port in range(first, last + 1)):
                before = self._seen.setdefault((address, protocol, port), [])
                others = (one for one in before if one is not forward)
                other = next((one for one in others if _share(one, forward, address.version)), None)
                if other is not None:
                    key = f"site_port_forwards[{forward.index}].service"
                    wrong = (
                        f"site_port_forwards[{other.index}] already takes {protocol} port {port} of {address}"
                    )
                    right = "forward a port to one host, or give each sources that the others do not have"
                    problems.add(SITE, key, forward.service, wrong, right)
                    break
                before.append(forward)


def _share(one: PortForward, other: PortForward, family: int) -> bool:
    """Whether somebody is reached by both; without sources anybody is."""
    if one.sources is None or other.sources is None:
        return True
    return meet(one.sources.of_family(family), other.sources.of_family(family))


def check_sources(site: Site, forward: PortForward, problems: Problems) -> None:
    """Those whom a port forward is for need an address of its family; with `hairpin` neighbours, too."""
    address, target = site.forward_address(forward), site.forward_target(forward)
    if forward.sources is None or address is None:
        return
    key, label = f"site_port_forwards[{forward.index}].sources", forward.sources.label
    ranges = forward.sources.of_family(address.version)
    if forward.sources.families() and not ranges:
        wrong = f"has no address of IPv{address.version}, which {address} is of"
        problems.add(SITE, key, label, wrong, "name addresses of that family")
    elif ranges and forward.hairpin and target is not None:
        prefixes = site.networks[target[0]].prefixes_of_family(address.version)
        if not any(meet(ranges, [(int(one[0]), int(one[-1]))]) for one in prefixes):
            wrong = f"has nobody of network {target[0]}, for whom hairpin is"
            problems.add(SITE, key, label, wrong, "name some, or leave hairpin out")


def warn_of_virtual(site: Site, warnings: Problems) -> None:
    """Tell of entries that match nothing, because of the pair's own addresses in them."""
    for forward in site.port_forwards:
        if forward.sources is not None and not forward.sources.families():
            warnings.add(
                SITE,
                f"site_port_forwards[{forward.index}].sources",
                forward.sources.label,
                "has no address, so that nothing is forwarded",
                "add one, or leave the port forward out",
            )
    own = site.virtual_and_firewall_addresses()
    for entry in site.policy:
        if entry.sources is not None and _only(entry.sources, own):
            warnings.add(
                SITE,
                f"{entry.place}.sources",
                entry.sources.label,
                "the firewalls' own addresses, which nothing is forwarded from",
                "name whoever begins the flows",
            )
        if entry.destinations is not None and _only(entry.destinations, own) and not _leads(site, entry):
            warnings.add(
                SITE,
                f"{entry.place}.destinations",
                entry.destinations.label,
                f"the firewalls' own addresses, and no port forward leads from them to "
                f"{', '.join(entry.to_networks)}, so that the entry matches nothing",
                "name whoever it is about, or declare the port forward",
            )


def warn_of_ways(site: Site, warnings: Problems) -> None:
    """Tell of lists that the firewalls have no way to: on none of the networks, and behind none of them."""
    own = site.virtual_and_firewall_addresses()
    for entry in (entry for entry in site.policy if entry.accepts):
        for key, of, names in (
            ("sources", entry.sources, entry.from_networks),
            ("destinations", entry.destinations, entry.to_networks),
        ):
            if of is not None and of.families() and not any(_reaches(site, name, of, own) for name in names):
                warnings.add(
                    SITE,
                    f"{entry.place}.{key}",
                    of.label,
                    f"the firewalls have no way there by {' or '.join(names)}, so that no test of the policy "
                    "tries it",
                    "give their interfaces there a gateway, or see to the route yourself",
                )


def _reaches(site: Site, network: str, addresses: Addresses, own: Iterable[Address]) -> bool:
    """Whether some of a list is on a network or behind it; what is the pairs' own is told elsewhere."""
    prefixes = list(site.networks[network].prefixes)
    nodes = [site.hosts[name] for pair in site.pairs if pair.routers_on(network) for name in pair.nodes]
    interfaces = [found for node in nodes if (found := node.interface_on(network)) is not None]
    families = {one.version for interface in interfaces for one in gateways(site, interface)}
    on_link = [(int(one[0]), int(one[-1]), one.version) for one in prefixes]
    on_link += [(int(one), int(one), one.version) for one in own]
    return bool(families.intersection(addresses.families())) or any(
        meet(addresses.of_family(family), [(first, last)]) for first, last, family in on_link
    )


def _only(addresses: Addresses, own: Iterable[Address]) -> bool:
    """Whether a list has some of these addresses and no others."""
    numbers = {family: {int(one) for one in own if one.version == family} for family in (4, 6)}
    ranges = [(family, one) for family in addresses.families() for one in addresses.of_family(family)]
    return bool(ranges) and all(
        last - first < len(numbers[family]) and numbers[family].issuperset(range(first, last + 1))
        for family, (first, last) in ranges
    )


def _leads(site: Site, entry: PolicyEntry) -> bool:
    """Whether a port forward, or maybe a fragment, leads from an entry's destinations along its way."""
    if any(fragment.place == "nat_prerouting" for fragment in site.fragments):
        return True
    for forward in site.port_forwards:
        address, target = site.forward_address(forward), site.forward_target(forward)
        if address is not None and target is not None and (forward.network, target[0]) in entry.ways():
            of = entry.destinations.of_family(address.version) if entry.destinations else ()
            if covers(of, [(int(address), int(address))]):
                return True
    return False
