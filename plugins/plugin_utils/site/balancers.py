# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Balancers with what they name found: the pair, the virtual address, and the addresses of the servers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.ftfw.pair.plugins.plugin_utils.site.balancer_types import (
    Balancer,
    Server,
    SorryServer,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import Way
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Pair, PortForward, Site
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
    """A balancer of a pair, with all that it names."""

    balancer: Balancer
    pair: Pair
    service: Service
    virtual: Address
    servers: tuple[Answering, ...]
    sorry: Answering | None = None

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
        return frozenset(name for name, of in (("tcp", self.service.tcp), ("udp", self.service.udp)) if of)


def as_forward(balancer: Balancer, host: str | Address) -> PortForward:
    """How one of its servers would be reached by a port forward."""
    return PortForward(0, balancer.network, balancer.address, balancer.service, host)


def balanced(site: Site, pair: Pair) -> Iterator[Balanced]:
    """The balancers of a pair. One that is not sound is left out."""
    for one in site.balancers:
        found = _balanced(site, one)
        if found is not None and found.pair == pair:
            yield found


def _balanced(site: Site, one: Balancer) -> Balanced | None:
    virtual = site.forward_address(as_forward(one, ""))
    pair = site.forward_pair(as_forward(one, ""))
    service = site.services.get(one.service)
    if virtual is None or pair is None or service is None:
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
    return Balanced(one, pair, service, virtual, tuple(filter(None, servers)), sorry)


def _answering(
    site: Site, one: Balancer, host: str | Address, server: Server | None = None, port: int | None = None
) -> Answering | None:
    target = site.forward_target(as_forward(one, host))
    return Answering(host, *target, server, port) if target else None


def own_port(site: Site, one: Balancer, who: Server | SorryServer) -> int | None:
    """The port that the site says for somebody. None where he answers where the balancer is asked."""
    named = who.service if isinstance(who, SorryServer) else ""
    service = site.services.get(named) if named != one.service else None
    return who.port or (only_port(service) if service else None)


def only_port(service: Service) -> int | None:
    """The one port of a service: of TCP, of UDP, or the same of both. None where it has several, or none."""
    ports = {one for of in (service.tcp, service.udp) for one in of}
    if len(ports) != 1:
        return None
    ((first, last),) = ports
    return first if first == last else None
