# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of a firewall have in common: its wires, who stands on them, and what is let through.

A case is a test as the module policy_check takes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.packets.clock import read_moment
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.decisions import (
    OTHER,
    USUAL,
    Decision,
    Decisions,
    place_of,
    within,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.firewall import Firewall
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.gateways import gateways
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.link_local import link_local_address
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import Addresses, PolicyEntry, Way
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import MASQUERADE, Interface
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import (
    FAMILIES,
    Address,
    Prefix,
    of_family,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.ranges import Range, covers
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.services import (
    HELPERS,
    ICMP_REQUESTS,
    Service,
    helper_families,
    helper_type,
)

Case = dict[str, Any]
Options = dict[str, Any]
"""A part of a case: what it says of its packets."""
FIREWALL = "firewall"
"""In the place of a network: the firewall itself."""
_LAST_PORT = 65535
ERRORS = {
    4: ("destination-unreachable", "time-exceeded", "parameter-problem"),
    6: ("destination-unreachable", "packet-too-big", "time-exceeded", "parameter-problem"),
}
"""ICMP errors that a flow needs (RFC 1122, section 3.2.2; RFC 4890, section 4.3.1)."""
_MOST_RANGES = 32
"""Ranges of a list of addresses that are tested one by one."""
_KINDS = {
    family: {names[family]: kind for kind, names in ICMP_REQUESTS.items() if family in names}
    for family in FAMILIES
}
"""The catalogue's ICMP requests, by the names that they have in packets of a family."""
_EVERYWHERE = {4: "0.0.0.0/0", 6: "::/0"}
_MOST_HOSTS = 4096
"""Addresses of a prefix that are looked at for one that nobody has."""


@dataclass(frozen=True)
class Bench:
    """A firewall with its wires. A network without a prefix of a family gets one, to be refused in."""

    firewall: Firewall

    @cached_property
    def networks(self) -> tuple[str, ...]:
        return tuple(interface.network for interface in self.firewall.host.interfaces)

    @cached_property
    def data(self) -> tuple[str, ...]:
        """Networks with virtual routers of the pair."""
        return tuple(name for name in self.networks if self.firewall.pair.routers_on(name))

    @cached_property
    def apart(self) -> tuple[str, ...]:
        devices = set(self.firewall.apart)
        return tuple(i.network for i in self.firewall.host.interfaces if i.name in devices)

    def has(self, network: str, family: int) -> bool:
        return bool(self.firewall.site.networks[network].prefixes_of_family(family))

    def families(self, *networks: str) -> tuple[int, ...]:
        """The families that all of these networks have."""
        return tuple(family for family in FAMILIES if all(self.has(name, family) for name in networks))

    def stands(self, network: str, family: int) -> bool:
        """Whether the firewall has an address there: its own, or one that a test has to give it.

        It gets one where its network has no prefix of the family, to be refused in, and for a lease.
        """
        interface = self.interface(network)
        leased = family == 4 and interface.dhcp
        return bool(of_family(interface.addresses, family)) or leased or not self.has(network, family)

    def own_families(self, network: str) -> tuple[int, ...]:
        """The families of a network in which the firewall has an address."""
        return tuple(family for family in self.families(network) if self.stands(network, family))

    def leads_on(self, network: str, family: int) -> bool:
        """Whether the firewall's way to everywhere else is there."""
        return any(one.version == family for one in gateways(self.firewall.site, self.interface(network)))

    def prefix(self, network: str, family: int) -> Prefix:
        own = self.firewall.site.networks[network].prefixes_of_family(family)
        if own:
            # a stranger is where the firewall has a way to
            interface = self.interface(network)
            return next((one for one in own if self._is_connected(interface, one)), own[0])
        number = self.networks.index(network)
        # for benchmarks (RFC 2544), and for documentation (RFC 3849)
        return ip_network(f"198.18.{number}.0/24" if family == 4 else f"2001:db8:ffff:{number:x}::/64")

    def own(self, network: str, family: int) -> Address:
        """The firewall's own address; of a family that it lacks there, one that the tests give it."""
        own = of_family(self.interface(network).addresses, family)
        return own[0] if own else self._lent[network, family]

    @cached_property
    def _lent(self) -> dict[tuple[str, int], Address]:
        return {
            (name, family): self._free(self.prefix(name, family), range(1, _MOST_HOSTS))
            or self._elsewhere(name, family, 1)
            for name in self.networks
            for family in FAMILIES
            if not of_family(self.interface(name).addresses, family)
        }

    def virtual(self, network: str, family: int) -> Address | None:
        found = of_family(self.firewall.pair.virtual_addresses(network), family)
        return found[0] if found else None

    def link_local(self, network: str) -> Address | None:
        """The firewall's link-local address, as far as the site tells it."""
        return link_local_address(self.firewall.site, self.firewall.host, self.interface(network))

    def is_neighbourly(self, network: str) -> bool:
        """Whether neighbours find the firewall there by IPv6."""
        return self.interface(network).name in self.firewall.neighbourly

    def interface(self, network: str) -> Interface:
        return next(i for i in self.firewall.host.interfaces if i.network == network)

    @cached_property
    def _taken(self) -> frozenset[Address]:
        site = self.firewall.site
        return frozenset(
            (
                *(address for _host, interface in site.interfaces() for address in interface.addresses),
                *(address.ip for _host, bridge in site.bridges() for address in bridge.addresses),
                *(address for pair in site.pairs for address in pair.virtual_addresses()),
                *(forward.host for forward in site.port_forwards if not isinstance(forward.host, str)),
            )
        )

    def host(self, network: str, family: int) -> Address:
        """Somebody on a network: a host that the site knows, or a stranger."""
        return self._hosts.get((network, family)) or self.stranger(network, family)

    def stranger(self, network: str, family: int) -> Address:
        """An address of a network that nobody has."""
        return self._strangers[network, family]

    @cached_property
    def _hosts(self) -> dict[tuple[str, int], Address]:
        """The first host on each network that is no firewall, bridges before nodes."""
        site = self.firewall.site
        found: dict[tuple[str, int], Address] = {}
        for _host, bridge in site.bridges():
            for one in bridge.addresses:
                found.setdefault((bridge.network, one.version), one.ip)
        for host, interface in site.interfaces():
            for address in interface.addresses if site.pair_of(host.name) is None else ():
                found.setdefault((interface.network, address.version), address)
        return found

    @cached_property
    def _strangers(self) -> dict[tuple[str, int], Address]:
        return {(name, family): self._nobody(name, family) for name in self.networks for family in FAMILIES}

    def _nobody(self, network: str, family: int) -> Address:
        prefix, own = self.prefix(network, family), self.own(network, family)
        # from far inside, since low numbers are given away first; where all have somebody, somebody beyond
        found = self._free(prefix, (*range(200, _MOST_HOSTS), *range(1, 200)), own)
        return found or self._elsewhere(network, family, 2)

    def _free(self, prefix: Prefix, places: Iterable[int], own: Address | None = None) -> Address | None:
        last = prefix.num_addresses - 1
        inside = (prefix[place] for place in places if place < last)
        return next((one for one in inside if one not in self._taken and one != own), None)

    def _elsewhere(self, network: str, family: int, place: int) -> Address:
        """An address of no network of a site, for one that is full."""
        number = self.networks.index(network)
        # for benchmarks (RFC 2544), and for documentation (RFC 3849)
        return ip_network(f"198.19.{number}.0/24" if family == 4 else f"2001:db8:fffe:{number:x}::/64")[place]

    def device_views(self) -> list[dict[str, Any]]:
        """The option `interfaces` of policy_check."""
        site = self.firewall.site
        views = []
        for interface in self.firewall.host.interfaces:
            network = site.networks[interface.network]
            lacking = [family for family in FAMILIES if not self.has(network.name, family)]
            more = [
                f"{self.own(network.name, family)}/{self.prefix(network.name, family).prefixlen}"
                for family in FAMILIES
                if not of_family(interface.addresses, family) and self.stands(network.name, family)
            ]
            strangers = [self.stranger(network.name, family) for family in FAMILIES]
            virtual = self.firewall.pair.virtual_addresses(network.name)
            views.append(
                {
                    "name": interface.name,
                    "network": network.name,
                    "prefixes": [
                        # the kernel has a way to where the node has an address
                        *(str(one) for one in network.prefixes if self._is_connected(interface, one)),
                        *(str(self.prefix(network.name, family)) for family in lacking),
                        *(_EVERYWHERE[f] for f in FAMILIES if self.leads_on(network.name, f)),
                        *(
                            f"{one}/{one.max_prefixlen}"
                            for one in strangers
                            if one not in self.prefix(network.name, one.version)
                        ),
                    ],
                    "addresses": [
                        *(str(network.on_link(address)) for address in interface.addresses),
                        *(f"{one}/64" for one in [self.link_local(network.name)] if one),
                        *(f"{address}/{address.max_prefixlen}" for address in virtual),
                        *more,
                    ],
                }
            )
        return views

    def _is_connected(self, interface: Interface, prefix: Prefix) -> bool:
        leased = prefix.version == 4 and interface.dhcp and not of_family(interface.addresses, 4)
        return leased or any(address in prefix for address in interface.addresses)

    def shown(self, source: str, destination: str, sender: Address, receiver: Address | None = None) -> str:
        """How a sender looks on another network, as an expectation; it is known by its address."""
        site, family = self.firewall.site, sender.version
        shown = site.shown_as(self.firewall.pair, destination, family)
        if shown is not None and source != destination:
            for way in self._translated:
                prefixes = site.networks[way[0]].prefixes_of_family(family)
                if way[1] == destination and any(sender in prefix for prefix in prefixes):
                    own = self._nearest(destination, family, receiver)
                    return f"snat to {own if shown == MASQUERADE else shown}"
        return "no snat"

    def _nearest(self, network: str, family: int, receiver: Address | None) -> Address:
        """The firewall's address in the receiver's prefix (the kernel's inet_select_addr()), or its first."""
        prefix = self.firewall.site.networks[network].prefix_of(receiver) if receiver else None
        own = of_family(self.interface(network).addresses, family)
        return next((one for one in own if prefix and one in prefix), self.own(network, family))

    @cached_property
    def _translated(self) -> tuple[Way, ...]:
        """The ways that something is let in on."""
        ways = self.firewall.ways.items()
        return tuple(way for way, entries in ways if any(entry.accepts for entry in entries))

    @cached_property
    def decisions(self) -> Decisions:
        return Decisions(self.firewall)

    def judge(
        self, way: Way, sender: Address, receiver: Address, more: Options, asked: Address | None = None
    ) -> Decision:
        """What the policy says of a packet that begins a flow, at the moment that is named there.

        `asked` is the virtual address that it was sent to, where it is forwarded.
        """
        moment = read_moment(str(more["at"])) if "at" in more else None
        protocol = str(more["protocol"])
        kind = _KINDS[sender.version].get(more.get("type", "echo-request"))
        if protocol == "icmp" and kind:
            number = place_of(kind)
        elif protocol in ("tcp", "udp"):
            number = more["port"]
        else:
            # a request of ICMP that no service can name is one of those
            protocol, number = OTHER, 0
        return self.decisions.judge(way, sender, receiver, protocol, number, moment or USUAL, asked)

    def shut(
        self, source: str, destination: str, protocol: str, port: int, *ends: Address, family: int = 0
    ) -> bool:
        """Whether a port is closed, without a word."""
        family = family or (ends[0].version if ends else self._any_family(source, destination))
        sender, receiver = ends or (self.host(source, family), self.host(destination, family))
        found = self.judge((source, destination), sender, receiver, {"protocol": protocol, "port": port})
        return found.action == "drop"

    def _any_family(self, *networks: str) -> int:
        return (self.families(*networks) or FAMILIES)[0]

    def helper(
        self, way: Way, sender: Address, receiver: Address, more: Options, asked: Address | None = None
    ) -> str:
        """The helper that the entry which lets a flow in gives it, as an expectation."""
        found = self.judge(way, sender, receiver, more, asked)
        for service in self.firewall.services(found.entry) if found.entry and found.accepts else ():
            if service.helper and HELPERS[service.helper] == more["protocol"]:
                ranges = service.tcp if more["protocol"] == "tcp" else service.udp
                meant = any(first <= more["port"] <= last for first, last in ranges)
                if meant and sender.version in helper_families(service.helper):
                    return f"helper {helper_type(service.helper)}"
        return "no helper"

    def ends(self, entry: PolicyEntry, way: Way, family: int) -> list[tuple[Address, Address]]:
        """Senders and receivers of an entry's packets: a pair for all, then one for each further address."""
        senders = self.members(entry.sources, way[0], family)
        receivers = self.members(entry.destinations, way[1], family)
        if not senders or not receivers:
            return []
        return [
            *((sender, receivers[0]) for sender in senders),
            *((senders[0], receiver) for receiver in receivers[1:]),
        ]

    def members(self, addresses: Addresses | None, network: str, family: int) -> list[Address]:
        """Addresses of a list that can be on a network, or beyond it."""
        if addresses is None:
            return [self.host(network, family)]
        found = [one for one in _samples(addresses, family) if self.place(one) == network]
        # the one that is there anyhow is as good as any
        own = [one for one in (self.host(network, family),) if within(addresses, one)]
        return list(dict.fromkeys([*found, *own]))

    def outsiders(self, addresses: Addresses, network: str, family: int) -> list[Address]:
        """Addresses that are just not in a list; where there are none on the network, somebody on it."""
        near = [one for one in _neighbours(addresses, family) if self.place(one) == network]
        if not near:
            near = [self.host(network, family), self.stranger(network, family)]
        return [one for one in dict.fromkeys(near) if not within(addresses, one)]

    def place(self, address: Address) -> str | None:
        """The network that an address is reached by; None for one that no test can use."""
        if address in self._own or _is_special(address):
            return None
        for network in self.networks:
            for prefix in self.firewall.site.networks[network].prefixes_of_family(address.version):
                if address in prefix:
                    edges = (prefix[0], prefix[-1]) if address.version == 4 else (prefix[0],)
                    return None if prefix.num_addresses > 2 and address in edges else network
        return self._beyond.get(address)

    @cached_property
    def _own(self) -> frozenset[Address]:
        interfaces = self.firewall.host.interfaces
        return frozenset(
            (
                *(address for interface in interfaces for address in interface.addresses),
                *self.firewall.pair.virtual_addresses(),
            )
        )

    @cached_property
    def _beyond(self) -> dict[Address, str]:
        """Listed addresses that are on no network of the firewall, each behind the firewall's way to them.

        Where it has none they are nowhere, and the model warns of them.
        """
        site = self.firewall.site
        on_link = [prefix for name in self.networks for prefix in site.networks[name].prefixes]
        found: dict[Address, str] = {}
        for entry in self.firewall.entries:
            for source, destination in self.firewall.ways_of(entry):
                for addresses, network in ((entry.sources, source), (entry.destinations, destination)):
                    if addresses is not None:
                        for family in site.families((source, destination)):
                            if self.leads_on(network, family):
                                for one in (*_samples(addresses, family), *_neighbours(addresses, family)):
                                    found.setdefault(one, network)
        for forward in site.port_forwards:
            address = site.forward_address(forward)
            if forward.sources is not None and address is not None and forward.network in self.networks:
                family = address.version
                if self.leads_on(forward.network, family):
                    for one in (*_samples(forward.sources, family), *_neighbours(forward.sources, family)):
                        found.setdefault(one, forward.network)
        return {
            one: network
            for one, network in found.items()
            if not any(one in prefix for prefix in on_link if prefix.version == one.version)
        }

    @cached_property
    def forwarded(self) -> frozenset[tuple[Address, str, int]]:
        """What port forwards take: virtual address, protocol and port."""
        site = self.firewall.site
        return frozenset(
            (address, protocol, port)
            for forward in site.port_forwards
            if (address := site.forward_address(forward)) is not None
            for protocol, ranges in (
                ("tcp", site.services[forward.service].tcp),
                ("udp", site.services[forward.service].udp),
            )
            for first, last in ranges
            for port in range(first, last + 1)
        )

    def not_forwarded(self, virtual: Address, protocol: str, port: int) -> int:
        """The next port of a virtual address, above or below, that no port forward takes."""
        others: list[int] = [*range(port + 1, _LAST_PORT + 1), *range(port - 1, 0, -1)]
        return next(one for one in others if (virtual, protocol, one) not in self.forwarded)

    def closed(self, way: Way, sender: Address, receiver: Address, more: Options) -> int | None:
        """Find the next port above a packet's that is not let through, or the next below."""
        protocol, near = str(more["protocol"]), int(more["port"])
        for step in (self.decisions.following, self.decisions.preceding):
            port = step(way, protocol, near)
            while port is not None and 0 < port <= _LAST_PORT:
                found = self.judge(way, sender, receiver, {**more, "port": port})
                if not found.accepts:
                    return port
                port = step(way, protocol, port)
        return None


def _samples(addresses: Addresses, family: int) -> list[Address]:
    """The first address of each range of a list, as far as they are few, and the last of all."""
    ranges = addresses.of_family(family)
    numbers = [first for first, _last in ranges[:_MOST_RANGES]] + [last for _first, last in ranges[-1:]]
    usable = (_usable(number, family, ranges) for number in numbers)
    return list(dict.fromkeys(usable))


def _usable(number: int, family: int, ranges: Sequence[Range]) -> Address:
    """The address, or a neighbour in the list where it is likely to be a network's own or its broadcast."""
    inner = {0: 1, 255: -1}.get(number & 255, 0) if family == 4 else int(number & 0xFFFF == 0)
    if inner and covers(ranges, [(number + inner, number + inner)]):
        number += inner
    return _address(number, family)


def _neighbours(addresses: Addresses, family: int) -> list[Address]:
    """What is just outside of the ends of a list."""
    ranges = addresses.of_family(family)
    last = (1 << (32 if family == 4 else 128)) - 1
    numbers = [ranges[0][0] - 1, ranges[-1][1] + 1] if ranges else []
    return [_address(number, family) for number in numbers if 0 <= number <= last]


def _address(number: int, family: int) -> Address:
    return IPv4Address(number) if family == 4 else IPv6Address(number)


def _is_special(address: Address) -> bool:
    """Whether no router forwards packets from or to it."""
    zero = address.version == 4 and int(address) >> 24 == 0
    special = (address.is_multicast, address.is_loopback, address.is_unspecified, address.is_link_local)
    return zero or any(special) or address == IPv4Address("255.255.255.255")


def ports_of(service: Service) -> Iterator[tuple[str, int]]:
    """The first and the last port of each range, with its protocol."""
    for protocol, ranges in (("tcp", service.tcp), ("udp", service.udp)):
        for first, last in ranges:
            for port in dict.fromkeys((first, last)):
                yield protocol, port


def types_of(service: Service, family: int) -> list[str]:
    """The ICMP requests of a service that there are in a family, by their names there."""
    return [ICMP_REQUESTS[kind][family] for kind in service.icmp if family in ICMP_REQUESTS.get(kind, {})]


def case(
    name: str,
    source: str,
    destination: str | None,
    sender: object,
    receiver: object,
    *expected: str,
    **more: Any,
) -> Case:
    """Make a test from network to network, where `destination` is where it has to come out."""
    if "at" in more:
        name = f"{name}, on {more['at']}"
    made: Case = {
        "name": f"{name} (IPv{ip_address(str(receiver)).version})",
        "from": source,
        "source": str(sender),
        "destination": str(receiver),
        "expected": list(expected),
        **more,
    }
    return made if destination is None else {**made, "to": destination}
