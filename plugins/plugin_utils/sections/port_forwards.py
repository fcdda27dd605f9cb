# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site_port_forwards: services on virtual addresses that hosts behind the pair answer."""

from __future__ import annotations

import re

from ansible_collections.ftfw.pair.plugins.plugin_utils.policy.checks import (
    check_data_network,
    unknown_service,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy.entry import BY_SERVICE, PORTS
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy.forwards import (
    TakenPorts,
    check_forward_address,
    check_forward_host,
    check_sources,
    warn_of_virtual,
    warn_of_ways,
    warn_of_whole,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy.way_back import warn_of_way_back
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SITE, Problems
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.values import Value
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.section import Checking, Reading, Section
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.addresses import AddressBook
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import PortForward, Site

_FORWARD = ("to", "address", "service", "host", "hairpin", "sources")


def read_port_forwards(reading: Reading) -> tuple[PortForward, ...]:
    entries = enumerate(reading.shared["site_port_forwards"].items())
    return tuple(_port_forward(index, value, reading.book) for index, value in entries)


def _port_forward(index: int, value: Value, book: AddressBook) -> PortForward:
    others = dict.fromkeys(PORTS, BY_SERVICE)
    fields = value.section(*_FORWARD, required=["to", "service", "host"], others=others)
    host = fields["host"].text() or ""
    if isinstance(value.raw, dict) and "sources" in value.raw and not fields["sources"].given:
        # what came out empty would let in anybody
        fields["sources"].wrong("is empty", "name addresses, or leave the key out for any")
    literal = re.fullmatch(r"[0-9.]+|[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*", host)
    return PortForward(
        index,
        network=fields["to"].text() or "",
        address=fields["address"].address(),
        service=fields["service"].name() or "",
        host=(fields["host"].address() or "") if literal else host,
        hairpin=fields["hairpin"].boolean(False),
        sources=book.listed(fields["sources"]),
    )


def check_port_forwards(checking: Checking) -> None:
    site, problems = checking.site, checking.problems
    taken = TakenPorts()
    for forward in site.port_forwards:
        key = f"site_port_forwards[{forward.index}]"
        service = site.services.get(forward.service)
        if service is None and forward.service:
            problems.add(
                SITE,
                f"{key}.service",
                forward.service,
                *unknown_service(site, forward.service),
            )
        if service and not service.protocols:
            problems.add(
                SITE,
                f"{key}.service",
                forward.service,
                "has no port to forward",
                "name one with tcp, udp or sctp ports",
            )
        network = check_data_network(site, f"{key}.to", forward.network, problems)
        if network is None or not check_forward_address(site, key, forward, problems):
            continue
        check_forward_host(site, key, forward, problems)
        check_sources(site, forward, problems)
        address = site.forward_address(forward)
        if service is not None and address is not None:
            taken.claim(forward, service, address, problems)


def _warn(site: Site, warnings: Problems) -> None:
    warn_of_virtual(site, warnings)
    warn_of_ways(site, warnings)
    warn_of_whole(site, warnings)
    for forward in site.port_forwards:
        target, pair = site.forward_target(forward), site.forward_pair(forward)
        if target is not None and pair is not None:
            key = f"site_port_forwards[{site.port_forwards.index(forward)}].host"
            warn_of_way_back(site, key, pair, target, warnings)


SECTION = Section(
    variables=("site_port_forwards",),
    reads={"port_forwards": read_port_forwards},
    against=("site_networks", "site_pairs", "node_interfaces", "hypervisor_bridges", "site_services"),
    alone=("hairpin",),
    check=check_port_forwards,
    warn=_warn,
)
