# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network of a node, a guest or an existing machine.

Addresses have no prefix length unless that is said.
"""

from __future__ import annotations

from typing import TypedDict


class NodeInterface(TypedDict):
    """A card of a node."""

    name: str
    """The name of the card on the node."""
    mac: str | None
    """In lower case; None where the inventory leaves it out."""
    network: str
    """One of site_networks."""
    addresses: list[str]
    """With prefix length."""
    link_local: str | None
    """The IPv6 link-local address with prefix length that the node gets; None for none."""
    kernel_link_local: bool
    """Whether the kernel makes that address by itself, from the MAC."""
    dhcp: bool
    """Whether it asks for an address of IPv4 by DHCP, too."""
    gateways: list[str]
    """At most one of each family."""
    mtu: int | None
    """Octets; None for the link's own."""
    management: bool
    """Whether only Ansible and its like come that way."""


class NodeNetwork(TypedDict):
    """The network of a node: a guest, or an existing machine."""

    hostname: str
    resolvers: list[str]
    """Addresses of name servers."""
    interfaces: list[NodeInterface]


class NodeParts(TypedDict, total=False):
    """What sections give to nodes."""

    node_network: NodeNetwork
    """nodes"""
