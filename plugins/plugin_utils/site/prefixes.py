# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prefixes: which ones a wire can have, and in which of them the firewalls have to have an address."""

from __future__ import annotations

from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SITE, Problems
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Network, Pair, Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import Prefix


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
            f"{have(absent)} no address in {prefix} of network {network.name}, and so no way there",
            f"give {'it' if len(absent) == 1 else 'them'} one, or write an address of another prefix",
        )


def have(nodes: list[str]) -> str:
    return f"{' and '.join(nodes)} {'has' if len(nodes) == 1 else 'have'}"
