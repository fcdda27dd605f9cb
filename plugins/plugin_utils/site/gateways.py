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
    """The default routes of an interface, one of each family at most."""
    if not interface.gateway_virtual:
        return interface.gateways
    pairs = site.index.pairs_on.get(interface.network, ())
    found_at = (pair.virtual_addresses(interface.network) for pair in pairs)
    virtual = next((found for found in found_at if found), ())
    families = dict.fromkeys(address.version for address in interface.addresses)
    return tuple(found[0] for family in families if (found := of_family(virtual, family)))
