# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Default routes: where an interface's gateway leads, and whether it still leads there after a takeover."""

from __future__ import annotations

from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Interface, Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import (
    Address,
    of_family,
)


def gateways(site: Site, interface: Interface) -> tuple[Address, ...]:
    """The default routes of an interface, one of each family at most, on link with it where there is one."""
    if not interface.gateway_virtual:
        return interface.gateways
    pairs = site.index.pairs_on.get(interface.network, ())
    found_at = (pair.virtual_addresses(interface.network) for pair in pairs)
    virtual = next((found for found in found_at if found), ())
    families = dict.fromkeys(address.version for address in interface.addresses)
    on_link = [one for one in virtual if is_on_link(site, interface, one)]
    return tuple(
        found[0]
        for family in families
        if (found := of_family(tuple(on_link), family) or of_family(virtual, family))
    )


def is_on_link(site: Site, interface: Interface, address: Address) -> bool:
    """Whether an interface has an address in the prefix of another address of its network."""
    prefix = site.networks[interface.network].prefix_of(address)
    return prefix is not None and any(own in prefix for own in interface.addresses)
