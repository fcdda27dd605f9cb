# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site_probes: the two hosts that a probe runs on, and its ports. Verification finds its own without them."""

from __future__ import annotations

from typing import cast

from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SITE, Problems, nearest
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.values import Value
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.probes import probe_commands
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.section import Checking, Reading, Section
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.probes import addresses_on, find_path, find_paths
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Probes, Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.contract import Parts
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.parts import verify as parts
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.verify import (
    probed_balancers,
    verified_balancers,
    verify_ends,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import (
    FAMILIES,
    Family,
    of_family,
)


def read_probes(reading: Reading) -> Probes | None:
    value = reading.shared["site_probes"]
    return _probes(value) if value.given else None


def _probes(value: Value) -> Probes:
    ports, amounts = ("tcp", "udp", "ftp", "forward"), ("rate", "sessions", "slack")
    fields = value.section("client", "server", *ports, *amounts, required=["client", "server"])
    forward = fields["forward"].section("tcp", "udp")
    default = Probes(fields["client"].text() or "", fields["server"].text() or "")
    return Probes(
        default.client,
        default.server,
        tcp=fields["tcp"].integer(1, 65535) or default.tcp,
        udp=fields["udp"].integer(1, 65535) or default.udp,
        ftp=fields["ftp"].integer(1, 65535) or default.ftp,
        forward_tcp=forward["tcp"].integer(1, 65535) or default.forward_tcp,
        forward_udp=forward["udp"].integer(1, 65535) or default.forward_udp,
        rate=fields["rate"].integer(10, 1000) or default.rate,
        sessions=fields["sessions"].integer(1, 100) or default.sessions,
        slack=fields["slack"].integer(1, 10) or default.slack,
    )


def check_probes(checking: Checking) -> None:
    site, problems, probes = checking.site, checking.problems, checking.site.probes
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


def _check_ends(site: Site, probes: Probes, problems: Problems) -> bool:
    """Both hosts need an address on a data network, and a policy entry from one to the other."""
    data = [router.network for pair in site.pairs for router in pair.routers]
    found = True
    for key, name in (("client", probes.client), ("server", probes.server)):
        if not any(addresses_on(site.hosts[name], network) for network in data):
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
            ranges = service.ports(protocol)
            if any(first <= port <= last for first, last in ranges):
                problems.add(
                    SITE,
                    f"site_probes.forward.{protocol}",
                    port,
                    f"site_port_forwards[{forward.index}] has this port of {address}",
                    "use another one",
                )


def _view(site: Site) -> Parts:
    """Where probes go, and the first pair, which they watch."""
    if not site.pairs:
        return {}
    pair = site.pairs[0]
    guests = ((node, site.hosts[node].guest) for node in pair.nodes)
    verify: parts.Verify = {
        **verify_ends(site, pair),
        "balancers": verified_balancers(site, pair),
        "pair": {
            "name": pair.name,
            "nodes": list(pair.nodes),
            "virtual_addresses": list(map(str, pair.virtual_addresses())),
            "guests": {node: guest.hypervisor for node, guest in guests if guest is not None},
        },
        "probes": _probes_view(site),
    }
    return {"verify": verify}


def _probes_view(site: Site) -> parts.ProbesPart | None:
    paths = find_paths(site)
    if not paths:
        return None
    path = paths[0]
    probes = path.probes
    opening, closing = probe_commands(paths)
    return {
        "client": {"host": probes.client, "address": str(path.client)},
        "server": {"host": probes.server, "address": str(path.server)},
        "tcp": probes.tcp,
        "udp": probes.udp,
        "ftp": probes.ftp,
        "rate": probes.rate,
        "sessions": probes.sessions,
        "slack": probes.slack,
        "forward": {
            "address": str(path.virtual),
            "tcp": probes.forward_tcp,
            "udp": probes.forward_udp,
        },
        "families": [
            {
                "family": cast(Family, each.family),
                # what the name of a flow ends in: those of the first family have none
                "name": "" if each is path else f" (IPv{each.family})",
                "client": str(each.client),
                "server": str(each.server),
                "forward": str(each.virtual),
            }
            for each in paths
        ],
        "balancers": probed_balancers(site, paths),
        "nodes": list(path.pair.nodes),
        "open": opening,
        "close": closing,
    }


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
                if not of_family(addresses_on(site.hosts[host], network), family):
                    where = f"has no IPv{family} address on network {network}"
                    wrong = f"{where}, so that the drill measures none of it"
                    right = "give it one, or name a host that has one"
                    warnings.add(SITE, f"site_probes.{key}", host, wrong, right)


SECTION = Section(
    variables=("site_probes",),
    reads={"probes": read_probes},
    against=(
        "site_networks",
        "site_pairs",
        "node_interfaces",
        "hypervisor_bridges",
        "site_services",
        "site_addresses",
        "site_policy",
        "site_port_forwards",
    ),
    alone=("rate", "sessions", "slack"),
    check=check_probes,
    warn=warn_of_probes,
    view_all=_view,
)
