# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reaches a port forward, and entries that speak of virtual addresses which nothing leads on from."""

from __future__ import annotations

import functools
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SITE, Problems, nearest
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.balancers import balanced
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.checks import check_on_link
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.gateways import gateways
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import Addresses, PolicyEntry
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.prefixes import check_present
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import PortForward, Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import (
    FAMILIES,
    Address,
    of_family,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.ranges import Range, covers, meet
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.services import WITH_PORTS, Service


class TakenPorts:
    """Who takes each port of a virtual address: one port forward, or several for different senders."""

    def __init__(self) -> None:
        self._seen: dict[tuple[Address, str, int], list[tuple[PortForward, str]]] = {}

    @classmethod
    def of_forwards(cls, site: Site) -> TakenPorts:
        """Those that a site's port forwards take; what is wrong with them is told elsewhere."""
        taken = cls()
        for forward in site.port_forwards:
            service, address = site.services.get(forward.service), site.forward_address(forward)
            if service is not None and address is not None:
                taken.claim(forward, service, address, Problems())
        return taken

    def claim(
        self, forward: PortForward, service: Service, address: Address, problems: Problems, place: str = ""
    ) -> None:
        """Note a port forward's ports, or those of what has its own place in the inventory.

        One port of a protocol that is taken is enough to be told.
        """
        place = place or f"site_port_forwards[{forward.index}]"
        for protocol in WITH_PORTS:
            for port in (port for first, last in service.ports(protocol) for port in range(first, last + 1)):
                before = self._seen.setdefault((address, protocol, port), [])
                others = ((one, whose) for one, whose in before if one is not forward)
                other = next((whose for one, whose in others if _share(one, forward, address.version)), None)
                if other is not None:
                    key = f"{place}.service"
                    wrong = f"{other} already takes {protocol} port {port} of {address}"
                    right = "forward a port to one host, or give each sources that the others do not have"
                    problems.add(SITE, key, forward.service, wrong, right)
                    break
                before.append((forward, place))


def _share(one: PortForward, other: PortForward, family: int) -> bool:
    """Whether somebody is reached by both; without sources anybody is."""
    if one.sources is None or other.sources is None:
        return True
    return meet(one.sources.of_family(family), other.sources.of_family(family))


@dataclass(frozen=True)
class Numbers:
    """Addresses as numbers in order, by family: each list of a long policy is held against them."""

    ordered: Mapping[int, Sequence[int]]

    @classmethod
    def of(cls, addresses: Iterable[Address]) -> Numbers:
        every = list(addresses)
        return cls({f: sorted(int(one) for one in every if one.version == f) for f in FAMILIES})

    def _within(self, family: int, one: Range) -> int:
        """How many of them a range has."""
        ordered = self.ordered[family]
        return bisect_right(ordered, one[1]) - bisect_left(ordered, one[0])

    def are_some_of(self, addresses: Addresses) -> bool:
        return any(self._within(f, one) for f in FAMILIES for one in addresses.of_family(f))

    def are_all_of(self, addresses: Addresses) -> bool:
        """Whether a list has some of them and no others."""
        ranges = [(f, one) for f in FAMILIES for one in addresses.of_family(f)]
        return bool(ranges) and all(self._within(f, one) == one[1] - one[0] + 1 for f, one in ranges)


def check_forward_address(
    site: Site, key: str, forward: PortForward, problems: Problems, network_key: str = "to"
) -> bool:
    """See that there is one virtual address to ask at. `key` is the place of what forwards."""
    virtual = site.index.virtual.get(forward.network, [])
    shown = ", ".join(map(str, virtual)) or "none"
    if forward.address is not None and forward.address not in virtual:
        problems.add(
            SITE,
            f"{key}.address",
            forward.address,
            f"is no virtual address on network {forward.network}",
            f"those are: {shown}",
        )
        return False
    if forward.address is None and len(virtual) != 1:
        wrong = "has several virtual addresses" if virtual else "has no virtual address"
        right = f"choose one with address: {shown}" if virtual else "declare a virtual router on it"
        problems.add(SITE, f"{key}.{network_key}", forward.network, wrong, right)
        return False
    return True


def check_forward_host(
    site: Site, key: str, forward: PortForward, problems: Problems, host_key: str = ".host"
) -> None:
    """See that the host is behind the pair, and that both nodes have a way to it."""
    if not forward.host:
        return
    if isinstance(forward.host, str) and forward.host not in site.hosts:
        problems.add(
            SITE,
            f"{key}{host_key}",
            forward.host,
            "is no address, and no host of the inventory",
            nearest(forward.host, site.hosts),
        )
        return
    own = ("node_interfaces", "hypervisor_bridges")
    if isinstance(forward.host, str) and any(problems.about(forward.host, key) for key in own):
        # what is wrong with its addresses is told there
        return
    target = site.forward_target(forward)
    if target is None:
        _tell_of_no_target(site, f"{key}{host_key}", forward, problems)
        return
    network, address = target
    taken = site.virtual_and_firewall_addresses
    # that another host has the same address is told there
    told = isinstance(forward.host, str) and site.pair_of(forward.host) is None
    if address in taken and not told:
        problems.add(
            SITE, f"{key}{host_key}", forward.host, f"is {taken[address]}", "name a host behind the pair"
        )
    if network not in site.networks:
        # its name is wrong, which is told of all that use it
        return
    prefix = check_on_link(site, site.networks[network], SITE, f"{key}{host_key}", address, problems)
    pair = site.forward_pair(forward)
    if pair is not None and prefix is not None:
        check_present(site, pair, site.networks[network], f"{key}{host_key}", address, prefix, problems)
    if forward.hairpin and pair and not of_family(pair.virtual_addresses(network), address.version):
        problems.add(
            SITE,
            f"{key}.hairpin",
            True,
            f"answers go back by network {network}, which has no virtual address of IPv{address.version}",
            "give a virtual router there one",
        )


def _tell_of_no_target(site: Site, key: str, forward: PortForward, problems: Problems) -> None:
    pair, address = site.forward_pair(forward), site.forward_address(forward)
    if address and not isinstance(forward.host, str) and forward.host.version != address.version:
        wrong = f"is an address of IPv{forward.host.version}, and {address} one of IPv{address.version}"
        problems.add(SITE, key, forward.host, wrong, "write two of one family")
        return
    family = address.version if address else 4
    names = [
        router.network
        for router in (pair.routers if pair else ())
        if router.network != forward.network and of_family(router.addresses, family)
    ]
    wrong = f"has no IPv{family} address on another network of the pair"
    problems.add(SITE, key, forward.host, wrong, f"name a host on {' or '.join(names) or 'one'}")


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
    elif ranges and (elsewhere := _networks_of(site, forward, ranges, address.version)):
        wrong = f"are all on network {elsewhere}, and only what comes in by {forward.network} is forwarded"
        right = f"name senders beyond {forward.network}, or add hairpin: true where it is the host's network"
        problems.add(SITE, key, label, wrong, right)
    elif ranges and forward.hairpin and target is not None:
        prefixes = site.networks[target[0]].prefixes_of_family(address.version)
        if not any(meet(ranges, [(int(one[0]), int(one[-1]))]) for one in prefixes):
            wrong = f"has nobody of network {target[0]}, for whom hairpin is"
            problems.add(SITE, key, label, wrong, "name some, or leave hairpin out")


def _networks_of(site: Site, forward: PortForward, ranges: Sequence[Range], family: int) -> str:
    """The networks, other than those that a port forward looks at, that have all of some addresses."""
    target = site.forward_target(forward)
    looked_at = {forward.network, *((target[0],) if target and forward.hairpin else ())}
    on_link = {
        name: sorted((int(one[0]), int(one[-1])) for one in network.prefixes_of_family(family))
        for name, network in site.networks.items()
        if name not in looked_at
    }
    found = {next((name for name, of in on_link.items() if covers(of, [one])), None) for one in ranges}
    return "" if None in found else " and ".join(sorted(str(name) for name in found))


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
    own = Numbers.of(site.virtual_and_firewall_addresses)
    for entry in site.policy:
        if entry.sources is not None and own.are_all_of(entry.sources):
            warnings.add(
                SITE,
                f"{entry.place}.sources",
                entry.sources.label,
                "the firewalls' own addresses, which nothing is forwarded from",
                "name whoever begins the flows",
            )
        to = entry.destinations
        if to is not None and own.are_all_of(to) and not _leads(site, entry):
            warnings.add(
                SITE,
                f"{entry.place}.destinations",
                to.label,
                f"the firewalls' own addresses, and no port forward leads what comes from "
                f"{', '.join(entry.from_networks)} on to {', '.join(entry.to_networks)}, so that the entry "
                "matches nothing",
                "name whoever it is about, or declare the port forward",
            )


def warn_of_whole(site: Site, warnings: Problems) -> None:
    """Tell of lists that have every address. A feed of blocked addresses with 0.0.0.0/0 in it blocks all."""
    for entry in site.policy:
        for key, of in (("sources", entry.sources), ("destinations", entry.destinations)):
            whole = of.whole() if of is not None else ()
            # of one family it may well be meant, where it stands in the entry itself
            if of is None or not (len(whole) == 2 or (whole and of.named and not entry.accepts)):
                continue
            every = "every address" if len(whole) == 2 else f"every IPv{whole[0]} address"
            right = (
                f"leave {key} out if it is" if len(whole) == 2 else "write the prefix into the entry if it is"
            )
            warnings.add(SITE, f"{entry.place}.{key}", of.label, f"has {every}, which is hardly meant", right)


def warn_of_ways(site: Site, warnings: Problems) -> None:
    """Tell of lists that the firewalls have no way to: on none of the networks, and behind none of them."""
    # what is the pairs' own is told elsewhere
    own = Numbers.of(site.virtual_and_firewall_addresses)
    reach = functools.cache(lambda name: _reach(site, name))
    for entry in (entry for entry in site.policy if entry.accepts):
        for key, of, names in (
            ("sources", entry.sources, entry.from_networks),
            ("destinations", entry.destinations, entry.to_networks),
        ):
            if of is None or not of.families() or own.are_some_of(of):
                continue
            if not any(_reaches(*reach(name), of) for name in names):
                warnings.add(
                    SITE,
                    f"{entry.place}.{key}",
                    of.label,
                    f"the firewalls have no way there by {' or '.join(names)}, so that no test of the policy "
                    "tries it",
                    "give their interfaces there a gateway, or see to the route yourself",
                )


def _reach(site: Site, network: str) -> tuple[set[int], Sequence[tuple[int, Range]]]:
    """The families in which the firewalls have a gateway on a network, and what is on it, with its family."""
    nodes = [site.hosts[name] for pair in site.index.pairs_on.get(network, ()) for name in pair.nodes]
    interfaces = [found for node in nodes if (found := node.interface_on(network)) is not None]
    families: set[int] = {one.version for interface in interfaces for one in gateways(site, interface)}
    prefixes = site.networks[network].prefixes
    return families, [(one.version, (int(one[0]), int(one[-1]))) for one in prefixes]


def _reaches(families: set[int], on_link: Sequence[tuple[int, Range]], addresses: Addresses) -> bool:
    """Whether some of a list is on a network or behind it."""
    return bool(families.intersection(addresses.families())) or any(
        meet(addresses.of_family(family), [one]) for family, one in on_link
    )


def _leads(site: Site, entry: PolicyEntry) -> bool:
    """Whether a port forward, or maybe a fragment, leads from an entry's destinations along its way."""
    if any(fragment.place == "nat_prerouting" for fragment in site.fragments):
        return True
    found = [
        (site.forward_address(forward), (forward.network, target[0]))
        for forward in site.port_forwards
        if (target := site.forward_target(forward)) is not None
    ]
    found += [(one.virtual, way) for pair in site.pairs for one in balanced(site, pair) for way in one.ways()]
    for address, way in found:
        if address is not None and way in entry.ways():
            of = entry.destinations.of_family(address.version) if entry.destinations else ()
            if covers(of, [(int(address), int(address))]):
                return True
    return False
