# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of what is forwarded, derived from the policy: for each entry some that hit it, and some that miss.

They are written from what the policy means, not from the rules that it becomes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ansible_collections.ftfw.pair.plugins.module_utils.policy_check_helpers import DIALOGS
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_services import HELPERS
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test_cases import (
    Bench,
    Case,
    Options,
    case,
    ports_of,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site_types import FAMILIES, PolicyEntry, Service

_GRE = 47
_SLOWEST = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_FASTEST = 200
"""Packets a second of a limit that a burst of packets can meet."""
_REPEAT = 20
_STRANGE = {4: "source-quench", 6: "100"}
"""An error that no rule speaks of: RFC 792, and one for experiments (RFC 4443, section 2.1)."""


def forward_cases(bench: Bench) -> Iterator[Case]:
    for entry in bench.firewall.entries:
        for family in bench.families(entry.source, entry.destination):
            yield from _hits(bench, entry, family)
            yield from _misses(bench, entry, family)
    ways = dict.fromkeys((entry.source, entry.destination) for entry in bench.firewall.entries)
    for source, destination in ways:
        for family in bench.families(source, destination):
            yield from _flow(bench, source, destination, family)
            yield from _sides(bench, source, destination, family)
        for family in FAMILIES:
            if family not in bench.families(source, destination):
                yield from _lacking(bench, source, destination, family)
    yield from _port_forwards(bench)


def _hits(bench: Bench, entry: PolicyEntry, family: int) -> Iterator[Case]:
    sender, receiver = bench.host(entry.source, family), bench.host(entry.destination, family)
    ends = entry.source, entry.destination, sender, receiver
    shown = bench.shown(entry.source, entry.destination, sender)
    for service in bench.firewall.services(entry):
        for protocol, port in ports_of(service):
            helper = bench.helper(entry.source, protocol, port)
            name = f"{entry}: {service.name}, {protocol}/{port}"
            yield case(name, *ends, "accept", shown, helper, protocol=protocol, port=port)
            if service.helper in DIALOGS and helper == f"helper {service.helper}":
                yield case(
                    f"{name}: what it announces",
                    *ends,
                    "accept",
                    protocol=protocol,
                    port=port,
                    packet="expected",
                    helper=service.helper,
                )
        for kind in _types(service, family):
            yield case(f"{entry}: {kind}", *ends, "accept", shown, protocol="icmp", type=kind)
            if entry.limit is None:
                name = f"{entry}: {kind}, many at once"
                yield case(name, *ends, "accept", protocol="icmp", type=kind, repeat=_REPEAT)
    if entry.limit and _slow(entry.limit):
        yield from _limited(bench, entry, family)


def _limited(bench: Bench, entry: PolicyEntry, family: int) -> Iterator[Case]:
    sender, receiver = bench.host(entry.source, family), bench.host(entry.destination, family)
    ends = entry.source, entry.destination, sender, receiver
    services = bench.firewall.services(entry)
    ports = [one for service in services for one in ports_of(service)]
    for protocol in ("tcp", "udp"):
        port = next((port for name, port in ports if name == protocol), None)
        if port is not None:
            name = f"{entry}: at most {entry.limit}, {protocol}"
            yield case(name, *ends, "limited", protocol=protocol, port=port, repeat=_REPEAT)
    kinds = [kind for service in services for kind in _types(service, family)]
    if kinds:
        name = f"{entry}: at most {entry.limit}, {kinds[0]}"
        yield case(name, *ends, "limited", protocol="icmp", type=kinds[0], repeat=_REPEAT)
        if not ports:
            ports = [
                one
                for other in bench.between(entry.source, entry.destination)
                for service in bench.firewall.services(other)
                for one in ports_of(service)
            ]
        if ports:
            more: Options = {
                "protocol": ports[0][0],
                "port": ports[0][1],
                "by": entry.source,
                "repeat": _REPEAT,
            }
            name = f"{entry}: errors are not limited to {entry.limit}"
            yield case(name, *ends, "accept", packet="related", **more)


def _misses(bench: Bench, entry: PolicyEntry, family: int) -> Iterator[Case]:
    source, destination = entry.source, entry.destination
    sender, receiver = bench.host(source, family), bench.host(destination, family)
    for service in bench.firewall.services(entry):
        name = f"{entry}: {service.name}"
        for protocol, port in ports_of(service):
            other = "udp" if protocol == "tcp" else "tcp"
            near = bench.closed(source, destination, protocol, port)
            ends = source, None, sender, receiver
            if near is not None:
                yield case(f"{name}: not {protocol}/{near}", *ends, "drop", protocol=protocol, port=near)
            if not bench.lets(source, destination, other, port):
                yield case(f"{name}: not {other}/{port}", *ends, "drop", protocol=other, port=port)
            yield from _elsewhere(bench, entry, family, protocol, port)
        for kind in _types(service, family):
            if not bench.lets_type(destination, source, kind):
                yield case(
                    f"{name}: not the other way",
                    destination,
                    None,
                    receiver,
                    sender,
                    "drop",
                    protocol="icmp",
                    type=kind,
                )
            for side in (source, destination):
                if not bench.lets_type(side, side, kind):
                    yield case(
                        f"{name}: not within {side}",
                        side,
                        None,
                        bench.host(side, family),
                        bench.stranger(side, family),
                        "drop",
                        protocol="icmp",
                        type=kind,
                    )


def _elsewhere(bench: Bench, entry: PolicyEntry, family: int, protocol: str, port: int) -> Iterator[Case]:
    """The same port, to where the entry does not lead: back, and within a network."""
    source, destination = entry.source, entry.destination
    for side, other in ((destination, source), (source, source), (destination, destination)):
        if bench.lets(side, other, protocol, port):
            continue
        target = bench.stranger(other, family) if side == other else bench.host(other, family)
        name = f"{entry}: {protocol}/{port} not {f'within {side}' if side == other else 'the other way'}"
        yield case(name, side, None, bench.host(side, family), target, "drop", protocol=protocol, port=port)


def _flow(bench: Bench, source: str, destination: str, family: int) -> Iterator[Case]:
    """What belongs to a flow passes, and what only looks as if it did does not."""
    sender, receiver = bench.host(source, family), bench.host(destination, family)
    there = source, None, sender, receiver
    back = destination, None, receiver, sender
    way = f"{source} to {destination}"
    ports = dict(_opened(bench, source, destination))
    for protocol, port in ports.items():
        one: Options = {"protocol": protocol, "port": port}
        name = f"{way}, {protocol}"
        yield case(f"{name}: later packets", *there, "accept", packet="established", **one)
        yield case(f"{name}: an error about it", *there, "accept", packet="related", **one)
        yield case(f"{name}: an error about a reply", *there, "accept", packet="related", by=source, **one)
        strange: Options = {"packet": "related", "error": _STRANGE[family], **one}
        yield case(f"{name}: not just any error", *there, "drop", **strange)
        for apart in bench.apart:
            yield case(f"{name}: no reply from {apart}", *there, "drop", packet="reply", by=apart, **one)
            if bench.has(apart, family):
                spoofed = source, None, bench.stranger(apart, family), receiver
                yield case(f"{name}: no reply to {apart}", *spoofed, "drop", packet="reply", **one)
        if not bench.lets(destination, source, protocol, 40000):
            unasked: Options = {"protocol": protocol, "port": 40000, "source_port": port}
            if protocol == "tcp":
                unasked["flags"] = ["syn", "ack"]
            yield case(f"{name}: no reply that nobody asked for", *back, "drop", **unasked)
    if "tcp" in ports:
        for flags in (
            ["fin", "syn"],
            ["syn", "rst"],
            [],
            ["fin", "psh", "urg"],
            ["fin"],
            ["ack"],
            ["syn", "ack"],
        ):
            name = f"{way}, tcp: no flow begins with {' '.join(flags) or 'no flag'}"
            yield case(name, *there, "drop", protocol="tcp", port=ports["tcp"], flags=flags)
    foreign = source, destination, bench.stranger(destination, family), receiver
    for protocol, port in ports.items():
        name = f"{way}, {protocol}: a foreign source is not translated"
        yield case(name, *foreign, "no snat", protocol=protocol, port=port)
    yield case(f"{way}: not another protocol", *there, "drop", protocol=str(_GRE))
    yield case(f"{way}: not an error about nothing", *there, "drop", protocol="icmp", type="time-exceeded")
    # RFC 4620: node information queries are the other requests of ICMPv6 that conntrack knows
    for kind in ("echo-request", "timestamp-request" if family == 4 else "139"):
        if not bench.lets_type(source, destination, kind):
            yield case(f"{way}: not {kind}", *there, "drop", protocol="icmp", type=kind)


def _opened(bench: Bench, source: str, destination: str) -> Iterator[tuple[str, int]]:
    """One open port of each protocol."""
    for wanted in ("tcp", "udp"):
        for entry in bench.between(source, destination):
            for service in bench.firewall.services(entry):
                for protocol, port in ports_of(service):
                    if protocol == wanted and service.helper is None:
                        yield protocol, port


def _sides(bench: Bench, source: str, destination: str, family: int) -> Iterator[Case]:
    """Networks that the policy does not speak of, above all management and replication."""
    for other in bench.networks:
        for protocol, port in dict(_opened(bench, source, destination)).items():
            more: Options = {"protocol": protocol, "port": port}
            if bench.has(other, family) and not bench.lets(other, destination, protocol, port):
                ends = other, None, bench.host(other, family), bench.stranger(destination, family)
                yield case(f"{other} to {destination}: not {protocol}/{port}", *ends, "drop", **more)
            if bench.has(other, family) and not bench.lets(source, other, protocol, port):
                ends = source, None, bench.host(source, family), bench.stranger(other, family)
                yield case(f"{source} to {other}: not {protocol}/{port}", *ends, "drop", **more)


def _lacking(bench: Bench, source: str, destination: str, family: int) -> Iterator[Case]:
    for protocol, port in dict(_opened(bench, source, destination)).items():
        ends = source, None, bench.stranger(source, family), bench.stranger(destination, family)
        name = f"{source} to {destination}: a family that they don't both have, {protocol}/{port}"
        yield case(name, *ends, "drop", protocol=protocol, port=port)


def _port_forwards(bench: Bench) -> Iterator[Case]:
    site = bench.firewall.site
    for forward in site.port_forwards:
        target, virtual = site.forward_target(forward), site.forward_address(forward)
        if target is None or virtual is None or site.forward_pair(forward) != bench.firewall.pair:
            continue
        source, (network, address) = forward.network, target
        sender = bench.host(source, virtual.version)
        shown = bench.shown(source, network, sender)
        service = site.services[forward.service]
        for protocol, port in ports_of(service):
            name = f"{forward}, {protocol}/{port}"
            more: Options = {"protocol": protocol, "port": port}
            hit = source, network, sender, virtual
            known = service.helper and HELPERS[service.helper] == protocol
            helper = f"helper {service.helper}" if known else "no helper"
            yield case(name, *hit, "accept", f"dnat to {address}", shown, helper, **more)
            near = next(
                one
                for one in (*range(port + 1, 65536), *range(port - 1, 0, -1))
                if (virtual, protocol, one) not in bench.forwarded
            )
            miss = source, None, sender, virtual
            yield case(f"{name}: not {protocol}/{near}", *miss, "drop", protocol=protocol, port=near)
            other = "udp" if protocol == "tcp" else "tcp"
            if (virtual, other, port) not in bench.forwarded:
                yield case(f"{name}: not {other}", *miss, "drop", protocol=other, port=port)
            if protocol == "tcp":
                yield case(f"{name}: no flow begins with ack", *miss, "drop", flags=["ack"], **more)
            if not bench.lets(source, network, protocol, port):
                direct = source, None, sender, address
                yield case(f"{name}: not around the virtual address", *direct, "drop", **more)
            if network in bench.data:
                inside = network, None, bench.stranger(network, virtual.version), virtual
                yield case(f"{name}: not from {network}", *inside, "drop", **more)


def _types(service: Service, family: int) -> list[str]:
    """The ICMP requests that there are in a family."""
    return [kind for kind in service.icmp if family == 4 or kind == "echo-request"]


def _slow(limit: str) -> bool:
    match = re.fullmatch(r"([0-9]+)/([a-z]+)", limit)
    return match is not None and int(match[1]) / _SLOWEST[match[2]] <= _FASTEST
