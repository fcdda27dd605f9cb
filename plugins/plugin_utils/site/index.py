# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is looked up in a site again and again, put in order once: a search for each would take the square."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import PolicyEntry, Way
    from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import (
        Bridge,
        Host,
        Interface,
        Pair,
        Site,
    )
    from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import Address

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True)
class Index:
    """Each is made when it is asked for first, and has everything in the order of the inventory."""

    site: Site

    @cached_property
    def families(self) -> Mapping[str, set[int]]:
        """Of the prefixes of a network, by its name."""
        networks = self.site.networks.values()
        return {one.name: {prefix.version for prefix in one.prefixes} for one in networks}

    @cached_property
    def pairs_of(self) -> Mapping[str, list[Pair]]:
        """By the name of a node."""
        return _gather((node, pair) for pair in self.site.pairs for node in dict.fromkeys(pair.nodes))

    @cached_property
    def pairs_on(self) -> Mapping[str, list[Pair]]:
        """Those with a virtual router, by its network."""
        return _gather((name, pair) for pair in self.site.pairs for name in pair.networks)

    @cached_property
    def virtual(self) -> Mapping[str, list[Address]]:
        """Virtual addresses by their network."""
        routers = (router for pair in self.site.pairs for router in pair.routers)
        return _gather((router.network, address) for router in routers for address in router.addresses)

    @cached_property
    def pairs_at(self) -> Mapping[Address, list[Pair]]:
        """By a virtual address."""
        pairs = self.site.pairs
        return _gather((one, pair) for pair in pairs for one in dict.fromkeys(pair.virtual_addresses()))

    @cached_property
    def interfaces_on(self) -> Mapping[str, list[tuple[Host, Interface]]]:
        return _gather((one.network, (host, one)) for host, one in self.site.interfaces())

    @cached_property
    def holders(self) -> Mapping[Address, list[tuple[Host, Interface]]]:
        """By a node's own address."""
        every = self.site.interfaces()
        return _gather((address, (host, one)) for host, one in every for address in one.addresses)

    @cached_property
    def taken(self) -> frozenset[Address]:
        """Every address that somebody has, as far as the site tells."""
        forwards = self.site.port_forwards
        bridges = self.site.bridges()
        return frozenset(
            (
                *self.holders,
                *self.pairs_at,
                *(address.ip for _host, bridge in bridges for address in bridge.addresses),
                *(forward.host for forward in forwards if not isinstance(forward.host, str)),
            )
        )

    @cached_property
    def bridges_on(self) -> Mapping[str, list[tuple[Host, Bridge]]]:
        return _gather((one.network, (host, one)) for host, one in self.site.bridges())

    @cached_property
    def guests_of(self) -> Mapping[str, list[Host]]:
        """By the hypervisor's name."""
        hosts = self.site.hosts.values()
        return _gather((host.guest.hypervisor, host) for host in hosts if host.guest)

    @cached_property
    def entries_of(self) -> Mapping[Way, list[PolicyEntry]]:
        return _gather((way, entry) for entry in self.site.policy for way in entry.ways())

    @cached_property
    def ways_from(self) -> Mapping[str, list[tuple[int, Way]]]:
        """The ways of entries by where they begin, each with its place among all."""
        return _gather((way[0], (place, way)) for place, way in enumerate(self.entries_of))


def _gather(found: Iterable[tuple[K, V]]) -> dict[K, list[V]]:
    gathered: dict[K, list[V]] = {}
    for key, value in found:
        gathered.setdefault(key, []).append(value)
    return gathered
