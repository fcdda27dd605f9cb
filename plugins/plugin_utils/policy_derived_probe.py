# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of what is let through for the site's probe: while it runs, and not a packet more."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_probes import SECONDS, probe_commands
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test_cases import Bench, Case, Options, case
from ansible_collections.ftfw.pair.plugins.plugin_utils.site_probes import ProbePath

_RUNNING = "60"
"""Seconds; a test needs less."""


def probe_cases(bench: Bench) -> Iterator[Case]:
    path = bench.firewall.probe
    if path is None:
        return
    opening = [command.replace(SECONDS, _RUNNING) for command in probe_commands(path)[0]]
    for running in _running(bench, path):
        yield {**running, "setup": opening}
    yield from _not_running(bench, path)


def _running(bench: Bench, path: ProbePath) -> Iterator[Case]:
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
        yield case(f"{name}: not {protocol}/{closed}", *ends, "drop", protocol=protocol, port=closed)
    ftp: Options = {"protocol": "tcp", "port": probes.ftp}
    yield case(f"{name}: ftp", *there, "accept", "helper ftp", **ftp)
    yield case(f"{name}: ftp's data", *there, "accept", packet="expected", helper="ftp", **ftp)
    web = next((port for port in (80, 22, 443) if bench.lets(path.inside, path.outside, "tcp", port)), None)
    if web is not None:
        yield case(f"{name}: tcp/{web}", *there, "accept", "no helper", protocol="tcp", port=web)
    yield case(f"{name}: pings", *there, "accept", protocol="icmp", repeat=20)
    ends = path.inside, None, path.client, path.server
    yield case(f"{name}: no broken ping", *ends, "drop", protocol="icmp", broken=True)
    other = "timestamp-request" if path.family == 4 else "mld-listener-query"
    yield case(f"{name}: no {other}", *ends, "drop", protocol="icmp", type=other)
    yield from _foreign_pings(bench, path)
    yield from _forwards(bench, path)


def _closed(bench: Bench, path: ProbePath, protocol: str, port: int) -> int:
    opened = {number for name, number in path.ports() if name == protocol}
    return next(
        one
        for one in range(port + 1, 65536)
        if one not in opened and not bench.lets(path.inside, path.outside, protocol, one)
    )


def _misses(bench: Bench, path: ProbePath, more: Options) -> Iterator[Case]:
    """Another client, another server, another way, and no beginning of a flow."""
    name = f"while the probe runs: {more['protocol']}/{more['port']}"
    stranger, other = bench.stranger(path.inside, path.family), bench.stranger(path.outside, path.family)
    inside, outside = path.inside, path.outside
    if bench.lets(inside, outside, more["protocol"], more["port"]):
        return
    yield case(f"{name} of another client", inside, None, stranger, path.server, "drop", **more)
    yield case(f"{name} to another server", inside, None, path.client, other, "drop", **more)
    yield case(f"{name} from {outside}", outside, None, path.client, path.server, "drop", **more)
    if more["protocol"] == "tcp":
        ends = inside, None, path.client, path.server
        yield case(f"{name}, no beginning", *ends, "drop", flags=["ack"], **more)


def _foreign_pings(bench: Bench, path: ProbePath) -> Iterator[Case]:
    """The pings of others keep their limit, and have no other way than before."""
    name = "while the probe runs"
    limited = [
        entry
        for entry in bench.between(path.inside, path.outside)
        if any("echo-request" in service.icmp for service in bench.firewall.services(entry))
    ]
    stranger = bench.stranger(path.inside, path.family)
    ends = path.inside, None, stranger, path.server
    if not limited:
        yield case(f"{name}: no pings of others", *ends, "drop", protocol="icmp")
    elif limited[0].limit:
        yield case(f"{name}: pings of others are limited", *ends, "limited", protocol="icmp", repeat=20)
    spoofed = path.outside, None, path.client, path.server
    yield case(f"{name}: no pings from {path.outside}", *spoofed, "drop", protocol="icmp")


def _forwards(bench: Bench, path: ProbePath) -> Iterator[Case]:
    outside, inside = path.outside, path.inside
    other = bench.stranger(outside, path.family)
    for protocol, port in path.probes.forwards():
        more: Options = {"protocol": protocol, "port": port}
        name = f"while the probe runs: forwarded {protocol}/{port}"
        hit = outside, inside, path.server, path.virtual
        yield case(name, *hit, "accept", f"dnat to {path.client}", "no snat", **more)
        yield case(f"{name} of another host", outside, None, other, path.virtual, "drop", **more)
        direct = outside, None, path.server, path.client
        if not bench.lets(outside, inside, protocol, port):
            yield case(f"{name}, around the virtual address", *direct, "drop", **more)
        miss = outside, None, path.server, path.virtual
        yield case(
            f"{name}: not the next port", *miss, "drop", protocol=protocol, port=_next(path, protocol, port)
        )
        if protocol == "tcp":
            yield case(f"{name}, no beginning", *miss, "drop", flags=["ack"], **more)


def _next(path: ProbePath, protocol: str, port: int) -> int:
    taken = {number for name, number in path.probes.forwards() if name == protocol}
    return next(one for one in range(port + 1, 65536) if one not in taken)


def _not_running(bench: Bench, path: ProbePath) -> Iterator[Case]:
    for protocol, port in (("tcp", path.probes.tcp), ("udp", path.probes.udp)):
        if not bench.lets(path.inside, path.outside, protocol, port):
            ends = path.inside, None, path.client, path.server
            yield case(f"without a probe: {protocol}/{port}", *ends, "drop", protocol=protocol, port=port)
    for protocol, port in path.probes.forwards():
        ends = path.outside, None, path.server, path.virtual
        yield case(
            f"without a probe: forwarded {protocol}/{port}", *ends, "drop", protocol=protocol, port=port
        )
