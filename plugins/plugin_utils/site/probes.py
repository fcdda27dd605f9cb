# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the probe of a site runs: two hosts on data networks of one pair, and the ports between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SITE, Problems, nearest
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Host, Pair, Probes, Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import (
    FAMILIES,
    Address,
    of_family,
)


@dataclass(frozen=True)
class ProbePath:
    """The probe with its networks, pair and addresses found; all addresses are of one family."""

    probes: Probes
    pair: Pair
    family: int
    inside: str
    outside: str
    client: Address
    server: Address
    virtual: Address

    def ports(self) -> tuple[tuple[str, int], ...]:
        """Every (protocol, port) that a probe opens connections to, from either side."""
        probes = self.probes
        return (
            ("tcp", probes.tcp),
            ("udp", probes.udp),
            ("tcp", probes.ftp),
            *(one for one in probes.forwards() if one not in (("tcp", probes.tcp), ("udp", probes.udp))),
        )


def find_path(site: Site) -> ProbePath | None:
    """Find the way of the probe; None without site_probes, or where check_probes has found a problem."""
    return next(iter(find_paths(site)), None)


def find_paths(site: Site) -> tuple[ProbePath, ...]:
    """Find the way of the probe in each family that there is between the same networks, IPv4 first."""
    probes = site.probes
    if probes is None or probes.client not in site.hosts or probes.server not in site.hosts:
        return ()
    paths = list(_paths(site, probes))
    first = [(path.pair, path.inside, path.outside) for path in paths[:1]]
    return tuple(path for path in paths if (path.pair, path.inside, path.outside) in first)


def _paths(site: Site, probes: Probes) -> Iterator[ProbePath]:
    client, server = site.hosts[probes.client], site.hosts[probes.server]
    for inside, outside in site.ways_let_in:
        for pair in site.index.pairs_on[inside]:
            if outside not in pair.networks:
                continue
            for family in FAMILIES:
                ends = (
                    of_family(_addresses(client, inside), family),
                    of_family(_addresses(server, outside), family),
                    of_family(pair.virtual_addresses(outside), family),
                )
                if all(ends):
                    yield ProbePath(probes, pair, family, inside, outside, *(end[0] for end in ends))


def _addresses(host: Host, network: str) -> tuple[Address, ...]:
    """List a node's or a grounded bridge's addresses on a network."""
    interface, bridge = host.interface_on(network), host.bridge_on(network)
    return (
        *(interface.addresses if interface else ()),
        *(address.ip for address in (bridge.addresses if bridge else ())),
    )


def check_probes(site: Site, problems: Problems) -> None:
    probes = site.probes
    if probes is None:
        return
    known = True
    for key, name in (("client", probes.client), ("server", probes.server)):
        if not name:
            known = False
        elif name not in site.hosts:
            known = False
            problems.add(
                SITE, f"site_probes.{key}", name, "is not in the inventory", nearest(name, site.hosts)
            )
        elif site.pair_of(name) is not None:
            known = False
            problems.add(
                SITE, f"site_probes.{key}", name, "is a firewall", "name a host on one side of the pair"
            )
    if known:
        known = _check_ends(site, probes, problems)
    if probes.tcp == probes.ftp:
        problems.add(
            SITE,
            "site_probes.ftp",
            probes.ftp,
            "tcp has this port on the server too",
            "give each a port of its own",
        )
    if known:
        _check_forwards(site, probes, problems)


def warn_of_probes(site: Site, warnings: Problems) -> None:
    """Tell of a family that the pair has on both sides, and that nothing is measured in."""
    paths = find_paths(site)
    for path in paths[:1]:
        ends = (
            ("client", path.probes.client, path.inside),
            ("server", path.probes.server, path.outside),
        )
        for family in FAMILIES:
            served = all(of_family(path.pair.virtual_addresses(network), family) for _k, _h, network in ends)
            for key, host, network in ends if served else ():
                if not of_family(_addresses(site.hosts[host], network), family):
                    where = f"has no IPv{family} address on network {network}"
                    wrong = f"{where}, so that the drill measures none of it"
                    right = "give it one, or name a host that has one"
                    warnings.add(SITE, f"site_probes.{key}", host, wrong, right)


def _check_ends(site: Site, probes: Probes, problems: Problems) -> bool:
    """Both hosts need an address on a data network, and a policy entry from one to the other."""
    data = [router.network for pair in site.pairs for router in pair.routers]
    found = True
    for key, name in (("client", probes.client), ("server", probes.server)):
        if not any(_addresses(site.hosts[name], network) for network in data):
            found = False
            problems.add(
                SITE,
                f"site_probes.{key}",
                name,
                "has no address on a data network",
                f"name a host on {' or '.join(dict.fromkeys(data)) or 'a network with a virtual router'}",
            )
    if found and find_path(site) is None:
        found = False
        problems.add(
            SITE,
            "site_probes",
            f"{probes.client} to {probes.server}",
            "no policy entry leads from one to the other, in a family that both have",
            "name hosts on the networks of an entry, client on from and server on to",
        )
    return found


def _check_forwards(site: Site, probes: Probes, problems: Problems) -> None:
    """Test the ports of the virtual address, which a port forward may have."""
    virtual = [path.virtual for path in find_paths(site)]
    for forward in site.port_forwards:
        service, address = site.services.get(forward.service), site.forward_address(forward)
        if service is None or address not in virtual:
            continue
        for protocol, port in probes.forwards():
            ranges = service.tcp if protocol == "tcp" else service.udp
            if any(first <= port <= last for first, last in ranges):
                problems.add(
                    SITE,
                    f"site_probes.forward.{protocol}",
                    port,
                    f"site_port_forwards[{forward.index}] has this port of {address}",
                    "use another one",
                )
