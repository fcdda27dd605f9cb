# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is verified of a site: between which hosts, in which families, and why not in the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from ansible_collections.ftfw.pair.plugins.module_utils.balance.slots import IN_TURN
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy.entries import lets_in
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.balancers import (
    Answering,
    Balanced,
    balanced,
    host_balanced,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.gateways import gateways
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import Addresses, Way
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.probes import ProbePath
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Host, Pair, Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.parts import verify as parts
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import (
    FAMILIES,
    Address,
    Family,
    of_family,
)


@dataclass(frozen=True)
class _End:
    """A host, and its addresses on the network at this end of the way."""

    host: Host
    addresses: tuple[Address, ...]

    def address(self, family: int | None = None) -> Address | None:
        return next(iter(of_family(self.addresses, family) if family else self.addresses), None)


def verify_ends(site: Site, pair: Pair) -> parts.VerifiedEnds:
    """Probes go where the first policy entry lets something in, through the pair if it can be.

    A family is wanted when both networks of the way have virtual addresses of it and the policy lets it in.
    It is measured when both hosts have an address of it, too; one that is wanted and not measured is no
    success.
    """
    way = _way(site, pair)
    if way is None:
        return {"client": None, "server": None, "families": [], "left_out": []}
    client, server = _client(site, way[0]), _server(site, way[1])
    measured: list[parts.VerifiedFamily] = []
    left_out: list[parts.LeftOutFamily] = []
    for family in FAMILIES:
        unwanted = _unwanted(site, pair, way, family)
        lacking = unwanted or _lacking(client, server, way, family)
        if lacking or client is None or server is None:
            left_out.append({"family": cast(Family, family), "wanted": not unwanted, "reason": lacking})
        else:
            measured.append(
                {
                    "family": cast(Family, family),
                    # what the name of a row ends in
                    "name": "" if family == FAMILIES[0] else f" (IPv{family})",
                    "client": str(client.address(family)),
                    "server": str(server.address(family)),
                    "inside": str(_gateway(site, pair, client, way[0], family)),
                    "outside": str(of_family(pair.virtual_addresses(way[1]), family)[0]),
                }
            )
    return {"client": _shown(client), "server": _shown(server), "families": measured, "left_out": left_out}


def verified_balancers(site: Site, pair: Pair) -> list[parts.VerifiedBalancer]:
    """The balancers that the client can ask, by TCP and in a family that it has.

    Those of the pair are on its network, those of a host that is in no pair on its network, too, or beyond
    the pair, where the policy lets it ask.
    """
    way = _way(site, pair)
    client = _client(site, way[0]) if way else None
    if way is None or client is None:
        return []
    own = [one for one in balanced(site, pair) if one.balancer.network == way[0]]
    others = [one for host in site.hosts.values() for one in host_balanced(site, host)]
    return [
        _verified_balancer(site, one, pair)
        for one in (*own, *(one for one in others if _can_ask(site, pair, way[0], client, one)))
        if one.service.tcp and client.address(one.virtual.version)
    ]


def _verified_balancer(site: Site, one: Balanced, pair: Pair) -> parts.VerifiedBalancer:
    check = one.balancer.check if _by_http(one) else None
    nodes = [one.balancer.host] if one.balancer.host else list(pair.nodes)
    own = [address for node in nodes for _network, address in site.hosts[node].places()]
    return {
        "name": one.name,
        "nodes": nodes,
        "own": list(dict.fromkeys(map(str, of_family((one.virtual, *own), one.virtual.version)))),
        "address": str(one.virtual),
        "port": one.service.tcp[0][0],
        "kind": check.kind if check else "tcp",
        "path": str(check.options.get("path", "/")) if check else "/",
        "together": one.balancer.scheduler in IN_TURN and one.balancer.persistence_timeout is None,
        "servers": [
            {
                "name": str(each.host),
                "address": str(each.address),
                "port": each.port or one.service.tcp[0][0],
            }
            for each in one.servers
            if each.server and each.server.weight
        ],
    }


def probed_balancers(site: Site, paths: Sequence[ProbePath]) -> list[parts.ProbedBalancer]:
    """In each family one that the probe's client can ask, where possible one that shows a server's death."""
    chosen = (max(_probed(site, path), key=lambda one: one["shows"], default=None) for path in paths)
    return [one for one in chosen if one is not None]


def _probed(site: Site, path: ProbePath) -> Iterator[parts.ProbedBalancer]:
    for one in balanced(site, path.pair):
        check = one.balancer.check
        if one.balancer.network != path.inside or one.virtual.version != path.family:
            continue
        if check is None or check.kind != "http" or not one.service.tcp or not _by_http(one):
            continue
        port = one.service.tcp[0][0]
        asked = sorted(
            (each for each in one.servers if each.server and each.server.weight),
            key=lambda each: -each.server.weight if each.server else 0,
        )
        # what is asked elsewhere says nothing of what the service speaks
        elsewhere = any(check.options.get("port") not in (None, each.port or port) for each in asked)
        if elsewhere or not all(_gets_to(site, path, one, each) for each in one.answering):
            continue
        in_turn = one.balancer.scheduler in IN_TURN and len({each.address for each in asked}) > 1
        times = check.delay_loop + check.retry * check.delay_before_retry
        yield {
            "name": one.name,
            "family": path.family,
            "address": str(one.virtual),
            "port": port,
            "path": str(check.options.get("path", "/")),
            "shows": in_turn and not one.balancer.inhibit_on_failure,
            "servers": [{"address": str(each.address), "port": each.port or port} for each in asked],
            "seconds": times + (1 + check.retry) * check.connect_timeout,
        }


def _gets_to(site: Site, path: ProbePath, one: Balanced, answering: Answering) -> bool:
    """Whether the policy lets the probe's client ask; an entry names the virtual address or the servers."""
    way, port = (path.inside, answering.network), one.service.tcp[0][0]
    ends = ((path.client, asked) for asked in (one.virtual, answering.address))
    return any(lets_in(site, way, end, "tcp", port) for end in ends)


def _can_ask(site: Site, pair: Pair, network: str, client: _End, one: Balanced) -> bool:
    """Whether the client gets to a host that is in no pair: from its own network, or through the pair."""
    address = client.address(one.virtual.version)
    there = next(name for name, mine in site.hosts[one.balancer.host].places() if mine == one.virtual)
    if client.host.name == one.balancer.host:
        # what a host asks of itself proves nothing about others
        return False
    if address is None or not one.service.tcp or there == network:
        return there == network
    way = (network, there)
    port = one.service.tcp[0][0]
    return there in pair.networks and lets_in(site, way, (address, one.virtual), "tcp", port)


def _by_http(one: Balanced) -> bool:
    """Whether a client without a word of its own gets a page: of a name, or of TLS, nothing is known here."""
    check = one.balancer.check
    return check is not None and check.kind == "http" and not check.options.get("virtualhost")


def _way(site: Site, pair: Pair) -> Way | None:
    ways = site.ways_let_in
    return next((way for way, between in ways.items() if between is pair), next(iter(ways), None))


def _unwanted(site: Site, pair: Pair, way: Way, family: int) -> str:
    """Why nothing of this family passes the pair, as the site has it; empty where it does."""
    for network in way:
        if not of_family(pair.virtual_addresses(network), family):
            return f"the pair has no virtual address of IPv{family} on network {network}"
    entries = [entry for entry in site.policy if entry.accepts and way in entry.ways()]
    if not any(_has(entry.sources, family) and _has(entry.destinations, family) for entry in entries):
        return f"the policy lets in no IPv{family} from {way[0]} to {way[1]}"
    return ""


def _has(addresses: Addresses | None, family: int) -> bool:
    return addresses is None or bool(addresses.of_family(family))


def _lacking(client: _End | None, server: _End | None, way: Way, family: int) -> str:
    for end, network in zip((client, server), way):
        if end is None:
            return f"no host but the firewalls has an address on network {network}"
        if end.address(family) is None:
            return f"{end.host.name} has no address of IPv{family} on network {network}"
    return ""


def _gateway(site: Site, pair: Pair, client: _End, network: str, family: int) -> Address:
    """The client's own gateway, or else the pair's virtual address there."""
    interface = client.host.interface_on(network)
    own = gateways(site, interface) if interface else ()
    return (*of_family(own, family), *of_family(pair.virtual_addresses(network), family))[0]


def _shown(end: _End | None) -> parts.End | None:
    return {"host": end.host.name, "address": str(end.address())} if end else None


def _client(site: Site, network: str) -> _End | None:
    """A node that is no firewall, preferably one with addresses of all families there."""
    found = [
        _End(host, interface.addresses)
        for host, interface in site.index.interfaces_on.get(network, ())
        if site.pair_of(host.name) is None and interface.addresses
    ]
    return max(found, key=lambda end: len({one.version for one in end.addresses}), default=None)


def _server(site: Site, network: str) -> _End | None:
    """A grounded hypervisor, or else a node."""
    for host, bridge in site.index.bridges_on.get(network, ()):
        if bridge.addresses:
            return _End(host, tuple(address.ip for address in bridge.addresses))
    return _client(site, network)
