# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site_networks: wires, each with its prefixes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_network

from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SITE, Problems
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.values import Value, present
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.section import (
    Checking,
    Named,
    Reading,
    Section,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.link_local import LEAST_MTU
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.names import RESERVED_ALL, RESERVED_ANY
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Network, Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import Prefix

PrefixSpan = tuple[int, int, int]
"""A prefix as its version, first and last address: compared in a tenth of the time."""


def span(prefix: Prefix) -> PrefixSpan:
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
_FIREWALL = {"firewall": "stands for the firewall itself in site_policy_tests"}
_RESERVED = {**RESERVED_ALL, **RESERVED_ANY, **_FIREWALL}


def read_networks(reading: Reading) -> dict[str, Network]:
    return {name: _network(name, value) for name, value in reading.shared["site_networks"].entries().items()}


def _network(name: str, value: Value) -> Network:
    fields = value.section("prefixes", "purpose", "mtu", "link_local", required=["prefixes"])
    Value(value.host, value.key, name, value.problems).word()
    prefixes: tuple[Prefix, ...] = present(item.prefix() for item in fields["prefixes"].items())
    if fields["prefixes"].raw == []:
        fields["prefixes"].wrong("is empty", "give the network a prefix")
    own_link_local = fields["link_local"].boolean(False) if fields["link_local"].given else None
    mtu = fields["mtu"].integer(576, 65535)
    if mtu is not None and mtu < LEAST_MTU:
        least = f"IPv6 needs {LEAST_MTU} (RFC 8200, section 5)"
        if any(prefix.version == 6 for prefix in prefixes):
            fields["mtu"].wrong(least, "give the network more, or leave its prefixes of IPv6 out")
        elif own_link_local:
            fields["mtu"].wrong(least, "give the network more, or leave link_local out")
    return Network(
        name,
        prefixes,
        management=fields["purpose"].choice("data", "management") == "management",
        mtu=mtu,
        own_link_local=own_link_local,
    )


def _lacking(site: Site) -> tuple[str, str] | None:
    """A site without wires is told once, and not by each name."""
    if site.networks or not (site.pairs or any(True for _one in (*site.bridges(), *site.interfaces()))):
        return None
    return "no network is declared", "declare each wire, such as {inside: {prefixes: [192.168.2.0/24]}}"


def _names(site: Site) -> Iterator[Named]:
    for name in site.networks:
        yield SITE, f"site_networks.{name}", name, _RESERVED


def check_networks(checking: Checking) -> None:
    site, problems = checking.site, checking.problems
    # to hold each against all the others takes the square, for nothing where they are apart
    apart = are_apart(prefix for network in site.networks.values() for prefix in network.prefixes)
    seen: list[tuple[str, Prefix]] = []
    for network in site.networks.values():
        if check_prefixes(network, problems):
            continue
        for prefix in network.prefixes:
            others = [
                (name, other)
                for name, other in (() if apart else seen)
                if prefix.version == other.version and prefix.overlaps(other)
            ]
            if others:
                own = all(name == network.name for name, _other in others)
                whose = [
                    f"{other} of {'the same network' if name == network.name else f'network {name}'}"
                    for name, other in others
                ]
                problems.add(
                    SITE,
                    f"site_networks.{network.name}.prefixes",
                    prefix,
                    f"overlaps {', '.join(whose)}",
                    "leave one of them out" if own else "each wire needs a prefix of its own",
                )
            seen.append((network.name, prefix))


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


def _overlap(one: PrefixSpan, other: PrefixSpan) -> bool:
    return one[0] == other[0] and one[1] <= other[2] and other[1] <= one[2]


def are_apart(prefixes: Iterable[Prefix]) -> bool:
    """Whether no two of these prefixes overlap. In order, one that does overlaps what comes before it."""
    spans = sorted(map(span, prefixes))
    return not any(_overlap(one, following) for one, following in zip(spans, spans[1:]))


SECTION = Section(
    variables=("site_networks",),
    reads={"networks": read_networks},
    against=(),
    alone=("mtu",),
    lacking=_lacking,
    names=_names,
    check=check_networks,
)
