# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of port forwards, and of entries that speak of the virtual addresses that were asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from ansible_collections.ftfw.pair.plugins.module_utils.packets.dialogs import DIALOGS
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.bench import Bench
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.cases import (
    Options,
    PacketCase,
    case,
    ports_of,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.decisions import Decision, within
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.derived import (
    REPEAT,
    is_slow,
    judged,
    packets_of,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import PolicyEntry, Way
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import PortForward
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import Address
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.services import (
    HELPERS,
    Service,
    helper_families,
    helper_type,
)


@dataclass(frozen=True)
class Asked:
    """A port forward of this pair: from where to where, what is asked for, and who is behind it."""

    forward: PortForward
    service: Service
    way: Way
    virtual: Address
    address: Address

    @property
    def family(self) -> int:
        return self.virtual.version

    def is_for(self, sender: Address) -> bool:
        return within(self.forward.sources, sender)

    def is_another_s(self, bench: Bench, network: str, sender: Address, more: Options) -> bool:
        """Whether another port forward of the port is for somebody on a network."""
        return any(
            network in others.networks and within(others.forward.sources, sender)
            for others in _all_asked(bench)
            if others.forward is not self.forward
            and others.virtual == self.virtual
            and others.takes(str(more["protocol"]), int(more["port"]))
        )

    def takes(self, protocol: str, port: int) -> bool:
        ranges = self.service.tcp if protocol == "tcp" else self.service.udp
        return any(first <= port <= last for first, last in ranges)

    @property
    def networks(self) -> tuple[str, ...]:
        """From where it can be asked for."""
        return self.way if self.forward.hairpin else self.way[:1]


def _all_asked(bench: Bench) -> Iterator[Asked]:
    site = bench.firewall.site
    for forward in site.port_forwards:
        target, virtual = site.forward_target(forward), site.forward_address(forward)
        if target is None or virtual is None or site.forward_pair(forward) != bench.firewall.pair:
            continue
        way, service = (forward.network, target[0]), site.services[forward.service]
        yield Asked(forward, service, way, virtual, target[1])


def port_forward_cases(bench: Bench) -> Iterator[PacketCase]:
    for asked in _all_asked(bench):
        for protocol, port in ports_of(asked.service):
            yield from _port(bench, asked, {"protocol": protocol, "port": port})
        for entry in bench.firewall.ways.get(asked.way, ()):
            if entry.destinations is not None and within(entry.destinations, asked.virtual):
                yield from _about_it(bench, asked, entry)


def _port(bench: Bench, asked: Asked, more: Options) -> Iterator[PacketCase]:
    """One port of a port forward: for whom it is, for whom it is not, and what is beside it."""
    (source, network), virtual, address = asked.way, asked.virtual, asked.address
    protocol, port = more["protocol"], more["port"]
    name = f"{asked.forward}, {protocol}/{port}"
    senders = bench.members(asked.forward.sources, source, asked.family)
    for number, sender in enumerate(senders):
        whose = "" if asked.forward.sources is None else f" from {sender}"
        yield from _hit(bench, asked, f"{name}{whose}", sender, more, announces=not number)
    yield from _not_for(bench, asked, name, more)
    sender = senders[0] if senders else bench.host(source, asked.family)
    miss = source, None, sender, virtual
    near = bench.not_forwarded(virtual, protocol, port)
    yield case(f"{name}: not {protocol}/{near}", *miss, "drop", protocol=protocol, port=near)
    other = "udp" if protocol == "tcp" else "tcp"
    if (virtual, other, port) not in bench.forwarded:
        yield case(f"{name}: not {other}", *miss, "drop", protocol=other, port=port)
    if protocol == "tcp":
        yield case(f"{name}: no flow begins with ack", *miss, "drop", flags=["ack"], **more)
    yield from _not_forwarded(bench, name, asked, more)
    for receiver, where in (
        (address, "around the virtual address"),
        (bench.stranger(network, asked.family), "at another address"),
    ):
        found = bench.judge(asked.way, sender, receiver, more)
        if not found.accepts:
            yield case(f"{name}: not {where}", source, None, sender, receiver, found.action, **more)
    if network in bench.data:
        yield from _from_its_own_network(bench, asked, name, more)


def _hit(
    bench: Bench, asked: Asked, name: str, sender: Address, more: Options, announces: bool = False
) -> Iterator[PacketCase]:
    """What becomes of a packet to the virtual address: an entry's word, or the port forward's."""
    (source, network), virtual, service = asked.way, asked.virtual, asked.service
    found = bench.judge(asked.way, sender, asked.address, more, virtual)
    if not asked.is_for(sender):
        if not asked.is_another_s(bench, source, sender, more):
            yield case(f"{name}: it is not for them", source, None, sender, virtual, "drop", **more)
        return
    if _refuses(found):
        yield case(f"{name}, by {found.entry}", source, None, sender, virtual, found.action, **more)
        return
    hit = source, network, sender, virtual
    helper = _helper(bench, asked, asked.way, sender, more)
    yield case(name, *hit, "accept", f"dnat to {asked.address}", "no snat", helper, **more)
    if announces and service.helper in DIALOGS and HELPERS[service.helper] == more["protocol"]:
        announced: Options = {**more, "packet": "expected", "helper": service.helper}
        yield case(f"{name}: what it announces", *hit, "accept", **announced)


def _refuses(found: Decision) -> bool:
    """Port forwards come after all entries, and take what none has decided."""
    return found.entry is not None and not found.accepts


def _not_for(bench: Bench, asked: Asked, name: str, more: Options) -> Iterator[PacketCase]:
    """Addresses that are just not among the sources."""
    if asked.forward.sources is not None:
        outsiders = bench.outsiders(asked.forward.sources, asked.way[0], asked.family)
        for sender in (one for one in outsiders if not asked.is_another_s(bench, asked.way[0], one, more)):
            ends = asked.way[0], None, sender, asked.virtual
            yield case(f"{name}: not from {sender}", *ends, "drop", **more)


def _about_it(bench: Bench, asked: Asked, entry: PolicyEntry) -> Iterator[PacketCase]:
    """An entry that names the virtual address: whom it is about, and whom it is not; when, and how often."""
    source, family = asked.way[0], asked.family
    inside = bench.members(entry.sources, source, family)
    outside = [] if entry.sources is None else bench.outsiders(entry.sources, source, family)
    clocks: list[Options] = [{}]
    if entry.window is not None:
        clocks = [{"at": str(moment)} for moment in entry.window.edges()]
    for protocol, port in ports_of(asked.service):
        plain: Options = {"protocol": protocol, "port": port}
        name = f"{entry.place}: {protocol}/{port} at {asked.virtual}"
        for sender in (*inside, *outside):
            for clock in clocks:
                yield from _hit(bench, asked, f"{name} from {sender}", sender, {**plain, **clock})
        for sender in inside[:1]:
            ends = sender, asked.address
            for more in ({**plain, **clock} for clock in clocks):
                yield from judged(bench, f"{name}: {asked.address} itself", asked.way, ends, more)
                if protocol == "tcp" and entry.accepts:
                    label = f"{name} without a beginning"
                    yield case(label, source, None, sender, asked.virtual, "drop", **more, flags=["ack"])
            found = bench.judge(asked.way, *ends, plain, asked.virtual)
            if found.entry == entry and entry.limit and is_slow(entry.limit) and asked.is_for(sender):
                many: Options = {**plain, "repeat": REPEAT}
                label = f"{name}: at most {entry.limit}"
                yield case(label, *asked.way, sender, asked.virtual, "limited", **many)


def _from_its_own_network(bench: Bench, asked: Asked, name: str, more: Options) -> Iterator[PacketCase]:
    network, virtual = asked.way[1], asked.virtual
    neighbour = bench.stranger(network, asked.family)
    another_s = asked.is_another_s(bench, network, neighbour, more)
    if not asked.forward.hairpin:
        if another_s:
            return
        yield case(f"{name}: not from {network}", network, None, neighbour, virtual, "drop", **more)
        return
    sources = asked.forward.sources
    neighbours = [neighbour] if sources is None else bench.members(sources, network, asked.family)
    back = f"snat to {bench.virtual(network, asked.family)}"
    # nobody sends to himself
    for sender in (one for one in neighbours if one != asked.address):
        helper = _helper(bench, asked, (network, network), sender, more)
        ends, words = (network, network, sender, virtual), (f"dnat to {asked.address}", back, helper)
        yield case(f"{name}: from {network}", *ends, "accept", *words, **more)
    if sources is not None and not within(sources, neighbour) and not another_s:
        yield case(f"{name}: not from {neighbour}", network, None, neighbour, virtual, "drop", **more)


def _not_forwarded(bench: Bench, name: str, asked: Asked, forwarded: Options) -> Iterator[PacketCase]:
    """What entries let through to the target's network is not to be had at the virtual address."""
    virtual, address, family, network = asked.virtual, asked.address, asked.family, asked.way[1]
    for (source, destination), entries in bench.firewall.ways.items():
        if destination != network or family not in bench.families(source, network):
            continue
        sender = bench.host(source, family)
        if source != asked.way[0]:
            if bench.judge((source, network), sender, address, forwarded).accepts and not asked.is_another_s(
                bench, source, sender, forwarded
            ):
                ends = source, None, sender, virtual
                yield case(f"{name}: not from {source}", *ends, "drop", **forwarded)
            continue
        let_in = (
            more
            for entry in entries
            for _what, _service, more in packets_of(bench, entry, family, {})
            if "port" in more
            and (virtual, more["protocol"], more["port"]) not in bench.forwarded
            and bench.judge(asked.way, sender, address, more, virtual).accepts
        )
        for more in islice(let_in, 1):
            what = f"{more['protocol']}/{more['port']}"
            ends = source, None, sender, virtual
            yield case(f"{name}: not {what}, which is open to {network}", *ends, "drop", **more)


def _helper(bench: Bench, asked: Asked, way: Way, sender: Address, more: Options) -> str:
    """The port forward's own helper, which comes first, or that which an entry gives the flow."""
    own = asked.service.helper
    if own and HELPERS[own] == more["protocol"] and sender.version in helper_families(own):
        return f"helper {helper_type(own)}"
    return bench.helper(way, sender, asked.address, more, asked.virtual)
