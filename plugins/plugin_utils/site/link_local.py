# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which interfaces of a node have a link-local address of IPv6, and which one."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_network

from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Host, Interface, Site

LINK_LOCAL = ip_network("fe80::/10")
"""What is good on one link only (RFC 4291, section 2.5.6)."""
LEAST_MTU = 1280
"""Of IPv6 (RFC 8200, section 5): on less the kernel has none of it, so networkd gives the link that much."""


def link_local(mac: str) -> IPv6Address:
    """Make the link-local address that goes with a MAC address (RFC 4291, appendix A)."""
    # ansible-test imports every file where netaddr is not
    from netaddr import EUI

    return IPv6Address(int(EUI(mac).ipv6_link_local()))


def has_link_local(site: Site, host: Host, interface: Interface) -> bool:
    """Whether a node has a link-local address there, as IPv6 wants on every interface (RFC 4291, 2.1).

    Without one the kernel looks for no neighbour of what it forwards. A firewall lets in what neighbour
    discovery needs, and no more. Who is none has no rules of ours, so the site has to want IPv6. On a
    replication link nothing is forwarded: there the site has to want one.
    """
    network = site.networks[interface.network]
    if network.own_link_local is not None:
        return network.own_link_local
    if network.name in site.sync_networks or (network.mtu is not None and network.mtu < LEAST_MTU):
        return False
    return bool(network.prefixes_of_family(6)) or site.pair_of(host.name) is not None


def is_kernels(site: Site, host: Host, interface: Interface) -> bool:
    """Whether the kernel makes it by itself, which gives the same address and needs no MAC in the inventory.

    Where nothing else asks for IPv6 the kernel may have none: networkd then leaves it out, but it gives up
    a link on which the kernel refuses an address of a file.
    """
    asks = bool(site.networks[interface.network].prefixes_of_family(6))
    return has_link_local(site, host, interface) and (interface.mac is None or not asks)


def link_local_address(site: Site, host: Host, interface: Interface) -> IPv6Address | None:
    """The link-local address of a node's interface, as far as the site tells its MAC."""
    if interface.mac is None or not has_link_local(site, host, interface):
        return None
    return link_local(interface.mac)
