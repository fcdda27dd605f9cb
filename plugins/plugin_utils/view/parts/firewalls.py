# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A firewall: its pair, the daemons, the kernel, the table.

Addresses have no prefix length unless that is said.
"""

from __future__ import annotations

from typing import TypedDict

from ansible_collections.ftfw.pair.plugins.module_utils.nft.contents import PackedContents
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import Family


class PairPlace(TypedDict):
    """A firewall's pair, and its place in it."""

    name: str
    """The pair's name in site_pairs."""
    node: str
    """This node."""
    peer: str
    """The other node."""
    preferred: bool
    """Whether this node is primary when both are well and start together."""


class SyncGroup(TypedDict):
    """The VRRP instances that go together."""

    name: str
    instances: list[str]


class VrrpInstance(TypedDict):
    """One virtual router of one family."""

    name: str
    interface: str
    """The card that it runs on."""
    family: Family
    vrid: int
    """1 to 255; both families of a virtual router have the same."""
    priority: int
    """1 to 255."""
    source: str
    """The node's own address that adverts come from."""
    peers: list[str]
    """Where adverts are sent to."""
    addresses: list[str]
    """With prefix length; those that an advert has space for."""
    excluded: list[str]
    """With prefix length; the others."""


class KeepalivedPart(TypedDict):
    """VRRP instances, one for each virtual router and family, and the group that binds them."""

    sync_groups: list[SyncGroup]
    instances: list[VrrpInstance]
    advert_interval: float
    """Seconds."""
    realtime: str
    """wanted or required: whether a node without the right to real-time priority is refused."""


class SyncLink(TypedDict):
    """A link that replication takes."""

    network: str
    """One of site_networks."""
    interface: str
    """The card on that network."""
    local: str
    """The node's own address there."""
    peer: str
    """The other node's address there."""
    port: int
    """Of UDP."""


class ConntrackdPart(TypedDict):
    """How flows get to the peer."""

    links: list[SyncLink]
    ignored_addresses: list[str]
    """The node's own, never a virtual one; some are prefixes."""
    external_cache: bool
    """Whether the peer's flows wait in conntrackd, and not in the kernel's table."""


class VirtualAddress(TypedDict):
    """A virtual address, and the interface that it comes to."""

    interface: str
    address: str
    """With prefix length."""


class PairPath(TypedDict):
    """A network that both nodes are on."""

    network: str
    """One of site_networks."""
    interface: str
    """The card on that network."""
    local: str
    """The node's own address there."""
    peer: str
    """The other node's address there."""
    leg: bool
    """Whether traffic passes there, and not only replication."""
    targets: list[str]
    """Third parties that can be asked: bridges, gateways, other nodes."""


class PairState(TypedDict):
    """How a takeover goes."""

    addresses: list[VirtualAddress]
    replication: str
    """direct or external."""
    preempt: str
    """never or when_synced."""
    gate: list[str]
    """Interfaces that are shut until flows are there."""
    offload: list[str]
    """Interfaces whose flows may be offloaded."""
    names: dict[str, str]
    """The node's own in its ruleset, and what both nodes call it."""
    paths: list[PairPath]


class FirewallKernel(TypedDict):
    """Settings of the kernel that follow from the site."""

    rp_filter: int
    """0 none, 1 strict, 2 loose (Documentation/networking/ip-sysctl.rst)."""
    ipv6_forwarding: bool
    """Whether the pair routes IPv6; IPv4 it always does."""


class Nftables(TypedDict):
    """The policy as a table, and what the compiler knows of it."""

    contents: PackedContents
    """What is in the text, and in which of its lines."""
    helpers: list[str]
    """Connection tracking helpers that the rules use."""
    management: list[str]
    """Rules that let in whoever manages the node."""
    modules: list[str]
    """The kernel's modules for the helpers."""
    ruleset: str
    """The text of the table inet ftfw."""


class FirewallParts(TypedDict, total=False):
    """What sections give to firewalls."""

    pair: PairPlace
    """firewalls"""
    keepalived: KeepalivedPart
    """firewalls"""
    conntrackd: ConntrackdPart
    """firewalls"""
    pair_state: PairState
    """firewalls"""
    firewall_kernel: FirewallKernel
    """firewalls"""
    nftables: Nftables
    """firewalls"""
