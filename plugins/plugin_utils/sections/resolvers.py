# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""node_resolvers: a node's name servers, which /etc/resolv.conf takes without a word."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import Problems, nearest
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.section import Checking, HostReading, Section
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.link_local import LINK_LOCAL
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Host
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import Address

_MOST = 3
"""MAXNS of resolv.h: what follows is not asked."""


def read_resolvers(host: HostReading) -> tuple[Address, ...]:
    return host.value("node_resolvers").addresses(zone=True)


def check_resolvers(checking: Checking) -> None:
    site, problems, warnings = checking.site, checking.problems, checking.warnings
    for host in site.hosts.values():
        for index, resolver in enumerate(host.resolvers):
            key = f"node_resolvers[{index}]"
            wrong = _no_server(resolver)
            if wrong:
                problems.add(host.name, key, resolver, wrong, "write the address of a name server")
            elif isinstance(resolver, IPv6Address):
                _check_zone(host, key, resolver, problems)
            if resolver in host.resolvers[:index]:
                problems.add(host.name, key, resolver, "is named twice", "name each address once")
        if len(host.resolvers) > _MOST:
            rest = ", ".join(map(str, host.resolvers[_MOST:]))
            wrong = f"only the first {_MOST} name servers are asked (resolv.conf(5))"
            warnings.add(host.name, "node_resolvers", rest, wrong, "leave it out, or put it further up")


def _no_server(address: Address) -> str | None:
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return "is an IPv4 address in IPv6's notation"
    if address.is_multicast:
        return "is a multicast address"
    if address.is_unspecified:
        return "is the unspecified address"
    return "is the broadcast address" if address == IPv4Address("255.255.255.255") else None


def _check_zone(host: Host, key: str, resolver: IPv6Address, problems: Problems) -> None:
    """A link-local address says nothing of the link, and so is asked by none (RFC 4007, section 6)."""
    zone = resolver.scope_id
    names = [interface.name for interface in host.interfaces]
    if resolver not in LINK_LOCAL:
        if zone is not None:
            plain = IPv6Address(int(resolver))
            problems.add(
                host.name, key, resolver, "needs no zone: it is no link-local address", f"write {plain}"
            )
    elif zone is None:
        example = f"{resolver}%{names[0]}" if names else f"{resolver}%INTERFACE"
        wrong = "is a link-local address, which each link has"
        problems.add(host.name, key, resolver, wrong, f"name the interface behind it, such as {example}")
    elif zone not in names:
        wrong = f"the node has no interface {zone}"
        problems.add(host.name, key, resolver, wrong, nearest(zone, names))


SECTION = Section(
    variables=("node_resolvers",),
    reads_host={"resolvers": read_resolvers},
    against=("node_interfaces",),
    check=check_resolvers,
)
