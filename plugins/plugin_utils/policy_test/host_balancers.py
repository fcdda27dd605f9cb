# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the table of a host that has balancers and is in no pair: what it leads on, and that it is all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from ansible_collections.ftfw.pair.plugins.module_utils.nft.names import BALANCER_TABLE
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.balancer_setups import (
    called,
    failed,
    only,
    place,
    some_of,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.cases import (
    ERRORS,
    FIREWALL,
    Options,
    PacketCase,
    case,
    ports_of,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.wires import EVERYWHERE, free_address
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.host_balancers import (
    by_rules,
    leads_itself,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.balancers import (
    Answering,
    Balanced,
    host_balanced,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.gateways import gateways
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Bridge, Host, Interface, Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.parts.policy_tests import PolicyTestInterface
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import (
    Address,
    InterfaceAddress,
    Prefix,
)


@dataclass(frozen=True)
class HostWire:
    """A network that a host is on, by one of its devices."""

    device: str
    network: str
    addresses: tuple[InterfaceAddress, ...]
    beyond: frozenset[int]
    """The families in which the host's way to everywhere else is there."""
    bridge: bool

    def prefixes(self, family: int) -> list[Prefix]:
        return list(dict.fromkeys(one.network for one in self.addresses if one.version == family))

    def own(self, family: int) -> list[Address]:
        return [one.ip for one in self.addresses if one.version == family]


@dataclass(frozen=True)
class HostBench:
    site: Site
    host: Host

    @cached_property
    def balanced(self) -> tuple[Balanced, ...]:
        """Those that the table leads on: the kernel's IPVS is not what is tested."""
        return tuple(by_rules(host_balanced(self.site, self.host)))

    @cached_property
    def wires(self) -> tuple[HostWire, ...]:
        """Each network once, by its first device, with all addresses: the rules know nothing else."""
        found: dict[str, HostWire] = {}
        for one in (*map(_of_bridge, self.host.bridges), *map(self._of_interface, self.host.interfaces)):
            first = found.get(one.network, one)
            addresses = tuple(dict.fromkeys((*first.addresses, *one.addresses)))
            found[one.network] = replace(first, addresses=addresses, beyond=first.beyond | one.beyond)
        return tuple(found.values())

    def _of_interface(self, interface: Interface) -> HostWire:
        network = self.site.networks[interface.network]
        on_link = tuple(network.on_link(address) for address in interface.addresses)
        beyond = frozenset(one.version for one in gateways(self.site, interface))
        return HostWire(interface.name, interface.network, on_link, beyond, False)

    def wire_to(self, address: Address) -> HostWire | None:
        """Where the host's way to an address leads; None where the site does not know."""
        on_link = (
            wire for wire in self.wires if any(address in one for one in wire.prefixes(address.version))
        )
        return next(on_link, None) or next(
            (wire for wire in self.wires if address.version in wire.beyond), None
        )

    def somebody(self, wire: HostWire, family: int) -> Address | None:
        """An address on a wire that nobody has; None where all are taken, or there is no such prefix."""
        free = (free_address(self.site, prefix) for prefix in wire.prefixes(family))
        return next((one for one in free if one is not None), None)

    def device_views(self) -> list[PolicyTestInterface]:
        """The option `interfaces` of policy_check."""
        return [
            {
                "name": wire.device,
                "network": wire.network,
                "prefixes": [
                    *(str(prefix) for family in EVERYWHERE for prefix in wire.prefixes(family)),
                    *(EVERYWHERE[family] for family in sorted(wire.beyond)),
                ],
                "addresses": [str(one) for one in wire.addresses],
            }
            for wire in self.wires
        ]


def _of_bridge(bridge: Bridge) -> HostWire:
    return HostWire(bridge.name, bridge.network, bridge.addresses, frozenset(), True)


def host_cases(bench: HostBench) -> list[PacketCase]:
    """Derive tests; what several balancers lead to is tested once."""
    found: dict[str, PacketCase] = {}
    for one in bench.balanced:
        wire = bench.wire_to(one.virtual)
        sender = bench.somebody(wire, one.virtual.version) if wire else None
        if wire is None or sender is None:
            continue
        for protocol, port in ports_of(one.service):
            asked = BalancedPort(bench, one, wire, sender, {"protocol": protocol, "port": port})
            for each in asked.cases():
                key = repr({name: value for name, value in each.items() if name != "name"})
                found.setdefault(key, each)
    return list(found.values())


@dataclass(frozen=True)
class BalancedPort:
    """One port of a balancer, and who asks for it."""

    bench: HostBench
    one: Balanced
    wire: HostWire
    sender: Address
    more: Options

    @property
    def name(self) -> str:
        return f"site_balancers.{self.one.name}, {self.more['protocol']}/{self.more['port']}"

    def cases(self) -> Iterator[PacketCase]:
        for server in some_of(self.one):
            yield from self._answered(server)
        yield from self._together()
        yield self._itself(
            f"{self.name}: while nobody answers", self.more, only(BALANCER_TABLE, self.one, None)
        )
        near = {**self.more, "port": self._free_port()}
        yield self._itself(f"{self.name}: not {near['protocol']}/{near['port']}", near)
        yield from self._elsewhere()
        yield from self._around()

    def _answered(self, server: Answering) -> Iterator[PacketCase]:
        """A server that is the only one, then the same while it has failed."""
        setup = only(BALANCER_TABLE, self.one, server)
        name, virtual = f"{self.name}: {called(server)}", self.one.virtual
        ends = self.wire.network, None, self.sender, virtual
        if self._is_own(server.address):
            words = ["no dnat"] if self._stays(server) else [f"dnat to {place(server)}"]
            to = (self.wire.network, FIREWALL, self.sender, virtual)
            yield case(name, *to, "accept", *words, **self.more, setup=setup)
            return
        out = self.bench.wire_to(server.address)
        if out is None:
            return
        through = (self.wire.network, out.network, self.sender, virtual)
        words = [f"dnat to {place(server)}", self._seen_as(out)]
        yield case(name, *through, "accept", *words, **self.more, setup=setup)
        more: Options = {**self.more, "setup": setup}
        yield case(f"{name}: later packets", *through, "accept", packet="established", **more)
        for error in ERRORS[virtual.version]:
            yield case(f"{name}: {error} about it", *through, "accept", packet="related", error=error, **more)
        label, gone = f"{name}, which has failed", [*setup, *failed(BALANCER_TABLE, self.one, server)]
        yield case(label, *ends, "reject", **self.more, setup=gone)
        for other in self.bench.balanced:
            there = next((each for each in other.answering if each.address == server.address), None)
            if other is not self.one and there is not None:
                label, gone = (
                    f"{name}, which has failed for {other.name}",
                    failed(BALANCER_TABLE, other, there),
                )
                yield case(label, *through, "accept", *words, **self.more, setup=[*setup, *gone])
        if leads_itself(self.one):
            own: Options = {**self.more, "setup": setup}
            label = f"{name}, asked by the host itself"
            yield case(label, FIREWALL, out.network, virtual, virtual, "accept", words[0], **own)

    def _together(self) -> Iterator[PacketCase]:
        servers = [each for each in self.one.servers if each.server and each.server.weight]
        known = all(self.bench.wire_to(each.address) and not self._is_own(each.address) for each in servers)
        if servers and known:
            whom = " or ".join(sorted({place(each) for each in servers}))
            ends = self.wire.network, None, self.sender, self.one.virtual
            yield case(f"{self.name}: any of them", *ends, "accept", f"dnat to {whom}", **self.more)

    def _itself(self, name: str, more: Options, setup: list[str] | None = None) -> PacketCase:
        """What is led to nobody is the host's own."""
        ends = self.wire.network, FIREWALL, self.sender, self.one.virtual
        made = {**more, "setup": setup} if setup else more
        return case(name, *ends, "accept", "no dnat", **made)

    def _elsewhere(self) -> Iterator[PacketCase]:
        """The same port of the host's other addresses is its own, and of others it is theirs."""
        taken = {one.virtual for one in self.bench.balanced}
        for address in self.wire.own(self.one.virtual.version):
            if address not in taken:
                ends = self.wire.network, FIREWALL, self.sender, address
                yield case(f"{self.name}: not on {address}", *ends, "accept", "no dnat", **self.more)
        if leads_itself(self.one):
            own = self.one.virtual
            ends = FIREWALL, self.wire.network, own, self.sender
            label = f"{self.name}: not what the host asks of {self.sender}"
            yield case(label, *ends, "accept", "no dnat", **self.more)
            near = {**self.more, "port": self._free_port()}
            label = f"{self.name}: not {near['protocol']}/{near['port']}, asked by the host itself"
            yield case(label, FIREWALL, FIREWALL, own, own, "accept", "no dnat", **near)

    def _around(self) -> Iterator[PacketCase]:
        """What the host is not asked for it does not forward."""
        if any(one.balancer.forward_others for one in self.bench.balanced):
            return
        version = self.one.virtual.version
        for out in self.bench.wires:
            receiver = self.bench.somebody(out, version)
            if out is not self.wire and receiver is not None:
                label = f"{self.name}: not from {self.wire.network} to {out.network}"
                yield case(label, self.wire.network, None, self.sender, receiver, "drop", **self.more)
                back = f"{self.name}: not from {out.network} to {self.wire.network}"
                yield case(back, out.network, None, receiver, self.sender, "drop", **self.more)
        for server in some_of(self.one):
            there = self.bench.wire_to(server.address)
            within = there is self.wire and there.bridge
            if there is not None and not within and not self._is_own(server.address):
                port = self.more["port"] if server.port is None else server.port
                label = f"{self.name}: not {server.address} itself"
                around: Options = {**self.more, "port": port}
                yield case(label, self.wire.network, None, self.sender, server.address, "drop", **around)

    def _seen_as(self, out: HostWire) -> str:
        """Whom a server sees: of several addresses the kernel chooses one."""
        if not self.one.balancer.source_nat:
            return "no snat"
        family = self.one.virtual.version
        # on a wire without an address of the family it is one of another wire's
        own = out.own(family) or [one for wire in self.bench.wires for one in wire.own(family)]
        return f"snat to {' or '.join(map(str, own))}"

    def _is_own(self, address: Address) -> bool:
        return any(address == mine for _network, mine in self.bench.host.places())

    def _stays(self, server: Answering) -> bool:
        """Whether what is led there is what was asked for."""
        return server.address == self.one.virtual and server.port in (None, self.more["port"])

    def _free_port(self) -> int:
        """The next port of the address that no balancer takes."""
        start, protocol = int(self.more["port"]), str(self.more["protocol"])
        here = (one for one in self.bench.balanced if one.virtual == self.one.virtual)
        taken = [span for one in here for span in one.service.ports(protocol)]
        others: list[int] = [*range(start + 1, 65536), *range(start - 1, 0, -1)]
        return next(port for port in others if not any(first <= port <= last for first, last in taken))
