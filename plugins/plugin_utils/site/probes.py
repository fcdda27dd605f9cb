# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the probe of a site runs: two hosts on data networks of one pair, and the ports between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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
                    of_family(addresses_on(client, inside), family),
                    of_family(addresses_on(server, outside), family),
                    of_family(pair.virtual_addresses(outside), family),
                )
                if all(ends):
                    yield ProbePath(probes, pair, family, inside, outside, *(end[0] for end in ends))


def addresses_on(host: Host, network: str) -> tuple[Address, ...]:
    """List a node's or a grounded bridge's addresses on a network."""
    interface, bridge = host.interface_on(network), host.bridge_on(network)
    return (
        *(interface.addresses if interface else ()),
        *(address.ip for address in (bridge.addresses if bridge else ())),
    )
