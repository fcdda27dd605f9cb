# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that hold for a balancer by the kernel's IPVS, whose servers answer clients themselves."""

from __future__ import annotations

from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SITE, Problems
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.balancer_types import (
    Balancer,
    Server,
    SorryServer,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.balancers import (
    asked_at,
    asking_addresses,
    only_port,
    own_port,
    target_of,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.services import Service

_MOST_PORTS = 256
"""Each is a virtual service of its own, with servers of its own."""


def check_method(one: Balancer, service: Service | None, problems: Problems) -> None:
    """What a method takes, and what the other ones are for. A pair has NAT alone."""
    if not one.by_ipvs:
        if one.persistence_timeout is not None:
            wrong = "is for IPVS (method: dr or tun), and servers are reached by NAT"
            right = "write scheduler: sh or mh, where a client keeps its server for as long as it is well"
            problems.add(SITE, f"{one.key}.persistence_timeout", one.persistence_timeout, wrong, right)
        return
    if not one.host:
        wrong = (
            "lets servers answer clients past the pair, which sees one half of such a flow then, and can "
            "neither judge it nor keep it over a takeover"
        )
        right = "write nat, or give the balancer to a host that is in no pair, as host: NAME"
        problems.add(SITE, f"{one.key}.method", one.method, wrong, right)
        return
    for key in ("source_nat", "forward_others"):
        if getattr(one, key):
            wrong = f"is for NAT, and by {one.method} servers answer clients themselves"
            problems.add(SITE, f"{one.key}.{key}", True, wrong, "leave it out, or write method: nat")
    if one.persistence_granularity is not None and one.persistence_timeout is None:
        wrong = "is about clients that come again, and by IPVS none keeps its server for that"
        right = "add persistence_timeout, such as 300"
        problems.add(SITE, f"{one.key}.persistence_granularity", one.persistence_granularity, wrong, right)
    if service is not None:
        number = sum(last - first + 1 for name in service.protocols for first, last in service.ports(name))
        if number > _MOST_PORTS:
            wrong = f"has {number} ports, and each would be a service of IPVS"
            right = f"name one with {_MOST_PORTS} at most, or write method: nat"
            problems.add(SITE, f"{one.key}.service", one.service, wrong, right)


def check_asking(site: Site, one: Balancer, problems: Problems) -> None:
    """See that the host has an address to ask servers from: they answer themselves at the balancer's."""
    virtual = asked_at(site, one)
    if not (one.by_ipvs and one.host and virtual is not None):
        return
    for version, address in asking_addresses(site, one).items():
        if address is not None:
            continue
        wrong, right = f"has no IPv{version} address for data", "give it another one for the balancer"
        if version == virtual.version:
            wrong += f" but {virtual}, which its servers have, too"
        else:
            right = "give it one"
        wrong += ", so that it can't ask its servers whether they are well"
        problems.add(SITE, f"{one.key}.host", one.host, wrong, right)


def check_ipvs_server(
    site: Site, one: Balancer, key: str, who: Server | SorryServer, problems: Problems
) -> None:
    """See that a packet gets to somebody unchanged. That he is there is seen elsewhere."""
    service, port = site.services.get(one.service), own_port(site, one, who)
    asked = only_port(service) if service else None
    if port is not None and asked is not None and port != asked:
        wrong = f"is another port than is asked for, {asked}, and {one.method} changes none"
        where = f"{key}.{'port' if who.port else 'service'}"
        problems.add(SITE, where, port, wrong, "leave it out, or write method: nat")
    target = target_of(site, one, who.host)
    if target is None:
        return
    network, address = target
    places = list(site.hosts[one.host].places())
    if address in {mine for _network, mine in places}:
        wrong = f"is an address of {one.host} itself, to which {one.method} leads nothing"
        problems.add(SITE, key, who.host, wrong, "name another host, or write method: nat")
    elif one.method == "dr" and network not in {name for name, _mine in places}:
        there = f"on network {network}" if network else "on no network of the site"
        wrong = f"is {there}, and {one.host} has no address there: dr sends frames, which no router leads on"
        right = "name a host on one of its networks, or write method: tun"
        problems.add(SITE, key, who.host, wrong, right)
