# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of a firewall have in common: its wires, and what is let through between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ansible_collections.ftfw.pair.plugins.module_utils.packets.clock import read_moment
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.cases import Options
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.decisions import (
    OTHER,
    USUAL,
    Decision,
    Decisions,
    place_of,
    within,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.samples import (
    is_special,
    neighbours,
    samples,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.wires import Wires
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import Addresses, PolicyEntry, Way
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import MASQUERADE
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import (
    FAMILIES,
    Address,
    of_family,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.services import (
    HELPERS,
    ICMP_REQUESTS,
    WITH_PORTS,
    helper_families,
    helper_type,
)

_LAST_PORT = 65535
_KINDS = {
    family: {names[family]: kind for kind, names in ICMP_REQUESTS.items() if family in names}
    for family in FAMILIES
}
"""The catalogue's ICMP requests, by the names that they have in packets of a family."""


@dataclass(frozen=True)
class Bench(Wires):
    """A firewall with its wires, and what its policy says."""

    def shown(self, source: str, destination: str, sender: Address, receiver: Address | None = None) -> str:
        """How a sender looks on another network, as an expectation; it is known by its address."""
        site, family = self.firewall.site, sender.version
        shown = site.shown_as(self.firewall.pair, destination, family)
        if shown is not None and source != destination:
            for way in self._translated:
                prefixes = site.networks[way[0]].prefixes_of_family(family)
                if way[1] == destination and any(sender in prefix for prefix in prefixes):
                    own = self._nearest(destination, family, receiver)
                    return f"snat to {own if shown == MASQUERADE else shown}"
        return "no snat"

    def _nearest(self, network: str, family: int, receiver: Address | None) -> Address:
        """The firewall's address in the receiver's prefix (the kernel's inet_select_addr()), or its first."""
        prefix = self.firewall.site.networks[network].prefix_of(receiver) if receiver else None
        own = of_family(self.interface(network).addresses, family)
        return next((one for one in own if prefix and one in prefix), self.own(network, family))

    @cached_property
    def _translated(self) -> tuple[Way, ...]:
        """The ways that something is let in on."""
        ways = self.firewall.ways.items()
        return tuple(way for way, entries in ways if any(entry.accepts for entry in entries))

    @cached_property
    def decisions(self) -> Decisions:
        return Decisions(self.firewall)

    def judge(
        self, way: Way, sender: Address, receiver: Address, more: Options, asked: Address | None = None
    ) -> Decision:
        """What the policy says of a packet that begins a flow, at the moment that is named there.

        `asked` is the virtual address that it was sent to, where it is forwarded.
        """
        moment = read_moment(str(more["at"])) if "at" in more else None
        protocol = str(more["protocol"])
        kind = _KINDS[sender.version].get(more.get("type", "echo-request"))
        if protocol == "icmp" and kind:
            number = place_of(kind)
        elif protocol in WITH_PORTS:
            number = more["port"]
        else:
            # a request of ICMP that no service can name is one of those
            protocol, number = OTHER, 0
        return self.decisions.judge(way, sender, receiver, protocol, number, moment or USUAL, asked)

    def shut(
        self, source: str, destination: str, protocol: str, port: int, *ends: Address, family: int = 0
    ) -> bool:
        """Whether a port is closed, without a word."""
        family = family or (ends[0].version if ends else self._any_family(source, destination))
        sender, receiver = ends or (self.host(source, family), self.host(destination, family))
        found = self.judge((source, destination), sender, receiver, {"protocol": protocol, "port": port})
        return found.action == "drop"

    def _any_family(self, *networks: str) -> int:
        return (self.families(*networks) or FAMILIES)[0]

    def helper(
        self, way: Way, sender: Address, receiver: Address, more: Options, asked: Address | None = None
    ) -> str:
        """The helper that the entry which lets a flow in gives it, as an expectation."""
        found = self.judge(way, sender, receiver, more, asked)
        for service in self.firewall.services(found.entry) if found.entry and found.accepts else ():
            if service.helper and HELPERS[service.helper] == more["protocol"]:
                ranges = service.ports(str(more["protocol"]))
                meant = any(first <= more["port"] <= last for first, last in ranges)
                if meant and sender.version in helper_families(service.helper):
                    return f"helper {helper_type(service.helper)}"
        return "no helper"

    def ends(self, entry: PolicyEntry, way: Way, family: int) -> list[tuple[Address, Address]]:
        """Senders and receivers of an entry's packets: a pair for all, then one for each further address."""
        senders = self.members(entry.sources, way[0], family)
        receivers = self.members(entry.destinations, way[1], family)
        if not senders or not receivers:
            return []
        return [
            *((sender, receivers[0]) for sender in senders),
            *((senders[0], receiver) for receiver in receivers[1:]),
        ]

    def members(self, addresses: Addresses | None, network: str, family: int) -> list[Address]:
        """Addresses of a list that can be on a network, or beyond it."""
        if addresses is None:
            return [self.host(network, family)]
        found = [one for one in samples(addresses, family) if self.place(one) == network]
        # the one that is there anyhow is as good as any
        own = [one for one in (self.host(network, family),) if within(addresses, one)]
        return list(dict.fromkeys([*found, *own]))

    def outsiders(self, addresses: Addresses, network: str, family: int) -> list[Address]:
        """Addresses that are just not in a list; where there are none on the network, somebody on it."""
        near = [one for one in neighbours(addresses, family) if self.place(one) == network]
        if not near:
            near = [self.host(network, family), self.stranger(network, family)]
        return [one for one in dict.fromkeys(near) if not within(addresses, one)]

    def place(self, address: Address) -> str | None:
        """The network that an address is reached by; None for one that no test can use."""
        if address in self._own or is_special(address):
            return None
        for network in self.networks:
            for prefix in self.firewall.site.networks[network].prefixes_of_family(address.version):
                if address in prefix:
                    edges = (prefix[0], prefix[-1]) if address.version == 4 else (prefix[0],)
                    return None if prefix.num_addresses > 2 and address in edges else network
        return self._beyond.get(address)

    @cached_property
    def _own(self) -> frozenset[Address]:
        interfaces = self.firewall.host.interfaces
        return frozenset(
            (
                *(address for interface in interfaces for address in interface.addresses),
                *self.firewall.pair.virtual_addresses(),
            )
        )

    @cached_property
    def _beyond(self) -> dict[Address, str]:
        """Listed addresses that are on no network of the firewall, each behind the firewall's way to them.

        Where it has none they are nowhere, and the model warns of them.
        """
        site = self.firewall.site
        on_link = [prefix for name in self.networks for prefix in site.networks[name].prefixes]
        found: dict[Address, str] = {}
        for entry in self.firewall.entries:
            for source, destination in self.firewall.ways_of(entry):
                for addresses, network in ((entry.sources, source), (entry.destinations, destination)):
                    if addresses is not None:
                        for family in site.families((source, destination)):
                            if self.leads_on(network, family):
                                for one in (*samples(addresses, family), *neighbours(addresses, family)):
                                    found.setdefault(one, network)
        for forward in site.port_forwards:
            address = site.forward_address(forward)
            if forward.sources is not None and address is not None and forward.network in self.networks:
                family = address.version
                if self.leads_on(forward.network, family):
                    for one in (*samples(forward.sources, family), *neighbours(forward.sources, family)):
                        found.setdefault(one, forward.network)
        return {
            one: network
            for one, network in found.items()
            if not any(one in prefix for prefix in on_link if prefix.version == one.version)
        }

    @cached_property
    def forwarded(self) -> frozenset[tuple[Address, str, int]]:
        """What port forwards and balancers take: virtual address, protocol and port."""
        site = self.firewall.site
        forwards = [
            (address, site.services[forward.service])
            for forward in site.port_forwards
            if (address := site.forward_address(forward)) is not None
        ]
        balancers = [(one.virtual, one.service) for one in self.firewall.balanced]
        return frozenset(
            (address, protocol, port)
            for address, service in (*forwards, *balancers)
            for protocol in WITH_PORTS
            for first, last in service.ports(protocol)
            for port in range(first, last + 1)
        )

    def not_forwarded(self, virtual: Address, protocol: str, port: int) -> int:
        """The next port of a virtual address, above or below, that no port forward takes."""
        others: list[int] = [*range(port + 1, _LAST_PORT + 1), *range(port - 1, 0, -1)]
        return next(one for one in others if (virtual, protocol, one) not in self.forwarded)

    def closed(self, way: Way, sender: Address, receiver: Address, more: Options) -> int | None:
        """Find the next port above a packet's that is not let through, or the next below."""
        protocol, near = str(more["protocol"]), int(more["port"])
        asked = (way, sender, receiver, protocol, more.get("at"))
        # a list of thousands of neighbouring ports is not walked through again for each of them
        first, end = self._closed.get(asked, (0, 0))
        if first <= near < end:
            return end
        for step in (self.decisions.following, self.decisions.preceding):
            port = step(way, protocol, near)
            while port is not None and 0 < port <= _LAST_PORT:
                if first <= port < end and port > near:
                    port = end
                found = self.judge(way, sender, receiver, {**more, "port": port})
                if not found.accepts:
                    if port > near:
                        self._closed[asked] = (near, port)
                    return port
                port = step(way, protocol, port)
        return None

    @cached_property
    def _closed(self) -> dict[object, tuple[int, int]]:
        """Stretches of ports that are let through, each with the first one above it that is not."""
        return {}
