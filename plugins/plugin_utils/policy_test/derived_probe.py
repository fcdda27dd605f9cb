# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of what is let through for the site's probe: while it runs, and not a packet more."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.bench import Bench
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.cases import Options, PacketCase, case
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.derived import is_slow
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.probes import SECONDS, probe_commands
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.probes import ProbePath

_RUNNING = "60"
"""Seconds; a test needs less."""
_LOOKED_AT = 1000
"""Ports that are looked at for a closed one."""


def probe_cases(bench: Bench) -> Iterator[PacketCase]:
    paths = bench.firewall.probes
    if not paths:
        return
    opening = [command.replace(SECONDS, _RUNNING) for command in probe_commands(paths)[0]]
    for path in paths:
        for running in _running(bench, path):
            yield {**running, "setup": opening}
    for path in paths:
        yield from _not_running(bench, path)


def _running(bench: Bench, path: ProbePath) -> Iterator[PacketCase]:
    there = path.inside, path.outside, path.client, path.server
    shown = bench.shown(path.inside, path.outside, path.client)
    name = "while the probe runs"
    probes = path.probes
    for protocol, port in (("tcp", probes.tcp), ("udp", probes.udp)):
        more: Options = {"protocol": protocol, "port": port}
        yield case(f"{name}: {protocol}/{port}", *there, "accept", shown, "no helper", **more)
        yield from _misses(bench, path, more)
        ends = path.inside, None, path.client, path.server
        closed = _closed(bench, path, protocol, port)
        if closed is not None:
            yield case(f"{name}: not {protocol}/{closed}", *ends, "drop", protocol=protocol, port=closed)
    ftp: Options = {"protocol": "tcp", "port": probes.ftp}
    yield case(f"{name}: ftp", *there, "accept", "helper ftp", **ftp)
    yield case(f"{name}: ftp's data", *there, "accept", packet="expected", helper="ftp", **ftp)
    web = next((port for port in (80, 22, 443) if _lets(bench, path, port)), None)
    if web is not None:
        yield case(f"{name}: tcp/{web}", *there, "accept", "no helper", protocol="tcp", port=web)
    yield case(f"{name}: pings", *there, "accept", protocol="icmp", repeat=20)
    ends = path.inside, None, path.client, path.server
    yield case(f"{name}: no broken ping", *ends, "drop", protocol="icmp", broken=True)
    other = "timestamp-request" if path.family == 4 else "mld-listener-query"
    if _refuses_type(bench, path, other):
        # one that is for the link alone would not come further than that by itself
        yield case(f"{name}: no {other}", *ends, "drop", protocol="icmp", type=other, hops=64)
    yield from _foreign_pings(bench, path)
    yield from _forwards(bench, path)


def _closed(bench: Bench, path: ProbePath, protocol: str, port: int) -> int | None:
    opened = {number for name, number in path.ports() if name == protocol}
    numbers = range(port + 1, min(port + _LOOKED_AT, 65536))
    return next(
        (
            one
            for one in numbers
            if one not in opened
            and bench.shut(path.inside, path.outside, protocol, one, path.client, path.server)
        ),
        None,
    )


def _refuses_type(bench: Bench, path: ProbePath, kind: str) -> bool:
    way = path.inside, path.outside
    found = bench.judge(way, path.client, path.server, {"protocol": "icmp", "type": kind})
    return found.action == "drop"


def _lets(bench: Bench, path: ProbePath, port: int) -> bool:
    more: Options = {"protocol": "tcp", "port": port}
    flow = (path.inside, path.outside), path.client, path.server, more
    return bench.judge(*flow).accepts and bench.helper(*flow) == "no helper"


def _misses(bench: Bench, path: ProbePath, more: Options) -> Iterator[PacketCase]:
    """Another client, another server, another way, and no beginning of a flow."""
    name = f"while the probe runs: {more['protocol']}/{more['port']}"
    stranger, other = bench.stranger(path.inside, path.family), bench.stranger(path.outside, path.family)
    inside, outside = path.inside, path.outside
    port = more["protocol"], more["port"]
    if bench.shut(inside, outside, *port, stranger, path.server):
        yield case(f"{name} of another client", inside, None, stranger, path.server, "drop", **more)
    if bench.shut(inside, outside, *port, path.client, other):
        yield case(f"{name} to another server", inside, None, path.client, other, "drop", **more)
    yield case(f"{name} from {outside}", outside, None, path.client, path.server, "drop", **more)
    if more["protocol"] == "tcp":
        ends = inside, None, path.client, path.server
        yield case(f"{name}, no beginning", *ends, "drop", flags=["ack"], **more)


def _foreign_pings(bench: Bench, path: ProbePath) -> Iterator[PacketCase]:
    """The pings of others keep their limit, and have no other way than before."""
    name = "while the probe runs"
    stranger = bench.stranger(path.inside, path.family)
    found = bench.judge((path.inside, path.outside), stranger, path.server, {"protocol": "icmp"})
    ends = path.inside, None, stranger, path.server
    if not found.accepts:
        yield case(f"{name}: no pings of others", *ends, found.action, protocol="icmp")
    elif found.entry is not None and found.entry.limit and is_slow(found.entry.limit):
        yield case(f"{name}: pings of others are limited", *ends, "limited", protocol="icmp", repeat=20)
    spoofed = path.outside, None, path.client, path.server
    yield case(f"{name}: no pings from {path.outside}", *spoofed, "drop", protocol="icmp")


def _forwards(bench: Bench, path: ProbePath) -> Iterator[PacketCase]:
    outside, inside = path.outside, path.inside
    other = bench.stranger(outside, path.family)
    for protocol, port in path.probes.forwards():
        more: Options = {"protocol": protocol, "port": port}
        name = f"while the probe runs: forwarded {protocol}/{port}"
        hit = outside, inside, path.server, path.virtual
        yield case(name, *hit, "accept", f"dnat to {path.client}", "no snat", **more)
        yield case(f"{name} of another host", outside, None, other, path.virtual, "drop", **more)
        direct = outside, None, path.server, path.client
        if bench.shut(outside, inside, protocol, port, path.server, path.client):
            yield case(f"{name}, around the virtual address", *direct, "drop", **more)
        miss = outside, None, path.server, path.virtual
        yield case(
            f"{name}: not the next port",
            *miss,
            "drop",
            protocol=protocol,
            port=_next(bench, path, protocol, port),
        )
        if protocol == "tcp":
            yield case(f"{name}, no beginning", *miss, "drop", flags=["ack"], **more)


def _next(bench: Bench, path: ProbePath, protocol: str, port: int) -> int:
    taken = {number for name, number in path.probes.forwards() if name == protocol}
    others = {number for at, name, number in bench.forwarded if (at, name) == (path.virtual, protocol)}
    return next(one for one in range(port + 1, 65536) if one not in taken | others)


def _not_running(bench: Bench, path: ProbePath) -> Iterator[PacketCase]:
    for protocol, port in (("tcp", path.probes.tcp), ("udp", path.probes.udp)):
        if bench.shut(path.inside, path.outside, protocol, port, path.client, path.server):
            ends = path.inside, None, path.client, path.server
            yield case(f"without a probe: {protocol}/{port}", *ends, "drop", protocol=protocol, port=port)
    for protocol, port in path.probes.forwards():
        ends = path.outside, None, path.server, path.virtual
        yield case(
            f"without a probe: forwarded {protocol}/{port}", *ends, "drop", protocol=protocol, port=port
        )
