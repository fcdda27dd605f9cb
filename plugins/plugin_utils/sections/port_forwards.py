# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site_port_forwards: services on virtual addresses that hosts behind the pair answer."""

from __future__ import annotations

import re

from ansible_collections.ftfw.pair.plugins.plugin_utils.policy.checks import (
    check_data_network,
    unknown_service,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy.forwards import (
    TakenPorts,
    check_sources,
    warn_of_virtual,
    warn_of_ways,
    warn_of_whole,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SITE, Problems, nearest
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.values import Value
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.section import Checking, Reading, Section
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.addresses import AddressBook
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.checks import check_on_link
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.gateways import gateways
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.prefixes import check_present
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import PortForward, Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import of_family

_FORWARD = ("to", "address", "service", "host", "hairpin", "sources")


def read_port_forwards(reading: Reading) -> tuple[PortForward, ...]:
    entries = enumerate(reading.shared["site_port_forwards"].items())
    return tuple(_port_forward(index, value, reading.book) for index, value in entries)


def _port_forward(index: int, value: Value, book: AddressBook) -> PortForward:
    fields = value.section(*_FORWARD, required=["to", "service", "host"])
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
        if service and not (service.tcp or service.udp):
            problems.add(
                SITE,
                f"{key}.service",
                forward.service,
                "has no port to forward",
                "name one with tcp or udp ports",
            )
        network = check_data_network(site, f"{key}.to", forward.network, problems)
        if network is None or not _check_forward_address(site, key, forward, problems):
            continue
        _check_forward_host(site, key, forward, problems)
        check_sources(site, forward, problems)
        address = site.forward_address(forward)
        if service is not None and address is not None:
            taken.claim(forward, service, address, problems)


def _check_forward_address(site: Site, key: str, forward: PortForward, problems: Problems) -> bool:
    virtual = site.index.virtual.get(forward.network, [])
    shown = ", ".join(map(str, virtual)) or "none"
    if forward.address is not None and forward.address not in virtual:
        problems.add(
            SITE,
            f"{key}.address",
            forward.address,
            f"is no virtual address on network {forward.network}",
            f"those are: {shown}",
        )
        return False
    if forward.address is None and len(virtual) != 1:
        wrong = "has several virtual addresses" if virtual else "has no virtual address"
        right = f"choose one with address: {shown}" if virtual else "declare a virtual router on it"
        problems.add(SITE, f"{key}.to", forward.network, wrong, right)
        return False
    return True


def _check_forward_host(site: Site, key: str, forward: PortForward, problems: Problems) -> None:
    if not forward.host:
        return
    if isinstance(forward.host, str) and forward.host not in site.hosts:
        problems.add(
            SITE,
            f"{key}.host",
            forward.host,
            "is no address, and no host of the inventory",
            nearest(forward.host, site.hosts),
        )
        return
    target = site.forward_target(forward)
    if target is None:
        pair, address = site.forward_pair(forward), site.forward_address(forward)
        if address and not isinstance(forward.host, str) and forward.host.version != address.version:
            wrong = f"is an address of IPv{forward.host.version}, and {address} one of IPv{address.version}"
            problems.add(SITE, f"{key}.host", forward.host, wrong, "write two of one family")
            return
        family = address.version if address else 4
        names = [
            router.network
            for router in (pair.routers if pair else ())
            if router.network != forward.network and of_family(router.addresses, family)
        ]
        problems.add(
            SITE,
            f"{key}.host",
            forward.host,
            f"has no IPv{family} address on another network of the pair",
            f"name a host on {' or '.join(names) or 'one'}",
        )
        return
    network, address = target
    taken = site.virtual_and_firewall_addresses
    if address in taken:
        problems.add(SITE, f"{key}.host", forward.host, f"is {taken[address]}", "name a host behind the pair")
    if network not in site.networks:
        # its name is wrong, which is told of all that use it
        return
    prefix = check_on_link(site, site.networks[network], SITE, f"{key}.host", address, problems)
    pair = site.forward_pair(forward)
    if pair is not None and prefix is not None:
        check_present(site, pair, site.networks[network], f"{key}.host", address, prefix, problems)
    if forward.hairpin and pair and not of_family(pair.virtual_addresses(network), address.version):
        problems.add(
            SITE,
            f"{key}.hairpin",
            True,
            f"answers go back by network {network}, which has no virtual address of IPv{address.version}",
            "give a virtual router there one",
        )


def _warn(site: Site, warnings: Problems) -> None:
    warn_of_virtual(site, warnings)
    warn_of_ways(site, warnings)
    warn_of_whole(site, warnings)
    for forward in site.port_forwards:
        _warn_of_way_back(site, forward, warnings)


def _warn_of_way_back(site: Site, forward: PortForward, warnings: Problems) -> None:
    """What the inventory says of a node's gateway is all that it gets; a hypervisor has routes of its own."""
    target = site.forward_target(forward)
    host = site.hosts.get(forward.host) if isinstance(forward.host, str) else None
    if target is None or host is None or host.bridges:
        return
    family = target[1].version
    if not any(of_family(gateways(site, interface), family) for interface in host.interfaces):
        warnings.add(
            SITE,
            f"site_port_forwards[{site.port_forwards.index(forward)}].host",
            forward.host,
            f"has no gateway of IPv{family}, so that no answer of its comes back",
            "give it gateway: virtual, or see to the route yourself",
        )


SECTION = Section(
    variables=("site_port_forwards",),
    reads={"port_forwards": read_port_forwards},
    against=("site_networks", "site_pairs", "node_interfaces", "hypervisor_bridges", "site_services"),
    alone=("hairpin",),
    check=check_port_forwards,
    warn=_warn,
)
