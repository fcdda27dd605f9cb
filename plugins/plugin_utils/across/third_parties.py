# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Third parties of path tracking: whoever answers for the pair itself, or stands on another wire, is none."""

from __future__ import annotations

from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import Problems
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.values import Value
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.section import Checking, HostReading, Section
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.checks import check_on_link
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Host, Pair, Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import Address

VARIABLE = "pair_state_path_targets"
"""Of the role pair_state, whose specification says what its values are."""


def read_path_targets(host: HostReading) -> tuple[tuple[str, tuple[Address, ...]], ...]:
    """What is no address is told with the other variables of roles."""
    value = Value(host.name, VARIABLE, host.variables.get(VARIABLE), Problems())
    return tuple((card, addresses.addresses()) for card, addresses in value.entries().items())


def _check(checking: Checking) -> None:
    site = checking.site
    for pair in site.pairs:
        told: set[tuple[str, Address]] = set()
        for node in (site.hosts[name] for name in pair.nodes if name in site.hosts):
            for card, addresses in node.path_targets:
                for address in addresses:
                    # what both nodes have of their group is one mistake
                    if (card, address) not in told and _tells(site, pair, node, card, address, checking):
                        told.add((card, address))


def _tells(site: Site, pair: Pair, node: Host, card: str, address: Address, checking: Checking) -> bool:
    before = len(checking.problems)
    key = f"{VARIABLE}.{card}"
    whose = {
        address: f"an address of {name}"
        for name in pair.nodes
        if name in site.hosts
        for interface in site.hosts[name].interfaces
        for address in interface.addresses
    }
    whose.update((one, f"a virtual address of pair {pair.name}") for one in pair.virtual_addresses())
    network = next((site.networks.get(one.network) for one in node.interfaces if one.name == card), None)
    if address in whose:
        wrong = f"is {whose[address]}, and no third party"
        checking.problems.add(
            node.name, key, address, wrong, "name a router or a server that is not of the pair"
        )
    elif network is not None:
        check_on_link(site, network, node.name, key, address, checking.problems)
    return len(checking.problems) > before


SECTION = Section(borrowed=(VARIABLE,), reads_host={"path_targets": read_path_targets}, check=_check)
