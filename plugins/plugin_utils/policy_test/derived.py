# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of what is forwarded, derived from the policy: for each entry some that hit it, and some that miss.

They are written from what the policy means, not from the rules that it becomes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ansible_collections.ftfw.pair.plugins.module_utils.packets.dialogs import DIALOGS
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.bench import Bench
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.cases import (
    ERRORS,
    Options,
    PacketCase,
    case,
    ports_of,
    types_of,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.pair_links import PATH_PORT
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import ANY, PolicyEntry, Way
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import FAMILIES, Address
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.services import WITH_PORTS, Service

EndAddresses = tuple[Address, Address]
"""Sender and receiver."""

_GRE = 47
_SOME_PORTS = (("tcp", 40001), ("udp", 40002), ("sctp", 40003))
"""Ports of no service, for entries about any."""
_SLOWEST = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_FASTEST = 200
"""Packets a second of a limit that a burst of packets can meet."""
REPEAT = 20
_STRANGE = {4: "source-quench", 6: "100"}
"""An error that no rule speaks of: RFC 792, and one for experiments (RFC 4443, section 2.1)."""


def forward_cases(bench: Bench) -> Iterator[PacketCase]:
    ways = bench.firewall.ways
    for entry in bench.firewall.entries:
        for way in bench.firewall.ways_of(entry):
            for family in bench.families(*way):
                for clock in clocks_of(bench, entry, way, family):
                    yield from _hits(bench, entry, way, family, clock)
                    yield from _misses(bench, entry, way, family, clock)
    for source, destination in ways:
        for family in bench.families(source, destination):
            yield from _flow(bench, source, destination, family)
            yield from _sides(bench, source, destination, family)
        for family in FAMILIES:
            if family not in bench.families(source, destination):
                yield from _lacking(bench, source, destination, family)


def judged(
    bench: Bench, name: str, way: Way, ends: EndAddresses, more: Options, entry: PolicyEntry | None = None
) -> Iterator[PacketCase]:
    """Expect what the policy says. Where an earlier entry than the given one decides, the test says so."""
    found = bench.judge(way, *ends, more)
    if entry is not None and found.entry is not None and found.entry != entry:
        name = f"{name}, by {found.entry.place}"
    if not found.accepts:
        yield case(name, way[0], None, *ends, found.action, **more)
        return
    words = ["accept", bench.shown(*way, *ends)]
    if more["protocol"] in WITH_PORTS:
        words.append(bench.helper(way, *ends, more))
    yield case(name, *way, *ends, *words, **more)


def clocks_of(bench: Bench, entry: PolicyEntry, way: Way, family: int) -> list[Options]:
    """When an entry is tested: in each part of its window, where it decides about most."""
    if entry.window is None:
        return [{}]
    ends = next(iter(bench.ends(entry, way, family)), None)
    if ends is None:
        return []

    def decided(clock: Options) -> int:
        packets = packets_of(bench, entry, family, clock)
        return sum(bench.judge(way, *ends, more).entry == entry for _what, _service, more in packets)

    return [max(({"at": str(one)} for one in part), key=decided) for part in entry.window.parts()]


def packets_of(
    bench: Bench, entry: PolicyEntry, family: int, clock: Options
) -> Iterator[tuple[str, Service | None, Options]]:
    """What an entry is about: the ends of its ranges of ports, and its ICMP requests; sent by a clock."""
    if entry.any_service:
        # no port is special; ICMP's requests are all let in or none
        for protocol, port in _SOME_PORTS:
            yield f"{ANY}, {protocol}/{port}", None, {"protocol": protocol, "port": port, **clock}
        yield f"{ANY}, protocol {_GRE}", None, {"protocol": str(_GRE), **clock}
        yield "echo-request", None, {"protocol": "icmp", "type": "echo-request", **clock}
    for service in bench.firewall.services(entry):
        for protocol, port in ports_of(service):
            yield f"{service.name}, {protocol}/{port}", service, {"protocol": protocol, "port": port, **clock}
        for kind in types_of(service, family):
            yield kind, service, {"protocol": "icmp", "type": kind, **clock}


def _hits(bench: Bench, entry: PolicyEntry, way: Way, family: int, clock: Options) -> Iterator[PacketCase]:
    packets = list(packets_of(bench, entry, family, clock))
    prefix = prefix_of(entry, way)
    for number, ends in enumerate(bench.ends(entry, way, family)):
        said: set[str] = set()
        begun: set[str] = set()
        for what, service, more in packets:
            protocol = more["protocol"]
            if number and protocol in said:
                # of a further address one packet for each protocol
                continue
            found = bench.judge(way, *ends, more)
            decides = found.entry == entry
            # a packet that an earlier entry decides about tells nothing of this one
            said |= {protocol} if decides else set()
            # a list has to be told apart from its neighbours
            whose = "" if entry.sources is None else f" from {ends[0]}"
            whose += "" if entry.destinations is None else f" to {ends[1]}"
            name = f"{prefix}: {what}{whose}"
            yield from judged(bench, name, way, ends, more, entry)
            if number or not decides:
                continue
            if protocol == "tcp" and protocol not in begun and entry.action != "drop":
                begun.add(protocol)
                label = f"{prefix}: tcp/{more['port']} without a beginning"
                yield case(label, way[0], None, *ends, "drop", **more, flags=["ack"])
            if not entry.accepts:
                continue
            if protocol == "udp" and protocol not in begun and entry.limit is None:
                begun.add(protocol)
                # a client may have the port that the nodes have between themselves
                by_chance: Options = {**more, "source_port": PATH_PORT}
                yield from judged(bench, f"{name}, from port {PATH_PORT}", way, ends, by_chance, entry)
            if protocol == "icmp":
                if entry.limit is None:
                    many = {**more, "repeat": REPEAT}
                    yield case(f"{name}, many at once", *way, *ends, "accept", **many)
            elif (
                service
                and service.helper in DIALOGS
                and bench.helper(way, *ends, more) == f"helper {service.helper}"
            ):
                announced: Options = {**more, "packet": "expected", "helper": service.helper}
                yield case(f"{name}: what it announces", *way, *ends, "accept", **announced)
        if not number and entry.accepts and entry.limit and is_slow(entry.limit):
            yield from _limited(bench, entry, way, ends, clock)


def prefix_of(entry: PolicyEntry, way: Way) -> str:
    """Name an entry and the way that a test goes."""
    return f"{entry.place}: {way[0]} to {way[1]}"


def _limited(
    bench: Bench, entry: PolicyEntry, way: Way, ends: EndAddresses, clock: Options
) -> Iterator[PacketCase]:
    family = ends[0].version
    said: set[str] = set()
    for _what, _service, more in packets_of(bench, entry, family, clock):
        protocol = more["protocol"]
        found = bench.judge(way, *ends, more)
        if protocol in said or found.entry != entry:
            continue
        said.add(protocol)
        name = f"{prefix_of(entry, way)}: at most {entry.limit}, {more.get('type', protocol)}"
        yield case(name, *way, *ends, "limited", **{**more, "repeat": REPEAT})
    if "icmp" in said:
        for protocol, (port, others) in opened_ports(bench, way, family).items():
            errors: Options = {"protocol": protocol, "port": port, "by": way[0], "repeat": REPEAT}
            name = f"{prefix_of(entry, way)}: errors are not limited to {entry.limit}"
            yield case(name, *way, *others, "accept", packet="related", **errors)
            break


def _misses(bench: Bench, entry: PolicyEntry, way: Way, family: int, clock: Options) -> Iterator[PacketCase]:
    ends = next(iter(bench.ends(entry, way, family)), None)
    if ends is None:
        return
    for what, service, more in packets_of(bench, entry, family, clock):
        protocol, port = more["protocol"], more.get("port")
        name = f"{prefix_of(entry, way)}: {service.name if service else ANY}"
        if port is not None and service:
            other = "udp" if protocol == "tcp" else "tcp"
            near = bench.closed(way, *ends, more)
            if near is not None:
                options: Options = {"protocol": protocol, "port": near, **clock}
                yield from judged(bench, f"{name}: not {protocol}/{near}", way, ends, options)
            yield from _refused(
                bench, f"{name}: not {other}/{port}", way, ends, {"protocol": other, "port": port, **clock}
            )
        if service or port:
            what = f"{protocol}/{port}" if port is not None else f"{more['type']} of {name}"
            yield from _elsewhere(bench, f"{prefix_of(entry, way)}: {what}", way, ends, more)
    yield from _outside(bench, entry, way, ends, clock)


def _refused(bench: Bench, name: str, way: Way, ends: EndAddresses, more: Options) -> Iterator[PacketCase]:
    """A packet that the policy refuses; none for one that some entry lets in."""
    found = bench.judge(way, *ends, more)
    if not found.accepts:
        yield case(name, way[0], None, *ends, found.action, **more)


def _elsewhere(bench: Bench, name: str, way: Way, ends: EndAddresses, more: Options) -> Iterator[PacketCase]:
    """The same packet, to where the entry does not lead: back, and within a network."""
    family = ends[0].version
    yield from _refused(bench, f"{name} not the other way", (way[1], way[0]), (ends[1], ends[0]), more)
    for side in way:
        within_side = bench.host(side, family), bench.stranger(side, family)
        yield from _refused(bench, f"{name} not within {side}", (side, side), within_side, more)


def _outside(
    bench: Bench, entry: PolicyEntry, way: Way, ends: EndAddresses, clock: Options
) -> Iterator[PacketCase]:
    """Addresses that are just not in an entry's lists, with one packet for each protocol."""
    family = ends[0].version
    strangers: list[tuple[str, EndAddresses]] = []
    if entry.sources is not None:
        others = bench.outsiders(entry.sources, way[0], family)
        strangers += [(f"not from {one}", (one, ends[1])) for one in others]
    if entry.destinations is not None:
        others = bench.outsiders(entry.destinations, way[1], family)
        strangers += [(f"not to {one}", (ends[0], one)) for one in others]
    packets = list(packets_of(bench, entry, family, clock))
    # those that the entry decides about tell more
    packets.sort(key=lambda packet: bench.judge(way, *ends, packet[2]).entry != entry)
    for label, pair in strangers:
        said: set[str] = set()
        for what, _service, more in packets:
            if more["protocol"] not in said:
                said.add(more["protocol"])
                yield from judged(bench, f"{prefix_of(entry, way)}: {what} {label}", way, pair, more)


def _flow(bench: Bench, source: str, destination: str, family: int) -> Iterator[PacketCase]:
    """What belongs to a flow passes, and what only looks as if it did does not."""
    plain = bench.host(source, family), bench.host(destination, family)
    way = f"{source} to {destination}"
    opened = opened_ports(bench, (source, destination), family)
    for protocol, (port, ends) in opened.items():
        yield from _belonging(bench, (source, destination), ends, {"protocol": protocol, "port": port})
    if "tcp" in opened:
        yield from _beginnings(source, destination, *opened["tcp"])
    for protocol, (port, ends) in opened.items():
        yield from _foreign(bench, (source, destination), ends, {"protocol": protocol, "port": port})
    nowhere = source, None, *plain
    yield from _refused(
        bench, f"{way}: not another protocol", (source, destination), plain, {"protocol": str(_GRE)}
    )
    yield case(f"{way}: not an error about nothing", *nowhere, "drop", protocol="icmp", type="time-exceeded")
    # RFC 4620: node information queries are the other requests of ICMPv6 that conntrack knows
    for kind in ("echo-request", "timestamp-request" if family == 4 else "139"):
        more: Options = {"protocol": "icmp", "type": kind}
        yield from _refused(bench, f"{way}: not {kind}", (source, destination), plain, more)


def _belonging(bench: Bench, on: Way, ends: EndAddresses, one: Options) -> Iterator[PacketCase]:
    """Later packets of a flow, errors about it and replies, and those that nobody has asked for."""
    (source, destination), family = on, ends[0].version
    there = source, None, *ends
    back = destination, None, ends[1], ends[0]
    name = f"{source} to {destination}, {one['protocol']}"
    yield case(f"{name}: later packets", *there, "accept", packet="established", **one)
    yield case(f"{name}: an error about it", *there, "accept", packet="related", **one)
    yield case(f"{name}: an error about a reply", *there, "accept", packet="related", by=source, **one)
    for error in ERRORS[family]:
        named: Options = {"packet": "related", "error": error, **one}
        yield case(f"{name}: {error} about it", *there, "accept", **named)
    strange: Options = {"packet": "related", "error": _STRANGE[family], **one}
    yield case(f"{name}: not just any error", *there, "drop", **strange)
    for apart in bench.apart:
        yield case(f"{name}: no reply from {apart}", *there, "drop", packet="reply", by=apart, **one)
        # only whom the entry lets in can open the flow that such a reply would belong to
        stranger = bench.stranger(apart, family) if bench.has(apart, family) else None
        if stranger and bench.judge(on, stranger, ends[1], one).accepts:
            spoofed = source, None, stranger, ends[1]
            yield case(f"{name}: no reply to {apart}", *spoofed, "drop", packet="reply", **one)
    if bench.shut(destination, source, one["protocol"], 40000, ends[1], ends[0]):
        unasked: Options = {"protocol": one["protocol"], "port": 40000, "source_port": one["port"]}
        if one["protocol"] == "tcp":
            unasked["flags"] = ["syn", "ack"]
        yield case(f"{name}: no reply that nobody asked for", *back, "drop", **unasked)


def _beginnings(source: str, destination: str, port: int, ends: EndAddresses) -> Iterator[PacketCase]:
    """Segments that begin no flow (RFC 9293, section 3.10.7)."""
    for flags in (
        ["fin", "syn"],
        ["syn", "rst"],
        [],
        ["fin", "psh", "urg"],
        ["fin"],
        ["ack"],
        ["syn", "ack"],
    ):
        name = f"{source} to {destination}, tcp: no flow begins with {' '.join(flags) or 'no flag'}"
        yield case(name, source, None, *ends, "drop", protocol="tcp", port=port, flags=flags)


def _foreign(bench: Bench, on: Way, ends: EndAddresses, one: Options) -> Iterator[PacketCase]:
    """A sender that is on another network than its packets come from."""
    (source, destination), family = on, ends[0].version
    name = f"{source} to {destination}, {one['protocol']}"
    foreign = bench.stranger(destination, family), ends[1]
    if family == 6 and bench.firewall.site.reverse_path == "strict":
        yield case(f"{name}: not from a foreign source", source, None, *foreign, "drop", **one)
    elif bench.judge(on, *foreign, one).accepts:
        shown = bench.shown(source, destination, foreign[0])
        yield case(f"{name}: a foreign source is not translated", source, destination, *foreign, shown, **one)


def opened_ports(bench: Bench, way: Way, family: int) -> dict[str, tuple[int, EndAddresses]]:
    """One open port of each protocol, without helper and, if possible, limit; and who may use it."""
    found: dict[str, tuple[int, EndAddresses]] = {}
    accepting = [entry for entry in bench.firewall.ways.get(way, ()) if entry.accepts]
    wanted = {protocol for entry in accepting for protocol in _protocols(bench, entry)}
    for entry in sorted(accepting, key=lambda entry: entry.limit is not None):
        if len(found) == len(wanted):
            break
        for ends in bench.ends(entry, way, family)[:1]:
            for _what, _service, more in packets_of(bench, entry, family, {}):
                protocol = more["protocol"]
                if "port" not in more or protocol in found:
                    continue
                decides = bench.judge(way, *ends, more).entry == entry
                if decides and bench.helper(way, *ends, more) == "no helper":
                    found[protocol] = more["port"], ends
    return {protocol: found[protocol] for protocol, _port in _SOME_PORTS if protocol in found}


def _protocols(bench: Bench, entry: PolicyEntry) -> Iterable[str]:
    """Those with ports that an entry is about."""
    if entry.any_service:
        return WITH_PORTS
    return {protocol for service in bench.firewall.services(entry) for protocol in service.protocols}


def _sides(bench: Bench, source: str, destination: str, family: int) -> Iterator[PacketCase]:
    """Networks that the policy does not speak of, above all management and replication."""
    for other in bench.networks:
        for protocol, (port, (sender, receiver)) in opened_ports(
            bench, (source, destination), family
        ).items():
            more: Options = {"protocol": protocol, "port": port}
            if bench.has(other, family):
                ends = bench.host(other, family), bench.stranger(destination, family)
                name = f"{other} to {destination}: not {protocol}/{port}"
                yield from _refused(bench, name, (other, destination), ends, more)
                listed = bench.host(other, family), receiver
                if other != destination:
                    yield from _refused(bench, f"{name} of {receiver}", (other, destination), listed, more)
                ends = bench.host(source, family), bench.stranger(other, family)
                name = f"{source} to {other}: not {protocol}/{port}"
                yield from _refused(bench, name, (source, other), ends, more)
                if other != source:
                    ends = sender, ends[1]
                    yield from _refused(bench, f"{name} from {sender}", (source, other), ends, more)


def _lacking(bench: Bench, source: str, destination: str, family: int) -> Iterator[PacketCase]:
    for other in bench.families(source, destination):
        for protocol, (port, _ends) in opened_ports(bench, (source, destination), other).items():
            ends = source, None, bench.stranger(source, family), bench.stranger(destination, family)
            name = f"{source} to {destination}: a family that they don't both have, {protocol}/{port}"
            yield case(name, *ends, "drop", protocol=protocol, port=port)


def is_slow(limit: str) -> bool:
    match = re.fullmatch(r"([0-9]+)/([a-z]+)", limit)
    return match is not None and int(match[1]) / _SLOWEST[match[2]] <= _FASTEST
