# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Balancers with what they name found: who has them, their address, and the addresses of the servers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.ftfw.pair.plugins.plugin_utils.site.balancer_types import (
    Balancer,
    Server,
    SorryServer,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import Way
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Host, Pair, PortForward, Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import Address
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.services import Service


@dataclass(frozen=True)
class Answering:
    """Who answers for a balancer; the sorry server has no weight."""

    host: str | Address
    network: str
    address: Address
    server: Server | None = None
    port: int | None = None
    """Where it answers, where the balancer translates ports."""


@dataclass(frozen=True)
class Balanced:
    """A balancer of a pair, or of a host, with all that it names."""

    balancer: Balancer
    pair: Pair | None
    service: Service
    virtual: Address
    """Where it is asked for: a virtual address of the pair, or one of the host's own."""
    servers: tuple[Answering, ...]
    sorry: Answering | None = None
    asks_from: tuple[Address, ...] = ()
    """By IPVS: the host's addresses that servers are asked from, one for each family of theirs."""

    @property
    def name(self) -> str:
        return self.balancer.name

    @property
    def translates(self) -> bool:
        """Whether somebody answers at another port than is asked for. The service has one port then."""
        return self.answering[0].port is not None

    @property
    def answering(self) -> tuple[Answering, ...]:
        """All who may answer, the sorry server last."""
        return self.servers if self.sorry is None else (*self.servers, self.sorry)

    def ways(self) -> tuple[Way, ...]:
        """From where it is asked for to the networks of those who answer."""
        return tuple(dict.fromkeys((self.balancer.network, one.network) for one in self.answering))

    @property
    def protocols(self) -> frozenset[str]:
        return frozenset(self.service.protocols)


def as_forward(balancer: Balancer, host: str | Address) -> PortForward:
    """How one of its servers would be reached by a port forward."""
    return PortForward(0, balancer.network, balancer.address, balancer.service, host)


def balanced(site: Site, pair: Pair) -> Iterator[Balanced]:
    """The balancers of a pair. One that is not sound is left out."""
    for one in site.balancers:
        found = None if one.host else _balanced(site, one)
        if found is not None and found.pair == pair:
            yield found


def host_balanced(site: Site, host: Host) -> Iterator[Balanced]:
    """The balancers of a host that is in no pair. One that is not sound is left out."""
    found = (_balanced(site, one) for one in site.balancers if one.host == host.name)
    return (one for one in found if one is not None)


def asked_at(site: Site, one: Balancer) -> Address | None:
    """The address that a balancer is asked for at: the given one, or the only one that there is."""
    if not one.host:
        return site.forward_address(as_forward(one, ""))
    own = own_addresses(site, one)
    if one.address is not None:
        return one.address if one.address in own else None
    return own[0] if len(own) == 1 else None


def own_addresses(site: Site, one: Balancer) -> list[Address]:
    """Those of a balancer's host on which it can be asked; nobody asks by the management."""
    host = site.hosts.get(one.host)
    return [address for network, address in (host.places() if host else ()) if _for_data(site, network)]


def asking_addresses(site: Site, one: Balancer) -> dict[int, Address | None]:
    """By IPVS, from which of the host's addresses servers of each family are asked.

    They have the balancer's themselves. Where it can be it is one on the wire of the first server. None where
    the host has no other.
    """
    theirs = {asked_at(site, other) for other in site.balancers if other.host == one.host and other.by_ipvs}
    found: dict[int, Address | None] = {}
    for network, server in _targets(site, one):
        if server.version not in found:
            own = [
                place
                for place in site.hosts[one.host].places()
                if place[1].version == server.version and place[1] not in theirs and _for_data(site, place[0])
            ]
            near = [address for name, address in own if name == network]
            found[server.version] = next(iter(near or [address for _name, address in own]), None)
    return found


def _targets(site: Site, one: Balancer) -> list[tuple[str, Address]]:
    """Where those are who may answer, the sorry server last."""
    hosts = [who.host for who in one.servers] + ([one.sorry.host] if one.sorry else [])
    return [place for host in hosts if (place := target_of(site, one, host)) is not None]


def _for_data(site: Site, network: str) -> bool:
    known = site.networks.get(network)
    return known is not None and not known.management


def target_of(site: Site, one: Balancer, who: str | Address) -> tuple[str, Address] | None:
    """The network and the address of somebody who answers. Of a host's balancer it may be on any network.

    An address that is on no network of the site has an empty one: the host's own routes lead there. A tunnel
    may lead to the other family; where somebody has both, he is reached by that which is asked for.
    """
    if not one.host:
        return site.forward_target(as_forward(one, who))
    virtual = asked_at(site, one)
    if virtual is None:
        return None
    if not isinstance(who, str):
        on_link = (name for name, network in site.networks.items() if network.prefix_of(who))
        return (next(on_link, ""), who) if _reaches(one, virtual, who) else None
    host = site.hosts.get(who)
    found = [
        place
        for place in (host.places() if host else ())
        if _reaches(one, virtual, place[1]) and _for_data(site, place[0])
    ]
    # of its own addresses the balancer's is the one; of others' one that it is on link with
    near = {network for network, _address in site.hosts[one.host].places()}
    found.sort(
        key=lambda place: (place[1] != virtual, place[1].version != virtual.version, place[0] not in near)
    )
    return next(iter(found), None)


def _reaches(one: Balancer, virtual: Address, server: Address) -> bool:
    """Whether what is asked for at one address can be led to another: the other family is for tunnels."""
    return server.version == virtual.version or one.method == "tun"


def _balanced(site: Site, one: Balancer) -> Balanced | None:
    virtual = asked_at(site, one)
    pair = None if one.host else site.forward_pair(as_forward(one, ""))
    service = site.services.get(one.service)
    if virtual is None or service is None or (pair is None and not one.host):
        return None
    asked = only_port(service)
    ports = [own_port(site, one, who) or asked for who in one.servers]
    sorry_port = (own_port(site, one, one.sorry) or asked) if one.sorry else asked
    translates = any(port != asked for port in (*ports, sorry_port))
    if translates and asked is None:
        return None
    servers = tuple(
        _answering(site, one, server.host, server, port if translates else None)
        for server, port in zip(one.servers, ports)
    )
    sorry = None
    if one.sorry is not None:
        sorry = _answering(site, one, one.sorry.host, port=sorry_port if translates else None)
    if not servers or not all(servers) or (one.sorry is not None and sorry is None):
        return None
    own = asking_addresses(site, one).values() if one.by_ipvs else ()
    asks_from = tuple(address for address in own if address is not None)
    return Balanced(one, pair, service, virtual, tuple(filter(None, servers)), sorry, asks_from)


def _answering(
    site: Site, one: Balancer, host: str | Address, server: Server | None = None, port: int | None = None
) -> Answering | None:
    target = target_of(site, one, host)
    return Answering(host, *target, server, port) if target else None


def own_port(site: Site, one: Balancer, who: Server | SorryServer) -> int | None:
    """The port that the site says for somebody. None where he answers where the balancer is asked."""
    named = who.service if isinstance(who, SorryServer) else ""
    service = site.services.get(named) if named != one.service else None
    return who.port or (only_port(service) if service else None)


def only_port(service: Service) -> int | None:
    """The one port of a service, the same in all of its protocols. None where it has several, or none."""
    ports = {one for protocol in service.protocols for one in service.ports(protocol)}
    if len(ports) != 1:
        return None
    ((first, last),) = ports
    return first if first == last else None
