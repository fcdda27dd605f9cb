# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One firewall of a pair as the policy compiler sees it: interfaces by purpose, entries by place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from ansible_collections.ftfw.pair.plugins.module_utils.nft.fragments import begin, end
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.nft import Block
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.balancers import Balanced, balanced
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.fragment_devices import with_devices
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.link_local import has_link_local
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.pair_links import PairLink, ends, pair_links
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import PolicyEntry, Way
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.probes import ProbePath, find_paths
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import (
    Host,
    Interface,
    Pair,
    Site,
    VirtualRouter,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import Address
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.services import WITH_PORTS, Service

PROTOCOLS = frozenset({*WITH_PORTS, "icmp", "other"})
"""Of an entry's rules: those with ports, ICMP's requests, and whatever else there is."""


@dataclass(frozen=True)
class Leading:
    """A virtual address that packets are sent on from: to one address, or (None) to some unknown one."""

    virtual: Address
    target: Address | None
    protocols: frozenset[str]


@dataclass(frozen=True)
class Firewall:
    """One node of a pair, with what it needs from the site."""

    site: Site
    pair: Pair
    host: Host
    peer: Host
    sync_port: int

    def device(self, network: str) -> str:
        return _interface(self.host, network).name

    def address(self, network: str, family: int) -> Address:
        return ends(self.site, self.pair, network, family)[self.host.name]

    def peer_address(self, network: str, family: int) -> Address:
        return ends(self.site, self.pair, network, family)[self.peer.name]

    def on(self, networks: Iterable[str]) -> list[str]:
        """Its interfaces on these networks, in the node's own order."""
        wanted = set(networks)
        return [interface.name for interface in self.host.interfaces if interface.network in wanted]

    @cached_property
    def links(self) -> list[PairLink]:
        return pair_links(self.site, self.pair, self.host, self.peer)

    @cached_property
    def management(self) -> list[Interface]:
        return [i for i in self.host.interfaces if self.site.networks[i.network].management]

    @cached_property
    def data(self) -> list[str]:
        return self.on(router.network for router in self.pair.routers)

    @cached_property
    def apart(self) -> list[str]:
        """Interfaces between which and anything else nothing is forwarded."""
        return self.on([*self.pair.sync, *(interface.network for interface in self.management)])

    def without(self, family: int) -> list[str]:
        """Data interfaces whose network has no prefix of this family."""
        lacking = self.lacking(family)
        return [name for name in self.data if name in lacking]

    def lacking(self, family: int) -> list[str]:
        """Interfaces whose network has no prefix of this family."""
        with_it = self.with_family(family)
        return [i.name for i in self.host.interfaces if i.name not in with_it]

    def with_family(self, family: int) -> list[str]:
        networks = self.site.networks
        return [i.name for i in self.host.interfaces if networks[i.network].prefixes_of_family(family)]

    @cached_property
    def neighbourly(self) -> list[str]:
        """Interfaces with neighbour discovery: those with a prefix of IPv6, or a link-local address."""
        with_it = self.with_family(6)
        return [
            i.name
            for i in self.host.interfaces
            if i.name in with_it or has_link_local(self.site, self.host, i)
        ]

    @cached_property
    def ways(self) -> dict[Way, list[PolicyEntry]]:
        """The networks that this pair stands between, each with its entries, in order."""
        routed = {router.network for router in self.pair.routers}
        index = self.site.index
        places = (place for name in routed for place in index.ways_from.get(name, ()))
        between = sorted(place for place in places if routed.issuperset(place[1]))
        return {way: index.entries_of[way] for _place, way in between}

    @cached_property
    def entries(self) -> list[PolicyEntry]:
        """The policy entries that this pair stands between."""
        entries = {entry.index: entry for entries in self.ways.values() for entry in entries}
        return [entries[index] for index in sorted(entries)]

    def asked(self, way: Way) -> list[Leading]:
        """What leads by a virtual address from one network to another."""
        return self._asked.get(way, [])

    @cached_property
    def _asked(self) -> dict[Way, list[Leading]]:
        """Of port forwards it is known; a fragment may lead anything anywhere."""
        unknown = self.fragments("nat_prerouting")
        every = [Leading(one, None, PROTOCOLS) for one in self.pair.virtual_addresses() if unknown]
        found = {way: list(every) for way in self.ways}
        for forward in self.site.port_forwards:
            target, address = self.site.forward_target(forward), self.site.forward_address(forward)
            if target is None or address is None or self.site.forward_pair(forward) != self.pair:
                continue
            service = self.site.services[forward.service]
            kinds = frozenset(service.protocols)
            found.setdefault((forward.network, target[0]), []).append(Leading(address, target[1], kinds))
        for one in self.balanced:
            for each in one.answering:
                way = one.balancer.network, each.network
                found.setdefault(way, []).append(Leading(one.virtual, each.address, one.protocols))
        return found

    @cached_property
    def balanced(self) -> tuple[Balanced, ...]:
        """The pair's balancers."""
        return tuple(balanced(self.site, self.pair))

    @cached_property
    def translated(self) -> frozenset[Way]:
        """The ways on which balancers lead to other ports than were asked for."""
        return frozenset(way for one in self.balanced if one.translates for way in one.ways())

    def ways_of(self, entry: PolicyEntry) -> list[Way]:
        return [way for way in entry.ways() if way in self.ways]

    @cached_property
    def probe(self) -> ProbePath | None:
        """The way of the site's probe, where it leads through this pair."""
        return next(iter(self.probes), None)

    @cached_property
    def probes(self) -> tuple[ProbePath, ...]:
        """The way of the site's probe in each family."""
        return tuple(path for path in find_paths(self.site) if path.pair == self.pair)

    def services(self, entry: PolicyEntry) -> list[Service]:
        """None for an entry about any service."""
        return [] if entry.any_service else [self.site.services[name] for name in entry.services]

    def fragments(self, place: str) -> tuple[Block, ...]:
        """What the site has written itself for a place, between marks that tell where it stands there."""
        return tuple(
            Block(begin(one.where), (with_devices(one.text, self.device), f"# {end(one.where)}"), one.where)
            for one in self.site.fragments
            if one.place == place and one.pair in (None, self.pair.name)
        )

    def instances(self) -> Iterator[tuple[VirtualRouter, int]]:
        return ((router, family) for router in self.pair.routers for family in router.families())


def _interface(host: Host, network: str) -> Interface:
    interface = host.interface_on(network)
    if interface is None:
        raise LookupError(f"{host.name} has no interface on network {network}")
    return interface
