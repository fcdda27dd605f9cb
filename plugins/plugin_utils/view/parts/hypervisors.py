# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hypervisor: bridges and taps, guests, servers. Addresses have no prefix length unless that is said."""

from __future__ import annotations

from typing import TypedDict


class Route(TypedDict):
    destination: str
    """A prefix."""
    gateway: str


class BridgePart(TypedDict):
    """A bridge of a hypervisor."""

    name: str
    mac: str | None
    """None for the kernel's own choice."""
    addresses: list[str]
    """With prefix length; a bridge that has any is grounded."""
    uplinks: list[str]
    """The hypervisor's own cards that are ports."""
    routes: list[Route]
    """The way back to networks behind the pair, without source NAT."""
    mtu: int | None
    """Octets; None for the kernel's own."""
    management: bool
    """Whether only Ansible and its like come that way."""
    multicast_snooping: bool
    """Whether multicast goes only where it was asked for."""
    stp: bool
    """Whether it speaks the spanning tree protocol."""
    forward_delay: int
    """Seconds."""


class TapPart(TypedDict):
    """A guest's card, seen from its hypervisor."""

    name: str
    bridge: str
    owner: str
    """The guest's own system user."""
    group: str | None
    """A group that may open it, too."""
    mtu: int | None
    """Octets; None for the bridge's."""
    isolated: bool
    """Whether it can't reach other isolated ports of the bridge."""


class HostNetwork(TypedDict):
    """Bridges of a hypervisor, and taps of its guests."""

    filter_bridges: bool
    """Whether the kernel's rules of IP see bridged packets, too (br_netfilter)."""
    bridges: list[BridgePart]
    taps: list[TapPart]


class VmInterface(TypedDict):
    name: str
    mac: str | None
    tap: str | None


class VmManagement(TypedDict):
    """How a guest is reached."""

    interface: str
    mac: str | None
    address: str
    """With prefix length."""


class Vm(TypedDict):
    """A virtual machine."""

    name: str
    """The host's name in the inventory."""
    user: str
    """The system user that its emulator runs as."""
    memory_mib: int
    cpus: int
    disk_mib: int
    swap_mib: int
    interfaces: list[VmInterface]
    management: VmManagement | None
    """None without an address on such a network."""


class Guests(TypedDict):
    """The virtual machines of a hypervisor."""

    vms: list[Vm]


class Lease(TypedDict):
    mac: str
    address: str
    name: str


class HostName(TypedDict):
    name: str
    address: str


class LabServices(TypedDict):
    """What servers on the hypervisor's first grounded bridge need to know."""

    address: str
    """The first address of that bridge."""
    more_addresses: list[str]
    """Others of the bridge, such as one of the other family."""
    interface: str
    """The bridge."""
    prefix: str
    leases: list[Lease]
    """What its DHCP server gives to whom."""
    names: list[HostName]
    """What its DNS server knows."""


class HypervisorParts(TypedDict, total=False):
    """What sections give to hypervisors."""

    host_network: HostNetwork
    """hypervisors"""
    guest: Guests
    """hypervisors"""
    lab_services: LabServices
    """hypervisors with a grounded bridge that is not for management"""
