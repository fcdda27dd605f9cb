# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of balancers: who answers while all servers are well, and what becomes of flows when none is."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.ftfw.pair.plugins.module_utils.balance.jhash import client_hash
from ansible_collections.ftfw.pair.plugins.module_utils.balance.maps import (
    last_map,
    last_port_map,
)
from ansible_collections.ftfw.pair.plugins.module_utils.nft.names import FAMILY, TABLE
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.balancer_setups import (
    called,
    failed,
    only,
    place,
    some_of,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.bench import Bench
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.cases import (
    Options,
    PacketCase,
    case,
    ports_of,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.balancers import remembers
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.balancers import Answering, Balanced
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import Address, of_family

_PORT = 40000
"""Of a client that comes again."""


def balancer_cases(bench: Bench) -> Iterator[PacketCase]:
    for one in bench.firewall.balanced:
        for protocol, port in ports_of(one.service):
            yield from _port(bench, one, {"protocol": protocol, "port": port})


def _port(bench: Bench, one: Balanced, more: Options) -> Iterator[PacketCase]:
    """Each server by itself, all together, nobody, and what is beside the port."""
    source, virtual = one.balancer.network, one.virtual
    sender = bench.host(source, virtual.version)
    protocol, port = more["protocol"], more["port"]
    name = f"site_balancers.{one.name}, {protocol}/{port}"
    for server in some_of(one):
        yield from _answered(bench, one, f"{name}: {called(server)}", server, more)
    yield from _itself(bench, one, name, one.answering[0], more)
    own = one.answering[0].port
    if own not in (None, port):
        yield from _itself(bench, one, f"{name}, at port {own}", one.answering[0], {**more, "port": own})
    together = _verdict(
        bench, one, [server for server in one.servers if server.server and server.server.weight], more
    )
    if together is not None:
        yield case(f"{name}: any of them", source, None, sender, virtual, *together, **more)
    if protocol == "tcp" and remembers(one) and len(one.answering) > 1:
        yield from _came_again(bench, one, name, more)
    nobody = only(TABLE, one, None)
    yield case(f"{name}: while nobody answers", source, None, sender, virtual, "reject", **more, setup=nobody)
    near = bench.not_forwarded(virtual, protocol, port)
    yield case(
        f"{name}: not {protocol}/{near}", source, None, sender, virtual, "drop", protocol=protocol, port=near
    )
    for other in bench.data:
        if other != source and virtual.version in bench.families(other, source):
            stranger = bench.host(other, virtual.version)
            yield case(f"{name}: not from {other}", other, None, stranger, virtual, "drop", **more)


def _answered(
    bench: Bench, one: Balanced, name: str, server: Answering, more: Options
) -> Iterator[PacketCase]:
    """A server that is the only one, then the same while it has failed."""
    source, virtual = one.balancer.network, one.virtual
    sender = bench.host(source, virtual.version)
    found = bench.judge((source, server.network), sender, server.address, more, virtual)
    alone = only(TABLE, one, server)
    if not found.accepts:
        yield case(name, source, None, sender, virtual, found.action, **more, setup=alone)
        return
    words = ("accept", f"dnat to {place(server)}", _seen_as(bench, one, server))
    yield case(name, source, server.network, sender, virtual, *words, **more, setup=alone)
    label = f"{name}, which has failed"
    yield case(
        label, source, None, sender, virtual, "reject", **more, setup=[*alone, *failed(TABLE, one, server)]
    )
    for other in bench.firewall.balanced:
        there = next((each for each in other.answering if each.address == server.address), None)
        if other is not one and there is not None:
            label = f"{name}, which has failed for {other.name}"
            setup = [*alone, *failed(TABLE, other, there)]
            yield case(label, source, server.network, sender, virtual, *words, **more, setup=setup)


def _came_again(bench: Bench, one: Balanced, name: str, more: Options) -> Iterator[PacketCase]:
    """A client that comes again from the same port gets the same server, whoever's turn it is."""
    source, sender = one.balancer.network, bench.host(one.balancer.network, one.virtual.version)
    turn, before = one.answering[:2]
    found = bench.judge((source, before.network), sender, before.address, more, one.virtual)
    if found.accepts:
        setup = [*only(TABLE, one, turn), *_remembered(one, sender, before)]
        ends = source, before.network, sender, one.virtual
        for port, server in ((_PORT, before), (_PORT + 2, turn)):
            words = ("accept", f"dnat to {place(server)}")
            label = f"{name}: {called(server)} from port {port}"
            yield case(label, *ends, *words, **more, source_port=port, setup=setup)
        if bench.judge((source, turn.network), sender, turn.address, more).accepts:
            label, around = (
                f"{name}: {called(turn)} itself from port {_PORT}",
                (source, turn.network, sender),
            )
            words = ("accept", "no dnat")
            yield case(label, *around, turn.address, *words, **more, source_port=_PORT, setup=setup)


def _itself(bench: Bench, one: Balanced, name: str, server: Answering, more: Options) -> Iterator[PacketCase]:
    """What goes around the virtual address is the entries' matter alone."""
    source, sender = one.balancer.network, bench.host(one.balancer.network, one.virtual.version)
    for receiver, where in (
        (server.address, str(server.address)),
        (bench.stranger(server.network, one.virtual.version), "another host"),
    ):
        found = bench.judge((source, server.network), sender, receiver, more)
        label = f"{name}: {where} itself"
        setup = failed(TABLE, one, server)
        if found.accepts:
            words = ("accept", "no dnat", bench.shown(source, server.network, sender, receiver))
            yield case(label, source, server.network, sender, receiver, *words, **more, setup=setup)
        else:
            yield case(label, source, None, sender, receiver, found.action, **more, setup=setup)


def _verdict(bench: Bench, one: Balanced, servers: list[Answering], more: Options) -> tuple[str, ...] | None:
    """What is expected where any of some servers may answer; None where it depends on which."""
    source, sender = one.balancer.network, bench.host(one.balancer.network, one.virtual.version)
    found = {
        bench.judge((source, each.network), sender, each.address, more, one.virtual).action
        for each in servers
    }
    if len(found) != 1:
        return None
    (action,) = found
    whom = " or ".join(sorted({place(each) for each in servers}))
    return (action, f"dnat to {whom}") if action == "accept" else (action,)


def _remembered(one: Balanced, client: Address, server: Answering) -> list[str]:
    """What lets the rules know who has answered a client's port."""
    number, add = client_hash(str(client), _PORT), f"add element {FAMILY} {TABLE}"
    known = [f"{add} {last_map(one.name)} {{ {number} : {server.address} }}"]
    if server.port is not None:
        known.append(f"{add} {last_port_map(one.name)} {{ {number} : {server.port} }}")
    return known


def _seen_as(bench: Bench, one: Balanced, server: Answering) -> str:
    """Whom a server sees, as an expectation."""
    if not one.balancer.source_nat:
        return "no snat"
    shown = of_family(bench.firewall.pair.virtual_addresses(server.network), one.virtual.version)
    return f"snat to {shown[0]}"
