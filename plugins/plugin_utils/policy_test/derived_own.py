# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of what a firewall takes for itself and what it sends, derived from the site."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.bench import Bench
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.cases import (
    ERRORS,
    FIREWALL,
    Options,
    PacketCase,
    case,
    ports_of,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.derived_neighbours import neighbour_cases
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.pair_links import (
    FLOWS_PORT,
    HEALTH_PORT,
    PATH_PORT,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import FAMILIES, Address

_VRRP: Options = {"protocol": "112"}
_PING: Options = {"protocol": "icmp", "type": "echo-request"}
_STRANGE = {4: "source-quench", 6: "100"}
_OTHER_TYPE = {4: "timestamp-request", 6: "mld-listener-query"}
_CLOSED = 9999
"""A port that nobody has."""


def own_cases(bench: Bench) -> Iterator[PacketCase]:
    for network in bench.data:
        for family in bench.own_families(network):
            yield from _pings(bench, network, family)
            yield from _closed(bench, network, family)
    yield from _vrrp(bench)
    yield from _replication(bench)
    yield from _path_tracking(bench)
    yield from _flows(bench)
    yield from _health(bench)
    yield from _management(bench)
    yield from _strong_host(bench)
    yield from _leases(bench)
    yield from _lacking(bench)
    yield from _sent(bench)
    yield from neighbour_cases(bench)


def gate_cases(bench: Bench) -> Iterator[PacketCase]:
    """While the gate is shut, as it is when the table has just been loaded."""
    name = "while the gate is shut"
    for network in bench.data:
        for family in bench.own_families(network):
            sender, virtual = bench.host(network, family), bench.virtual(network, family)
            own = network, FIREWALL, sender, bench.own(network, family)
            yield case(f"{name}: {network} reaches the node itself", *own, "accept", **_PING)
            if virtual is not None:
                yield case(f"{name}: not {virtual}", network, None, sender, virtual, "drop", **_PING)
    for way, entries in bench.firewall.ways.items():
        for entry in entries:
            for family in bench.families(*way):
                for ends in bench.ends(entry, way, family)[:1]:
                    for service in bench.firewall.services(entry):
                        ports = [{"protocol": protocol, "port": port} for protocol, port in ports_of(service)]
                        for more in ports or [_PING]:
                            label = f"{name}: not {' to '.join(way)}, {service.name}"
                            yield case(label, way[0], None, *ends, "drop", **more)


def _udp(source_port: int, port: int) -> Options:
    return {"protocol": "udp", "source_port": source_port, "port": port}


def _tcp(port: int) -> Options:
    return {"protocol": "tcp", "port": port}


def _pings(bench: Bench, network: str, family: int) -> Iterator[PacketCase]:
    sender, own = bench.host(network, family), bench.own(network, family)
    name = f"ping from {network}"
    for address in (own, bench.virtual(network, family)):
        if address is not None:
            yield case(f"{name}: {address}", network, FIREWALL, sender, address, "accept", **_PING)
    yield case(f"{name}: within measure", network, None, sender, own, "limited", repeat=40, **_PING)
    yield case(f"{name}: not a broken one", network, None, sender, own, "drop", broken=True, **_PING)
    kind = _OTHER_TYPE[family]
    yield case(f"{name}: no {kind}", network, None, sender, own, "drop", protocol="icmp", type=kind)


def _closed(bench: Bench, network: str, family: int) -> Iterator[PacketCase]:
    """Nothing is open, and a virtual address refuses nothing aloud."""
    sender = bench.host(network, family)
    for address in (bench.own(network, family), bench.virtual(network, family)):
        if address is None:
            continue
        for port in (22, 179, PATH_PORT, FLOWS_PORT, HEALTH_PORT):
            if (address, "tcp", port) in bench.forwarded:
                continue
            yield case(
                f"{network}: tcp/{port} of {address}", network, None, sender, address, "drop", **_tcp(port)
            )
        for flags in (["ack"], ["syn", "ack"]):
            if (address, "tcp", 22) in bench.forwarded:
                continue
            name = f"{network}: {' '.join(flags)} to {address}"
            yield case(name, network, None, sender, address, "drop", **_tcp(22), flags=flags)
        leases = [(67, 68)] if family == 6 else [(67, _CLOSED), (_CLOSED, 68)]
        for source_port, port in ((53, 40000), *leases):
            if (address, "udp", port) in bench.forwarded:
                continue
            name = f"{network}: udp/{port} of {address}"
            yield case(name, network, None, sender, address, "drop", **_udp(source_port, port))


def _vrrp(bench: Bench) -> Iterator[PacketCase]:
    firewall = bench.firewall
    for router, family in firewall.instances():
        network = router.network
        own, peer = firewall.address(network, family), firewall.peer_address(network, family)
        name = f"VRRP on {network}"
        yield case(f"{name}: from the peer", network, FIREWALL, peer, own, "accept", "no entry", **_VRRP)
        yield case(f"{name}: to the peer", FIREWALL, network, own, peer, "accept", "no entry", **_VRRP)
        stranger = bench.stranger(network, family)
        yield case(f"{name}: not from others", network, None, stranger, own, "drop", **_VRRP)
        yield case(f"{name}: nothing else from the peer", network, None, peer, own, "drop", **_tcp(22))
        for other in bench.networks:
            if other != network:
                yield case(f"{name}: not from {other}", other, None, peer, own, "drop", **_VRRP)


def _replication(bench: Bench) -> Iterator[PacketCase]:
    firewall, port = bench.firewall, bench.firewall.sync_port
    for network in firewall.pair.sync:
        family = firewall.site.networks[network].first_family
        own, peer = firewall.address(network, family), firewall.peer_address(network, family)
        name = f"replication on {network}"
        more = _udp(port, port)
        yield case(f"{name}: from the peer", network, FIREWALL, peer, own, "accept", "no entry", **more)
        yield case(f"{name}: to the peer", FIREWALL, network, own, peer, "accept", "no entry", **more)
        yield case(
            f"{name}: not from others", network, None, bench.stranger(network, family), own, "drop", **more
        )
        yield case(
            f"{name}: nothing else from the peer", network, None, peer, own, "drop", **_udp(port, _CLOSED)
        )
        yield case(f"{name}: no ping from the peer", network, None, peer, own, "drop", **_PING)
        for other in bench.data:
            if bench.has(other, family):
                yield case(f"{name}: not from {other}", other, None, peer, own, "drop", **more)
                away = network, None, peer, bench.own(other, family)
                yield case(f"{name}: not to the address on {other}", *away, "drop", **more)


def _path_tracking(bench: Bench) -> Iterator[PacketCase]:
    more = _udp(PATH_PORT, PATH_PORT)
    for link in bench.firewall.links:
        network, own, peer = link.network, link.local, link.peer
        name = f"path tracking on {network}"
        yield case(f"{name}: from the peer", network, FIREWALL, peer, own, "accept", "no entry", **more)
        yield case(f"{name}: to the peer", FIREWALL, network, own, peer, "accept", "no entry", **more)
        stranger = bench.stranger(network, own.version)
        yield case(f"{name}: not from others", network, None, stranger, own, "drop", **more)
        for source_port, port in ((_CLOSED, PATH_PORT), (PATH_PORT, _CLOSED)):
            ends = network, None, peer, own
            yield case(f"{name}: not {source_port} to {port}", *ends, "drop", **_udp(source_port, port))
        for other in bench.networks:
            if other != network and bench.has(other, own.version):
                yield case(f"{name}: not from {other}", other, None, peer, own, "drop", **more)
                away = network, None, peer, bench.own(other, own.version)
                yield case(f"{name}: not to the address on {other}", *away, "drop", **more)


def _flows(bench: Bench) -> Iterator[PacketCase]:
    """The preferred node that wants its role back asks the other one for its flows."""
    firewall = bench.firewall
    tells = firewall.pair.preempt != "never" and firewall.pair.preferred() != firewall.host.name
    network = firewall.pair.sync[0]
    family = firewall.site.networks[network].first_family
    own, peer = firewall.address(network, family), firewall.peer_address(network, family)
    more = _tcp(FLOWS_PORT)
    verdict = "accept" if tells else "drop"
    yield case("the flows: asked by the peer", network, FIREWALL, peer, own, verdict, **more)
    yield case(
        "the flows: not by others", network, None, bench.stranger(network, family), own, "drop", **more
    )
    yield case("the flows: nothing else", network, None, peer, own, "drop", **_tcp(_CLOSED))
    for other in bench.data:
        if bench.has(other, family):
            away = network, None, peer, bench.own(other, family)
            yield case(f"the flows: not at the address on {other}", *away, "drop", **more)


def _health(bench: Bench) -> Iterator[PacketCase]:
    """Each node's health check asks the other one."""
    firewall = bench.firewall
    more = _tcp(HEALTH_PORT)
    for network in firewall.pair.sync:
        family = firewall.site.networks[network].first_family
        own, peer = firewall.address(network, family), firewall.peer_address(network, family)
        name = f"health on {network}"
        yield case(f"{name}: asked by the peer", network, FIREWALL, peer, own, "accept", **more)
        stranger = bench.stranger(network, family)
        yield case(f"{name}: not by others", network, None, stranger, own, "drop", **more)
        for other in bench.data:
            if bench.has(other, family):
                away = network, None, peer, bench.own(other, family)
                yield case(f"{name}: not at the address on {other}", *away, "drop", **more)


def _management(bench: Bench) -> Iterator[PacketCase]:
    for interface in bench.firewall.management:
        network = interface.network
        for family in bench.own_families(network):
            own, stranger = bench.own(network, family), bench.stranger(network, family)
            trusted = _hypervisors(bench, network, family)
            sender = trusted[0] if trusted else stranger
            name = f"management from {network}"
            # hypervisors alone may log in, and of this family there is none
            shut = not trusted and any(_hypervisors(bench, network, other) for other in FAMILIES)
            there = (None if shut else FIREWALL), sender, own, "drop" if shut else "accept"
            yield case(f"{name}: ssh", network, *there, **_tcp(22))
            yield case(f"{name}: ping", network, *there, **_PING)
            yield case(f"{name}: nothing else", network, None, sender, own, "drop", **_tcp(23))
            kind = _OTHER_TYPE[family]
            yield case(f"{name}: no {kind}", network, None, sender, own, "drop", protocol="icmp", type=kind)
            if trusted:
                yield case(f"{name}: no ssh of others", network, None, stranger, own, "drop", **_tcp(22))
                yield case(f"{name}: no ping of others", network, None, stranger, own, "drop", **_PING)
            for side in bench.networks:
                if side != network and bench.has(side, family):
                    ends = side, None, sender, bench.own(side, family)
                    yield case(f"{name}: no ssh on {side}", *ends, "drop", **_tcp(22))
            for side in bench.firewall.pair.sync:
                if bench.has(side, family):
                    ends = side, None, sender, bench.own(side, family)
                    yield case(f"{name}: no ping on {side}", *ends, "drop", **_PING)


def _hypervisors(bench: Bench, network: str, family: int) -> list[Address]:
    return [
        address.ip
        for _host, bridge in bench.firewall.site.bridges()
        if bridge.network == network
        for address in bridge.addresses
        if address.version == family
    ]


def _strong_host(bench: Bench) -> Iterator[PacketCase]:
    for network in bench.apart:
        for side in bench.data:
            for family in bench.families(network, side):
                ends = side, None, bench.host(side, family), bench.own(network, family)
                yield case(f"{network} is not reached from {side}: ping", *ends, "drop", **_PING)
                yield case(f"{network} is not reached from {side}: ssh", *ends, "drop", **_tcp(22))


def _leases(bench: Bench) -> Iterator[PacketCase]:
    """A lease goes to the address that the node has; what looks like one comes from elsewhere."""
    dhcp = {interface.network for interface in bench.firewall.host.interfaces if interface.dhcp}
    for network in bench.networks:
        if not bench.has(network, 4):
            continue
        sender, own = bench.host(network, 4), bench.own(network, 4)
        if network in dhcp:
            yield case(f"leases on {network}", network, FIREWALL, sender, own, "accept", **_udp(67, 68))
        else:
            yield case(f"no leases on {network}", network, None, sender, own, "drop", **_udp(67, 68))
        for side in bench.networks:
            virtual = bench.virtual(side, 4)
            if virtual is not None:
                name = f"no leases for {virtual} on {network}"
                yield case(name, network, None, sender, virtual, "drop", **_udp(67, 68))


def _lacking(bench: Bench) -> Iterator[PacketCase]:
    """A device may have an address of a family that its network lacks, such as a link-local one."""
    for network in bench.networks:
        for family in FAMILIES:
            if not bench.has(network, family):
                ends = network, None, bench.stranger(network, family), bench.own(network, family)
                for more in (_PING, _tcp(22), _udp(67, 68)):
                    name = f"{network} does not have this family: {more['protocol']}"
                    yield case(name, *ends, "drop", **more)


def _sent(bench: Bench) -> Iterator[PacketCase]:
    """What the firewall opens is answered, keeps its address, and is tracked but for the pair's own."""
    name = "from the firewall"
    for network in bench.networks:
        for family in (family for family in FAMILIES if bench.stands(network, family)):
            yield from _tracked(bench, network, family)
        for family in bench.own_families(network):
            ends = FIREWALL, network, bench.own(network, family), bench.stranger(network, family)
            plain = (_tcp(80), _udp(_CLOSED, _CLOSED), _PING)
            for more in plain:
                label = f"{name} to {network}: {more['protocol']}"
                yield case(label, *ends, "accept", "entry", "no snat", **more)
            yield case(f"{name} to {network}: an error", *ends, "accept", packet="related", **_tcp(81))
            for error in ERRORS[family]:
                about: Options = {"packet": "related", "error": error, **_tcp(81)}
                yield case(f"{name} to {network}: {error}", *ends, "accept", **about)
            yield case(
                f"{name} to {network}: not just any error",
                *ends,
                "drop",
                packet="related",
                error=_STRANGE[family],
                **_tcp(82),
            )
            for other in bench.data:
                if other != network and family in bench.own_families(other):
                    crossed = FIREWALL, network, bench.own(other, family), bench.stranger(network, family)
                    label = f"{name} to {network} with its address on {other}"
                    shown = bench.shown(other, network, bench.own(other, family))
                    yield case(label, *crossed, "accept", shown, protocol="tcp", port=83)
    for network in bench.data:
        for family in bench.own_families(network):
            virtual = bench.virtual(network, family)
            if virtual is not None:
                ends = FIREWALL, FIREWALL, bench.own(network, family), virtual
                yield case(f"{name} to itself, at {virtual}", *ends, "accept", **_tcp(84))


def _tracked(bench: Bench, network: str, family: int) -> Iterator[PacketCase]:
    """What looks like the pair's own traffic where there is none is tracked like any other."""
    firewall = bench.firewall
    protocols = []
    if not firewall.pair.routers_on(network):
        protocols.append(_VRRP)
    if network not in firewall.pair.sync:
        protocols.append(_udp(firewall.sync_port, firewall.sync_port))
    if network not in {link.network for link in firewall.links}:
        protocols.append(_udp(PATH_PORT, PATH_PORT))
    ends = FIREWALL, network, bench.own(network, family), bench.stranger(network, family)
    for more in protocols:
        what = "/".join(str(more[key]) for key in ("protocol", "port") if key in more)
        yield case(f"from the firewall to {network}: {what} is tracked", *ends, "accept", "entry", **more)
