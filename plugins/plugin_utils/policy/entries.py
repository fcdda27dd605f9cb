# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What entries of site_policy say of one service at one address."""

from __future__ import annotations

from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import (
    Addresses,
    PolicyEntry,
    Way,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import Address
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.ranges import covers


def within(of: Addresses, address: Address) -> bool:
    return covers(of.of_family(address.version), [(int(address), int(address))])


def has_ports(site: Site, entry: PolicyEntry, protocol: str, ports: tuple[int, int]) -> bool:
    """Whether an entry has a range of ports, in a service of whatever name."""
    services = [site.services[name] for name in entry.services]
    return any(
        first <= ports[0] and ports[1] <= last
        for service in services
        for first, last in service.ports(protocol)
    )


def lets_in(site: Site, way: Way, ends: tuple[Address, Address], protocol: str, port: int) -> bool:
    """Whether the first entry about a flow accepts it. `ends` are who asks, and who is asked."""
    for entry in site.policy:
        lists = zip((entry.sources, entry.destinations), ends)
        about = entry.any_service or has_ports(site, entry, protocol, (port, port))
        if way in entry.ways() and about and all(of is None or within(of, end) for of, end in lists):
            return entry.accepts
    return False
