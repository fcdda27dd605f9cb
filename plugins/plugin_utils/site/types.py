# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The typed model of a site: what an inventory says, with addresses as address objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import ip_interface
from typing import TypeVar

from ansible_collections.ftfw.pair.plugins.plugin_utils.site.balancer_types import Balancer
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.index import Index
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import Addresses, PolicyEntry, Way
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import (
    FAMILIES,
    Address,
    InterfaceAddress,
    Prefix,
    of_family,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.services import Service

T = TypeVar("T")


@dataclass(frozen=True)
class Network:
    """A wire: its prefixes, and nothing about who is plugged into it."""

    name: str
    prefixes: tuple[Prefix, ...]
    management: bool = False
    mtu: int | None = None
    own_link_local: bool | None = None
    """Whether nodes have link-local addresses here; None for what its purpose asks for (site_link_local)."""

    @property
    def first_family(self) -> int:
        """The family that is used where one is enough."""
        return min(prefix.version for prefix in self.prefixes)

    def prefix_of(self, address: Address) -> Prefix | None:
        return next((prefix for prefix in self.prefixes if address in prefix), None)

    def prefixes_of_family(self, family: int) -> tuple[Prefix, ...]:
        return tuple(prefix for prefix in self.prefixes if prefix.version == family)

    def on_link(self, address: Address) -> InterfaceAddress:
        """Give the address its prefix length; it must be inside the network."""
        prefix = self.prefix_of(address)
        if prefix is None:
            raise ValueError(f"{address} is outside network {self.name}")
        return ip_interface(f"{address}/{prefix.prefixlen}")


@dataclass(frozen=True)
class VirtualRouter:
    """Virtual addresses of a pair on one network; one VRRP instance for each family that they have."""

    name: str
    network: str
    vrid: int
    addresses: tuple[Address, ...]

    def families(self) -> tuple[int, ...]:
        return tuple(family for family in FAMILIES if of_family(self.addresses, family))


@dataclass(frozen=True)
class Profile:
    """How soon a pair notices a fault: seconds between adverts, and whether real-time priority is a must."""

    advert_interval: float
    realtime: str
    """wanted or required. Adverts that other work holds up are a takeover for nothing."""


PROFILES = {"default": Profile(0.07, "wanted"), "fast": Profile(0.03, "required")}
REPLICATIONS = ("direct", "external")
PREEMPTIONS = ("never", "when_synced")
REVERSE_PATHS = {"none": 0, "strict": 1, "loose": 2}
"""With the kernel's number for it (rp_filter, Documentation/networking/ip-sysctl.rst)."""

FIRST_PRIORITY = 250
"""Of the preferred node. A backup waits (256 - priority)/256 of the advert interval longer (RFC 9568, section
6.1), so high ones take over sooner; the few above are left for a site's own."""


@dataclass(frozen=True)
class Pair:
    """Two firewalls; the order of nodes is the order of preference."""

    name: str
    nodes: tuple[str, ...]
    sync: tuple[str, ...]
    routers: tuple[VirtualRouter, ...]
    priorities: Mapping[str, int]
    profile: Profile = PROFILES["default"]
    own_advert_interval: float | None = None
    """Seconds; None for the profile's."""
    replication: str = "direct"
    """Where the peer's flows wait: in the kernel's table, or in conntrackd's external cache."""
    preempt: str = "never"
    """When the preferred node takes its role back."""

    @property
    def advert_interval(self) -> float:
        return self.own_advert_interval or self.profile.advert_interval

    def priority(self, node: str) -> int:
        return self.priorities.get(node, FIRST_PRIORITY - self.nodes.index(node))

    def preferred(self) -> str:
        return max(self.nodes, key=self.priority)

    def peer(self, node: str) -> str:
        return next(other for other in self.nodes if other != node)

    @cached_property
    def networks(self) -> tuple[str, ...]:
        """Those with a virtual router."""
        return tuple(dict.fromkeys(router.network for router in self.routers))

    def routers_on(self, network: str) -> tuple[VirtualRouter, ...]:
        return tuple(router for router in self.routers if router.network == network)

    def virtual_addresses(self, network: str | None = None) -> tuple[Address, ...]:
        """Its virtual addresses, on one network or on all, in the order of declaration."""
        routers = self.routers if network is None else self.routers_on(network)
        return tuple(address for router in routers for address in router.addresses)


VIRTUAL_ADDRESS, MASQUERADE, NO_NAT = "virtual_address", "masquerade", "none"
SOURCE_NATS = (VIRTUAL_ADDRESS, MASQUERADE, NO_NAT)


@dataclass(frozen=True)
class SourceNat:
    """Whom networks see when somebody beyond the pair sends: one of SOURCE_NATS, or virtual addresses."""

    elsewhere: str = VIRTUAL_ADDRESS
    """For networks that are not named."""
    networks: Mapping[str, str | tuple[Address, ...]] = field(default_factory=dict)

    def of(self, network: str) -> str | tuple[Address, ...]:
        return self.networks.get(network, self.elsewhere)


@dataclass(frozen=True)
class PortForward:
    """A service on a virtual address that a host behind the pair answers; `host` is a name or an address.

    With `hairpin` the host's own network reaches it by that address, too. `sources` bounds who does at all.
    """

    index: int
    network: str
    address: Address | None
    service: str
    host: str | Address
    hairpin: bool = False
    sources: Addresses | None = None

    def __str__(self) -> str:
        return f"site_port_forwards[{self.index}]: {self.service}"


FRAGMENT_PLACES = (
    "table",
    "raw_prerouting",
    "nat_prerouting",
    "prerouting",
    "input",
    "forward",
    "nat_postrouting",
)
"""Chains of the ruleset that a fragment can stand in, and the table itself."""


@dataclass(frozen=True)
class Fragment:
    """Rules in nft's own words; `where` names the entry of the inventory, and the file if there is one."""

    where: str
    place: str
    text: str
    pair: str | None = None
    """None for the firewalls of all pairs."""


@dataclass(frozen=True)
class Probes:
    """The two hosts that a probe runs on, and its ports: on the server, and forwarded to the client."""

    client: str
    server: str
    tcp: int = 7001
    udp: int = 7002
    ftp: int = 21
    forward_tcp: int = 7003
    forward_udp: int = 7004
    rate: int = 1000
    """Datagrams a second of a drill's stream: what the two hosts can keep up."""
    sessions: int = 20
    slack: int = 1
    """How many times longer than on hardware a drill lets everything take."""

    def forwards(self) -> tuple[tuple[str, int], ...]:
        return (("tcp", self.forward_tcp), ("udp", self.forward_udp))


@dataclass(frozen=True)
class Bridge:
    """A hypervisor's bridge; with an address it is grounded."""

    name: str
    network: str
    addresses: tuple[InterfaceAddress, ...] = ()
    uplinks: tuple[str, ...] = ()
    mac: str | None = None


@dataclass(frozen=True)
class Guest:
    hypervisor: str
    memory_mib: int = 512
    cpus: int = 1
    disk_mib: int = 2048
    swap_mib: int = 256


@dataclass(frozen=True)
class Interface:
    """A node's interface; `gateway_virtual` asks for the pair's virtual addresses on its network."""

    name: str
    network: str
    mac: str | None = None
    tap: str | None = None
    addresses: tuple[Address, ...] = ()
    dhcp: bool = False
    gateways: tuple[Address, ...] = ()
    """One of each family at most."""
    gateway_virtual: bool = False


@dataclass(frozen=True)
class Host:
    name: str
    bridges: tuple[Bridge, ...] = ()
    guest: Guest | None = None
    interfaces: tuple[Interface, ...] = ()
    resolvers: tuple[Address, ...] = ()
    path_targets: tuple[tuple[str, tuple[Address, ...]], ...] = ()
    """By the name of an interface: third parties that path tracking asks."""
    reached_at: str = ""
    """Where Ansible connects to by ssh; empty where it uses another way, or none is said."""
    reached_by: tuple[str, ...] | None = ()
    """The port and the arguments of ssh; None where they are not known before each connection."""

    def places(self) -> Iterator[tuple[str, Address]]:
        """Its addresses, those on bridges included, each with its network."""
        for interface in self.interfaces:
            yield from ((interface.network, one) for one in interface.addresses)
        for bridge in self.bridges:
            yield from ((bridge.network, one.ip) for one in bridge.addresses)

    def interface_on(self, network: str) -> Interface | None:
        for interface in self.interfaces:
            if interface.network == network:
                return interface
        return None

    def bridge_on(self, network: str) -> Bridge | None:
        for bridge in self.bridges:
            if bridge.network == network:
                return bridge
        return None


@dataclass(frozen=True)
class Site:
    name: str
    networks: Mapping[str, Network]
    pairs: tuple[Pair, ...]
    policy: tuple[PolicyEntry, ...]
    services: Mapping[str, Service]
    port_forwards: tuple[PortForward, ...]
    source_nat: SourceNat
    filter_bridges: bool
    hosts: Mapping[str, Host]
    probes: Probes | None = None
    addresses: Mapping[str, Addresses] = field(default_factory=dict)
    """What site_addresses names."""
    balancers: tuple[Balancer, ...] = ()
    fragments: tuple[Fragment, ...] = ()
    reverse_path: str = "strict"
    """One of REVERSE_PATHS: which senders of an interface are believed."""
    warnings: tuple[str, ...] = ()
    """What is probably not meant, one line each; the site can be built all the same."""
    parts: Mapping[type[object], object] = field(default_factory=dict)
    """What a section keeps for itself, by its type: nothing else of the model looks at it."""

    def part(self, kind: type[T]) -> T | None:
        """What a section keeps for itself; None where nothing was read of it."""
        found = self.parts.get(kind)
        return found if isinstance(found, kind) else None

    @cached_property
    def index(self) -> Index:
        return Index(self)

    def pair_of(self, node: str) -> Pair | None:
        return next(iter(self.index.pairs_of.get(node, ())), None)

    def families(self, way: Way) -> tuple[int, ...]:
        """The families that both networks have; none where one is unknown."""
        having = self.index.families
        ends = [having[name] for name in way if name in having]
        return tuple(f for f in FAMILIES if all(f in end for end in ends)) if len(ends) == len(way) else ()

    @cached_property
    def ways_let_in(self) -> Mapping[Way, Pair]:
        """From and to which networks the policy lets anything in, each with the pair between them."""
        ways = dict.fromkeys(way for entry in self.policy if entry.accepts for way in entry.ways())
        found = ((way, self.pair_between(way)) for way in ways)
        return {way: pair for way, pair in found if pair is not None}

    def shown_as(self, pair: Pair, network: str, family: int) -> Address | str | None:
        """Whom a network sees instead of a sender beyond: an address, MASQUERADE, or None for the sender."""
        nat = self.source_nat.of(network)
        if nat == MASQUERADE:
            return MASQUERADE if self.networks[network].prefixes_of_family(family) else None
        own = pair.virtual_addresses(network)
        chosen = tuple(one for one in own if nat == VIRTUAL_ADDRESS or one in nat) if nat != NO_NAT else ()
        return next(iter(of_family(chosen, family)), None)

    @cached_property
    def virtual_and_firewall_addresses(self) -> Mapping[Address, str]:
        """What no port forward can lead to, each address with whose it is."""
        found: dict[Address, str] = {}
        for pair in self.pairs:
            for node in (self.hosts[name] for name in pair.nodes if name in self.hosts):
                for interface in node.interfaces:
                    found.update((address, f"an address of {node.name}") for address in interface.addresses)
            found.update((one, f"a virtual address of pair {pair.name}") for one in pair.virtual_addresses())
        return found

    def pair_between(self, way: Way) -> Pair | None:
        # a network that all pairs are on tells little
        fewest = min((self.index.pairs_on.get(name, []) for name in way), key=len)
        return next((pair for pair in fewest if all(name in pair.networks for name in way)), None)

    @cached_property
    def sync_networks(self) -> Mapping[str, Pair]:
        """The networks that carry replication, each with a pair that uses it."""
        return {network: pair for pair in self.pairs for network in pair.sync}

    def interfaces(self) -> Iterator[tuple[Host, Interface]]:
        return ((host, interface) for host in self.hosts.values() for interface in host.interfaces)

    def bridges(self) -> Iterator[tuple[Host, Bridge]]:
        return ((host, bridge) for host in self.hosts.values() for bridge in host.bridges)

    def guests_of(self, hypervisor: str) -> tuple[Host, ...]:
        return tuple(self.index.guests_of.get(hypervisor, ()))

    def forward_target(self, forward: PortForward) -> tuple[str, Address] | None:
        """Find the network and the address behind the pair that a port forward leads to."""
        address = self.forward_address(forward)
        pair = self.forward_pair(forward)
        if pair is None or address is None:
            return None
        networks = {router.network for router in pair.routers} - {forward.network}
        if isinstance(forward.host, str):
            host = self.hosts.get(forward.host)
            found = (one for one in (host.places() if host else ()) if one[0] in networks)
            return next((one for one in found if one[1].version == address.version), None)
        target = forward.host
        if target.version != address.version:
            return None
        names = (name for name in self.networks if name in networks)
        return next(((name, target) for name in names if self.networks[name].prefix_of(target)), None)

    def forward_address(self, forward: PortForward) -> Address | None:
        """The virtual address that a port forward listens on: the given one, or the network's only one."""
        if forward.address is not None:
            return forward.address
        addresses = self.index.virtual.get(forward.network, [])
        return addresses[0] if len(addresses) == 1 else None

    def forward_pair(self, forward: PortForward) -> Pair | None:
        address = self.forward_address(forward)
        pairs = self.index.pairs_at.get(address, ()) if address is not None else ()
        return next((p for p in pairs if address in p.virtual_addresses(forward.network)), None)
