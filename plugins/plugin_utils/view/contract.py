# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each host gets from the model: the fact site_view, in plain JSON types.

The one contract of model and roles: documentation, docs/architecture.md, roles and fixtures are compared with
it. The text behind a key says what it is, and its unit. Addresses have no prefix length unless that is said.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

Family = Literal[4, 6]


class NodeInterface(TypedDict):
    """A card of a node."""

    name: str
    mac: str | None
    """In lower case; None where the inventory leaves it out."""
    network: str
    addresses: list[str]
    """With prefix length."""
    link_local: str | None
    """The IPv6 link-local address with prefix length that the node gets; None for none."""
    kernel_link_local: bool
    """Whether the kernel makes that address by itself, from the MAC."""
    dhcp: bool
    gateways: list[str]
    """At most one of each family."""
    mtu: int | None
    """Octets; None for the link's own."""
    management: bool


class NodeNetwork(TypedDict):
    """The network of a node: a guest, or an existing machine."""

    hostname: str
    resolvers: list[str]
    interfaces: list[NodeInterface]


class PairPlace(TypedDict):
    """A firewall's pair, and its place in it."""

    name: str
    node: str
    peer: str
    preferred: bool


class SyncGroup(TypedDict):
    """The VRRP instances that go together."""

    name: str
    instances: list[str]


class VrrpInstance(TypedDict):
    """One virtual router of one family."""

    name: str
    interface: str
    family: Family
    vrid: int
    priority: int
    """1 to 255."""
    source: str
    peers: list[str]
    """Where adverts are sent to."""
    addresses: list[str]
    """With prefix length; those that an advert has space for."""
    excluded: list[str]
    """With prefix length; the others."""


class Keepalived(TypedDict):
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
    interface: str
    local: str
    peer: str
    port: int


class Conntrackd(TypedDict):
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
    interface: str
    local: str
    peer: str
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
    """Interfaces whose flows may take the kernel's short way."""
    names: dict[str, str]
    """The node's own in its ruleset, and what both nodes call it."""
    paths: list[PairPath]


class FirewallKernel(TypedDict):
    """Settings of the kernel that follow from the site."""

    rp_filter: int
    """0 none, 1 strict, 2 loose (Documentation/networking/ip-sysctl.rst)."""
    ipv6_forwarding: bool


class Nftables(TypedDict):
    """The policy as a table, and what the compiler knows of it (Contents of module_utils/nft/contents.py)."""

    contents: dict[str, Any]
    helpers: list[str]
    """Connection tracking helpers that the rules use."""
    management: list[str]
    """Rules that let in whoever manages the node."""
    modules: list[str]
    """The kernel's modules for the helpers."""
    ruleset: str
    """The text of the table inet ftfw."""


class PolicyTestInterface(TypedDict):
    """A wire of the bench that tests the ruleset."""

    name: str
    network: str
    prefixes: list[str]
    addresses: list[str]


class PolicyTests(TypedDict):
    """Options of the module policy_check."""

    interfaces: list[dict[str, Any]]
    tests: list[dict[str, Any]]


class Route(TypedDict):
    destination: str
    """A prefix."""
    gateway: str


class Bridge(TypedDict):
    """A bridge of a hypervisor."""

    name: str
    mac: str | None
    addresses: list[str]
    """With prefix length; a bridge that has any is grounded."""
    uplinks: list[str]
    routes: list[Route]
    """The way back to networks behind the pair, without source NAT."""
    mtu: int | None
    """Octets; None for the kernel's own."""
    management: bool
    multicast_snooping: bool
    stp: bool
    forward_delay: int
    """Seconds."""


class Tap(TypedDict):
    """A guest's card, seen from its hypervisor."""

    name: str | None
    bridge: str
    owner: str
    """The guest's own system user."""
    group: str | None
    mtu: int | None
    """Octets; None for the bridge's."""
    isolated: bool
    """Whether it can't reach other isolated ports of the bridge."""


class HostNetwork(TypedDict):
    """Bridges of a hypervisor, and taps of its guests."""

    filter_bridges: bool
    bridges: list[Bridge]
    taps: list[Tap]


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
    user: str
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
    more_addresses: list[str]
    """Others of the bridge, such as one of the other family."""
    interface: str
    prefix: str
    leases: list[Lease]
    names: list[HostName]


class End(TypedDict):
    """A host that a probe runs on."""

    host: str
    address: str


class VerifiedFamily(TypedDict):
    """A family that is verified, and through which addresses."""

    family: Family
    name: str
    """What the names of its rows end in; empty for IPv4."""
    client: str
    server: str
    inside: str
    """The client's way: its gateway, or the pair's virtual address there."""
    outside: str
    """The pair's virtual address on the server's network."""


class LeftOutFamily(TypedDict):
    """A family that is not verified."""

    family: Family
    wanted: bool
    """Whether the site has it; one that is wanted and not measured is no success."""
    reason: str


class VerifiedPair(TypedDict):
    name: str
    nodes: list[str]
    """The preferred one first."""
    virtual_addresses: list[str]
    guests: dict[str, str]
    """Each node that is a guest, with its hypervisor."""


class ProbeForward(TypedDict):
    """A virtual address, and its ports that the client answers."""

    address: str
    tcp: int
    udp: int


class ProbedFamily(TypedDict):
    family: Family
    name: str
    """What the names of its flows end in; empty for the first family."""
    client: str
    server: str
    forward: str


class Probes(TypedDict):
    """What site_probes says. The addresses beside `families` are the first family's."""

    client: End
    server: End
    tcp: int
    udp: int
    ftp: int
    rate: int
    """Datagrams a second."""
    sessions: int
    slack: int
    """How many times longer than on hardware everything may take."""
    forward: ProbeForward
    families: list[ProbedFamily]
    nodes: list[str]
    """Where `open` and `close` are run."""
    open: list[str]
    """Commands of nft, with SECONDS where the time-out goes."""
    close: list[str]


class VerifiedEnds(TypedDict):
    """Between which hosts, and in which families, a site is verified."""

    client: End | None
    server: End | None
    families: list[VerifiedFamily]
    left_out: list[LeftOutFamily]


class Verify(VerifiedEnds):
    """Where probes go, and the pair that they watch."""

    pair: VerifiedPair
    probes: Probes | None
    """None without site_probes."""


class Host(TypedDict):
    """What every host has."""

    name: str
    site: str
    roles: list[str]
    """Of hypervisor, guest, firewall and endpoint."""


class Parts(TypedDict, total=False):
    """What sections of the inventory add. One that a host has no use for is absent as a whole."""

    node_network: NodeNetwork
    """Of nodes."""
    pair: PairPlace
    """Of firewalls, as are those to nftables."""
    keepalived: Keepalived
    conntrackd: Conntrackd
    pair_state: PairState
    firewall_kernel: FirewallKernel
    nftables: Nftables
    policy_test: PolicyTests | None
    """Of firewalls, and only where it is asked for."""
    host_network: HostNetwork
    """Of hypervisors."""
    guest: Guests
    """Of hypervisors."""
    lab_services: LabServices
    """Of hypervisors with a grounded bridge that is not for management."""
    verify: Verify
    """Where the site has a pair."""


class HostView(Host, Parts):
    """The fact site_view."""
