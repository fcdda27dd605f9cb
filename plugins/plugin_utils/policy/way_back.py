# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what a port forward or a balancer leads to a host finds its way back through the pair.

Without that an answer goes another way, with the host's own address, and the client knows nothing of it.
"""

from __future__ import annotations

from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SITE, Problems
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.gateways import gateways
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Host, Pair, Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import Address


def warn_of_way_back(
    site: Site, key: str, pair: Pair, target: tuple[str, Address], warnings: Problems
) -> None:
    """Tell of a node that answers another way. `key` is the place that names it.

    What the inventory says of a node's gateway is all that it gets; a hypervisor has routes of its own.
    """
    network, address = target
    host = _host_at(site, network, address)
    if host is None:
        # it is not in the inventory
        return
    found = [
        one
        for interface in host.interfaces
        for one in gateways(site, interface)
        if one.version == address.version
    ]
    if not found:
        wrong = f"has no gateway of IPv{address.version}, so that no answer of its comes back"
        warnings.add(SITE, key, host.name, wrong, "give it gateway: virtual, or see to the route yourself")
    elif not any(one in pair.virtual_addresses() for one in found):
        wrong = f"has the gateway {found[0]}, so that its answers do not come back through pair {pair.name}"
        warnings.add(SITE, key, host.name, wrong, "give it gateway: virtual, or see to the route yourself")


def _host_at(site: Site, network: str, address: Address) -> Host | None:
    return next(
        (host for host, one in site.index.interfaces_on.get(network, ()) if address in one.addresses), None
    )
