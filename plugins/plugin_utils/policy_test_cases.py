# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of a firewall have in common: its wires, who stands on them, and what is let through.

A case is a test as the module policy_check takes it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address, ip_network
from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_firewall import Firewall
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_services import HELPERS
from ansible_collections.ftfw.pair.plugins.plugin_utils.site_types import (
    FAMILIES,
    Address,
    Interface,
    PolicyEntry,
    Prefix,
    Service,
    of_family,
)

Case = dict[str, Any]
Options = dict[str, Any]
"""A part of a case: what it says of its packets."""
FIREWALL = "firewall"
"""In the place of a network: the firewall itself."""
Range = tuple[int, int]
_LAST_PORT = 65535
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

    def prefix(self, network: str, family: int) -> Prefix:
        own = self.firewall.site.networks[network].prefixes_of_family(family)
        if own:
            return own[0]
        number = self.networks.index(network)
        # for benchmarks (RFC 2544), and for documentation (RFC 3849)
        return ip_network(f"198.18.{number}.0/24" if family == 4 else f"2001:db8:ffff:{number:x}::/64")

    def own(self, network: str, family: int) -> Address:
        """The firewall's own address; of a family that the network lacks, the first of the prefix."""
        interface = self.interface(network)
        return (of_family(interface.addresses, family) or (self.prefix(network, family)[1],))[0]

    def virtual(self, network: str, family: int) -> Address | None:
        found = of_family(self.firewall.pair.virtual_addresses(network), family)
        return found[0] if found else None

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
        prefix = self.prefix(network, family)
        last = min(prefix.num_addresses - 1, _MOST_HOSTS)
        # from far inside, since low numbers are given away first
        for place in (*range(min(200, last - 1), last), *range(1, min(200, last))):
            if prefix[place] not in self._taken and prefix[place] != self.own(network, family):
                return prefix[place]
        return prefix[last - 1]

    def device_views(self) -> list[dict[str, Any]]:
        """The option `interfaces` of policy_check."""
        site = self.firewall.site
        views = []
        for interface in self.firewall.host.interfaces:
            network = site.networks[interface.network]
            lacking = [family for family in FAMILIES if not self.has(network.name, family)]
            more = [
                f"{self.own(network.name, family)}/{self.prefix(network.name, family).prefixlen}"
                for family in lacking
            ]
            virtual = self.firewall.pair.virtual_addresses(network.name)
            views.append(
                {
                    "name": interface.name,
                    "network": network.name,
                    "prefixes": [
                        *map(str, network.prefixes),
                        *(str(self.prefix(network.name, family)) for family in lacking),
                    ],
                    "addresses": [
                        *(str(network.on_link(address)) for address in interface.addresses),
                        *(f"{address}/{address.max_prefixlen}" for address in virtual),
                        *more,
                    ],
                }
            )
        return views

    def shown(self, source: str, destination: str, sender: Address) -> str:
        """How a sender of a network looks on another one, as an expectation."""
        site = self.firewall.site
        virtual = self.virtual(destination, sender.version)
        own = any(
            sender in prefix for prefix in site.networks[source].prefixes if prefix.version == sender.version
        )
        if site.source_nat and virtual and own and self.between(source, destination):
            return f"snat to {virtual}"
        return "no snat"

    def lets(self, source: str, destination: str, protocol: str, port: int) -> bool:
        """Whether some entry lets a port through."""
        ranges = self._ranges.get((source, destination, protocol), ())
        at = bisect_right(ranges, (port, _LAST_PORT)) - 1
        return at >= 0 and ranges[at][0] <= port <= ranges[at][1]

    def lets_type(self, source: str, destination: str, kind: str) -> bool:
        return (source, destination, kind) in self._types

    def between(self, source: str, destination: str) -> tuple[PolicyEntry, ...]:
        return self._ways.get((source, destination), ())

    @cached_property
    def _ways(self) -> dict[tuple[str, str], tuple[PolicyEntry, ...]]:
        found: dict[tuple[str, str], list[PolicyEntry]] = {}
        for entry in self.firewall.entries:
            found.setdefault((entry.source, entry.destination), []).append(entry)
        return {way: tuple(entries) for way, entries in found.items()}

    @cached_property
    def _ranges(self) -> dict[tuple[str, str, str], tuple[Range, ...]]:
        """Ranges of ports that are open on a way, by protocol, sorted and apart."""
        found: dict[tuple[str, str, str], list[Range]] = {}
        for entry in self.firewall.entries:
            for service in self.firewall.services(entry):
                for protocol, ranges in (("tcp", service.tcp), ("udp", service.udp)):
                    found.setdefault((entry.source, entry.destination, protocol), []).extend(ranges)
        return {key: merged(ranges) for key, ranges in found.items()}

    @cached_property
    def _types(self) -> frozenset[tuple[str, str, str]]:
        return frozenset(
            (entry.source, entry.destination, kind)
            for entry in self.firewall.entries
            for service in self.firewall.services(entry)
            for kind in service.icmp
        )

    def helper(self, source: str, protocol: str, port: int) -> str:
        """The helper of flows from a network to a port, wherever they lead, as an expectation."""
        ranges = self._helpers.get((source, protocol), ())
        names = (name for (first, last), name in ranges if first <= port <= last)
        return next((f"helper {name}" for name in names), "no helper")

    @cached_property
    def _helpers(self) -> dict[tuple[str, str], tuple[tuple[Range, str], ...]]:
        """Ranges of ports that have a helper, by network and protocol."""
        found: dict[tuple[str, str], dict[tuple[Range, str], None]] = {}
        for entry in self.firewall.entries:
            for service in self.firewall.services(entry):
                if service.helper:
                    protocol = HELPERS[service.helper]
                    for one in service.tcp if protocol == "tcp" else service.udp:
                        found.setdefault((entry.source, protocol), {})[one, service.helper] = None
        return {key: tuple(ranges) for key, ranges in found.items()}

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

    def closed(self, source: str, destination: str, protocol: str, near: int) -> int | None:
        """Find the next port above the given one that no entry lets through, or the next below."""
        ranges = self._ranges.get((source, destination, protocol), ())
        at = bisect_right(ranges, (near, _LAST_PORT)) - 1
        first, last = ranges[at] if at >= 0 and ranges[at][1] >= near else (near, near)
        return last + 1 if last < _LAST_PORT else first - 1 if first > 1 else None


def merged(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Sort ranges, and make one of those that overlap or touch."""
    found: list[Range] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return tuple(found)


def ports_of(service: Service) -> Iterator[tuple[str, int]]:
    """The first and the last port of each range, with its protocol."""
    for protocol, ranges in (("tcp", service.tcp), ("udp", service.udp)):
        for first, last in ranges:
            for port in dict.fromkeys((first, last)):
                yield protocol, port


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
    made: Case = {
        "name": f"{name} (IPv{ip_address(str(receiver)).version})",
        "from": source,
        "source": str(sender),
        "destination": str(receiver),
        "expected": list(expected),
        **more,
    }
    return made if destination is None else {**made, "to": destination}
