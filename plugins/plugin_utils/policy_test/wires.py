# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A firewall's wires, and who stands on them: addresses that tests send from and to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_network

from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.firewall import Firewall
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.gateways import gateways
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.link_local import link_local_address
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Interface, Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.parts.policy_tests import PolicyTestInterface
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import (
    FAMILIES,
    Address,
    Prefix,
    of_family,
)

EVERYWHERE = {4: "0.0.0.0/0", 6: "::/0"}
_MOST_HOSTS = 4096
"""Addresses of a prefix that are looked at for one that nobody has."""
_FROM_FAR_INSIDE = (*range(200, _MOST_HOSTS), *range(1, 200))
"""Places in a prefix: low numbers are given away first."""


def free_address(
    site: Site, prefix: Prefix, places: Iterable[int] = _FROM_FAR_INSIDE, own: Address | None = None
) -> Address | None:
    """An address of a prefix that nobody of the site has, and that is not `own`; None where all are taken."""
    last = prefix.num_addresses - 1
    inside = (prefix[place] for place in places if place < last)
    return next((one for one in inside if one not in site.index.taken and one != own), None)


@dataclass(frozen=True)
class Wires:
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
        site = self.firewall.site
        return {
            (name, family): free_address(site, self.prefix(name, family), range(1, _MOST_HOSTS))
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

    def host(self, network: str, family: int) -> Address:
        """Somebody on a network: a host that the site knows, or a stranger."""
        return self._hosts.get((network, family)) or self.stranger(network, family)

    def stranger(self, network: str, family: int) -> Address:
        """An address of a network that nobody has."""
        return self._strangers[network, family]

    @cached_property
    def _hosts(self) -> dict[tuple[str, int], Address]:
        """The first host on each network that is no firewall, bridges before nodes."""
        site, index = self.firewall.site, self.firewall.site.index
        found: dict[tuple[str, int], Address] = {}
        for name in self.networks:
            for _host, bridge in index.bridges_on.get(name, ()):
                for one in bridge.addresses:
                    found.setdefault((name, one.version), one.ip)
            for host, interface in index.interfaces_on.get(name, ()):
                for address in interface.addresses if site.pair_of(host.name) is None else ():
                    found.setdefault((name, address.version), address)
        return found

    @cached_property
    def _strangers(self) -> dict[tuple[str, int], Address]:
        return {(name, family): self._nobody(name, family) for name in self.networks for family in FAMILIES}

    def _nobody(self, network: str, family: int) -> Address:
        prefix, own = self.prefix(network, family), self.own(network, family)
        found = free_address(self.firewall.site, prefix, own=own)
        # where all have somebody, somebody beyond
        return found or self._elsewhere(network, family, 2)

    def _elsewhere(self, network: str, family: int, place: int) -> Address:
        """An address of no network of a site, for one that is full."""
        number = self.networks.index(network)
        # for benchmarks (RFC 2544), and for documentation (RFC 3849)
        return ip_network(f"198.19.{number}.0/24" if family == 4 else f"2001:db8:fffe:{number:x}::/64")[place]

    def device_views(self) -> list[PolicyTestInterface]:
        """The option `interfaces` of policy_check."""
        site = self.firewall.site
        views: list[PolicyTestInterface] = []
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
                        *(EVERYWHERE[f] for f in FAMILIES if self.leads_on(network.name, f)),
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
