# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prefixes: which ones a wire can have, and in which of them the firewalls have to have an address."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_network

from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SITE, Problems
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Network, Pair, Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import Prefix

Span = tuple[int, int, int]
"""A prefix as its version, first and last address: compared in a tenth of the time."""


def span(prefix: Prefix) -> Span:
    return prefix.version, int(prefix.network_address), int(prefix.broadcast_address)


_SPECIAL = {
    span(ip_network(text)): what
    for text, what in (
        ("127.0.0.0/8", "loopback addresses"),
        ("::1/128", "the loopback address"),
        ("224.0.0.0/4", "multicast addresses"),
        ("ff00::/8", "multicast addresses"),
        ("0.0.0.0/8", "addresses of no host (RFC 1122, section 3.2.1.3)"),
        ("::/128", "the unspecified address"),
        ("255.255.255.255/32", "the broadcast address"),
        ("::ffff:0:0/96", "IPv4 addresses in IPv6's notation"),
    )
}
_LINK_LOCAL = tuple(span(ip_network(text)) for text in ("169.254.0.0/16", "fe80::/10"))


def check_prefixes(network: Network, problems: Problems) -> bool:
    """Find prefixes that no wire has, and tell whether there are some."""
    key = f"site_networks.{network.name}.prefixes"
    before = len(problems)
    for prefix in network.prefixes:
        own = span(prefix)
        within = next((what for special, what in _SPECIAL.items() if _overlap(special, own)), None)
        if within is not None:
            problems.add(SITE, key, prefix, f"has {within} in it", "write the prefix that the hosts have")
    linked = all(any(_overlap(one, span(own)) for one in _LINK_LOCAL) for own in network.prefixes)
    if network.prefixes and linked and len(problems) == before:
        problems.add(
            SITE,
            key,
            ", ".join(map(str, network.prefixes)),
            "nothing but link-local addresses, which no router forwards and each link has",
            "give the network a prefix of its own, such as 192.168.9.0/24 or fd00:9::/64",
        )
    return len(problems) > before


def _overlap(one: Span, other: Span) -> bool:
    return one[0] == other[0] and one[1] <= other[2] and other[1] <= one[2]


def are_apart(prefixes: Iterable[Prefix]) -> bool:
    """Whether no two of these prefixes overlap. In order, one that does overlaps what comes before it."""
    spans = sorted(map(span, prefixes))
    return not any(_overlap(one, following) for one, following in zip(spans, spans[1:]))


def absent_from(site: Site, pair: Pair, network: str, prefix: Prefix) -> list[str]:
    """The nodes of a pair with an interface on a network, but without an address in one of its prefixes."""
    found = []
    for name in pair.nodes:
        host = site.hosts.get(name)
        interface = host.interface_on(network) if host else None
        if interface is not None and not any(address in prefix for address in interface.addresses):
            found.append(name)
    return found


def check_present(
    site: Site, pair: Pair, network: Network, key: str, address: object, prefix: Prefix, problems: Problems
) -> None:
    """An address is of no use to a pair where a node has none in its prefix, and so no way to it.

    A node without an address of the whole family is told elsewhere, and so is one whose address is outside
    its network.
    """
    absent = [
        name
        for name in absent_from(site, pair, network.name, prefix)
        if (interface := site.hosts[name].interface_on(network.name)) is not None
        and (own := [one for one in interface.addresses if one.version == prefix.version])
        and all(network.prefix_of(one) for one in own)
    ]
    if absent:
        problems.add(
            SITE,
            key,
            address,
            f"{_have(absent)} no address in {prefix} of network {network.name}, and so no way there",
            f"give {'it' if len(absent) == 1 else 'them'} one, or write an address of another prefix",
        )


def warn_of_prefixes(site: Site, warnings: Problems) -> None:
    """Tell of prefixes that the firewalls have no way to."""
    for pair in site.pairs:
        for name in dict.fromkeys(router.network for router in pair.routers):
            for prefix in site.networks[name].prefixes:
                absent = absent_from(site, pair, name, prefix)
                if absent:
                    warnings.add(
                        SITE,
                        f"site_networks.{name}.prefixes",
                        prefix,
                        f"{_have(absent)} no address in it, so that nothing is forwarded there",
                        f"give {'it' if len(absent) == 1 else 'them'} one, or leave the prefix out",
                    )


def _have(nodes: list[str]) -> str:
    return f"{' and '.join(nodes)} {'has' if len(nodes) == 1 else 'have'}"
