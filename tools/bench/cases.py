# SPDX-License-Identifier: GPL-3.0-or-later
"""The trials of the bench: each puts the pair through one thing, and returns figures by their names."""

from __future__ import annotations

import datetime
import re
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import collection  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.accounting import decode
from fault_table import inject, undo
from lab import NODES, Ends, Lab, LabError, other
from probe import RunningProbe, flow
from profiles import VARIANTS, families

TCP, UDP, FORWARD = 7001, 7002, 7003
ENTRIES = 100_000
RECOVERY = {"manual": 20.0, "stock": 10.0, "default": 6.0, "fast": 6.0, **dict.fromkeys(VARIANTS, 6.0)}
"""Seconds from a fault until its figures are taken: what the profile needs, and time for retransmissions."""
HOLD = 150.0
"""Longer than an entry of a UDP stream lives without packets (120 s, nf_conntrack_udp_timeout_stream)."""
LOAD = Path(__file__).parent / "load.py"


@dataclass
class Trial:
    """Figures by case, and what is drawn over time."""

    figures: dict[str, float] = field(default_factory=dict)
    timelines: list[dict[str, Any]] = field(default_factory=list)


def listener(kind: str, address: str, port: int) -> dict[str, Any]:
    return {"kind": kind, "address": address, "port": port}


def listening(lab: Lab, ends: Sequence[Ends]) -> tuple[RunningProbe, RunningProbe]:
    """Listeners on the server, and on the client, to whom a port is forwarded."""
    kinds = (("tcp", TCP), ("udp", UDP))
    server = [listener(kind, one.server, port) for one in ends for kind, port in kinds]
    inside = [listener("tcp", one.client, FORWARD) for one in ends]
    return RunningProbe(lab, "server", [], server), RunningProbe(lab, "client", [], inside)


def crash(lab: Lab, profile: str, primary: str) -> Trial:
    """All wires of the primary are cut, with a small table and a UDP stream of 1 kHz each way and family.

    The new primary knows no neighbour: it has never forwarded anything to them.
    """
    ends = families(profile)
    server = RunningProbe(lab, "server", [], [listener("udp", one.server, UDP) for one in ends])
    client = RunningProbe(lab, "client", [flow(f"{one.mark}udp", "udp", one.server, UDP) for one in ends], [])
    time.sleep(2)
    forget_neighbours(lab, other(primary), ends)
    cut = time.time()
    lab.links(primary, "down")
    time.sleep(RECOVERY[profile])
    seen = client.collect()
    served = server.collect()
    lab.links(primary, "up")
    gaps = {one.mark: longest_gap(seen[f"{one.mark}udp"], RECOVERY[profile]) for one in ends}
    return Trial(
        {f"crash_{mark}udp_gap_ms": gap for mark, gap in gaps.items()},
        [timeline(f"crash_{one.mark}udp_gap_ms", profile, cut, both_ways(seen, served, one)) for one in ends],
    )


def forget_neighbours(lab: Lab, node: str, ends: Sequence[Ends]) -> None:
    hosts = [host for one in ends for host in (one.server, one.client)]
    lab.run(node, "; ".join(f"ip neigh flush to {host} nud all" for host in hosts))


def longest_gap(stream: dict[str, Any], seconds: float) -> float:
    """The longest gap of both directions in ms: all the time where the server can't be asked at the end."""
    return float(stream["longest_gap_ms"]) if stream["complete"] else seconds * 1000


def both_ways(seen: dict[str, Any], served: dict[str, Any], ends: Ends) -> dict[str, dict[str, Any]]:
    """The series of a UDP flow: down is with the flow, up with the listener that it went to."""
    heard = served["listeners"]["all"]
    up = next(one for one in heard if (one["kind"], one["address"]) == ("udp", ends.server))
    return {"UDP up": up, "UDP down": seen[f"{ends.mark}udp"]}


def fill(lab: Lab, primary: str, ends: Sequence[Ends]) -> None:
    """Give the primary ENTRIES established flows of all families, and wait until the backup has them."""
    lines = [entry(ends[number % len(ends)], number // len(ends)) for number in range(ENTRIES)]
    lab.run(
        primary, "cat > /root/flows; conntrack -R /root/flows >/dev/null 2>&1", text="\n".join(lines) + "\n"
    )
    # entries that a program adds make events which nobody resends: so conntrackd has to look for itself
    lab.run(primary, "conntrackd -R")
    lab.wait("conntrackd has read the table", lambda: lab.internal(primary) >= ENTRIES, 30, 0.5)
    lab.run(primary, "conntrackd -B")
    lab.wait("the backup has all flows", lambda: lab.external(other(primary)) >= ENTRIES, 60, 0.5)
    time.sleep(1)


def entry(ends: Ends, number: int) -> str:
    """A line of `conntrack -R`."""
    place, port = number // 50_000, 1024 + number % 50_000
    source, target = ip_address(ends.client) + 7 + place, ip_address(ends.server) + place
    return (
        f"-A -s {source} -d {target} -p tcp --sport {port} --dport 80 --state ESTABLISHED"
        f" -t 86400 -u SEEN_REPLY,ASSURED --src-nat {ends.virtual[1]}"
    )


def survival(lab: Lab, profile: str, primary: str, control: bool = False) -> Trial:
    """All wires of the primary are cut with ENTRIES in the table; 50 flows over SNAT, 20 over DNAT are held.

    So many in each family. As a control replication is stopped on both nodes before the flows open. It has to
    see a takeover as well: where nobody takes over, no flow lives on either.
    """
    ends = families(profile)
    if control:
        replicate(lab, False)
    else:
        fill(lab, primary, ends)
    listening, holding = hold(lab, ends)
    wait = RECOVERY[profile] * (1 if control else 1.5)
    streams = {one: OldFlows(lab, one, wait + 6) for one in ends}
    monitor = lab.start(other(primary), "stdbuf", "-oL", "ip", "-ts", "monitor", "address")
    time.sleep(3)
    forget_neighbours(lab, other(primary), ends)
    cut = time.time()
    lab.links(primary, "down")
    time.sleep(wait)
    seen = {name: result for probe in holding for name, result in probe.collect().items()}
    for probe in listening:
        probe.collect()
    monitor.terminate()
    assert monitor.stdout is not None
    said = monitor.stdout.read()
    lab.links(primary, "up")
    if control:
        replicate(lab, True)
    # the control, too, has to see a takeover
    moved = {one: hand_over_time(said, other(primary), [one]) for one in ends}
    figures = {
        f"{one.mark}{what}": float(seen[f"{one.mark}snat"][what] + seen[f"{one.mark}dnat"][what])
        for one in ends
        for what in ("survivors", "resets")
    }
    if control:
        return Trial({f"control_{name}": value for name, value in figures.items()})
    figures |= {
        f"{one.mark}first_packet_ms": first_packet(stream.arrivals(), stream.ports, moved[one], cut + wait)
        for one, stream in streams.items()
    }
    return Trial(
        {f"crash_100k_{name}": value for name, value in figures.items()},
        [survivors(profile, cut, seen, one) for one in ends],
    )


class OldFlows:
    """Old flows of one family through which valid segments go, from client to server (load.py)."""

    def __init__(self, lab: Lab, ends: Ends, seconds: float) -> None:
        words = (str(seconds), str(ends.family))
        self._watch = lab.start("server", "python3", "/root/load.py", "watch", *words)
        stream = lab.start("client", "python3", "/root/load.py", "stream", *words)
        assert stream.stdout is not None
        self.ports = stream.stdout.readline().split()
        """The flows' source ports."""
        if not self.ports:
            assert stream.stderr is not None
            raise LabError(f"no flow of IPv{ends.family}: {stream.stderr.read().strip()[-300:]}")

    def arrivals(self) -> list[list[str]]:
        """Source ports and times (seconds since the epoch) of what the server has got; waits for its end."""
        return [line.split() for line in self._watch.communicate()[0].splitlines()[1:]]


def replicate(lab: Lab, wanted: bool) -> None:
    """Start conntrackd on both nodes, or stop it so that nothing starts it again."""
    way = undo if wanted else inject
    for node in NODES:
        lab.run(node, way("conntrackd_mask_both"))


def hold(lab: Lab, ends: Sequence[Ends]) -> tuple[list[RunningProbe], list[RunningProbe]]:
    """Have both sides listen, and hold TCP flows over SNAT and DNAT: who listens, and who holds."""
    listening = [
        RunningProbe(lab, "server", [], [listener("tcp", one.server, TCP) for one in ends]),
        RunningProbe(lab, "client", [], [listener("tcp", one.client, FORWARD) for one in ends]),
    ]
    snat = [flow(f"{one.mark}snat", "tcp", one.server, TCP, count=50) for one in ends]
    dnat = [flow(f"{one.mark}dnat", "tcp", one.virtual[1], FORWARD, count=20) for one in ends]
    return listening, [RunningProbe(lab, "client", snat, []), RunningProbe(lab, "server", dnat, [])]


def first_packet(arrivals: Sequence[Sequence[str]], ports: Sequence[str], moved: float, end: float) -> float:
    """Time from the hand-over to the first packet of a flow in ms, where it is `end` for one that never came.

    How far conntrackd is with one flow is a matter of luck: the median of some. Arrivals are ports and times.
    """
    firsts = [
        min((float(at) for number, at in arrivals if number == port and float(at) > moved), default=end)
        for port in ports
    ]
    return round((statistics.median(firsts) - moved) * 1000, 3)


def survivors(profile: str, cut: float, seen: dict[str, dict[str, Any]], ends: Ends) -> dict[str, Any]:
    """What of the flows that were held arrived before and after the cut."""
    held = {"TCP over SNAT": seen[f"{ends.mark}snat"], "TCP over DNAT": seen[f"{ends.mark}dnat"]}
    return timeline(f"crash_100k_{ends.mark}survivors", profile, cut, held)


def address_times(text: str, ends: Sequence[Ends]) -> float | None:
    """When the first virtual address appeared, by `ip -ts monitor address` (seconds since the epoch)."""
    virtual = [f" {address}/" for one in ends for address in one.virtual]
    for stamp, line in re.findall(r"^\[(\S+)\] (.*)$", text, re.MULTILINE):
        if not line.startswith("Deleted") and any(address in line for address in virtual):
            return datetime.datetime.fromisoformat(stamp).timestamp()
    return None


def hand_over_time(said: str, node: str, ends: Sequence[Ends]) -> float:
    """When the node was given its first virtual address of these families; without one the trial was none."""
    moved = address_times(said, ends)
    if moved is None:
        kinds = " or ".join(f"IPv{one.family}" for one in ends)
        raise LabError(f"{node} has not been given a virtual address of {kinds}")
    return moved


def timeline(
    case: str, profile: str, cut: float, series: dict[str, dict[str, Any]], what: str = "wires cut"
) -> dict[str, Any]:
    """Packets per bin from 2 s before a fault on, as the result document has it."""
    flows = []
    start_ms, length = -2000, 2000 + int(min(RECOVERY[profile], 12) * 1000)
    for name, result in series.items():
        coded = result["series"]
        width = coded["bin_ms"]
        counts = decode(coded["counts"])
        first = round((cut - coded["start"]) * 1000 + start_ms) // width
        wanted = length // width
        flows.append(
            {
                "flow": name,
                "counts": [counts[i] if 0 <= i < len(counts) else 0 for i in range(first, first + wanted)],
            }
        )
    return {
        "case": case,
        "profile": profile,
        "bin_ms": width,
        "start_ms": start_ms,
        "series": flows,
        "events": [{"at_ms": 0, "what": what}],
    }


def established_only(lab: Lab, profile: str, primary: str, routed: bool = False) -> Trial:
    """Flows that were let in once, and would not be again, live on after a crash that comes minutes later.

    The backup's kernel sees none of their packets: a UDP entry would expire there if nothing renewed it.
    Routed, without source NAT, the server knows the way back through the pair.
    """
    ends = families(profile)
    ways = [f"{ip_network(f'{one.client}/{24 if one.family == 4 else 64}', False)}" for one in ends]
    if routed:
        for node in NODES:
            lab.run(node, "nft flush chain inet ftfw nat_postrouting")
        for one, way in zip(ends, ways):
            lab.run("server", f"ip route replace {way} via {one.virtual[1]}")
    server, inside = listening(lab, ends)
    specs = [
        spec
        for one in ends
        for spec in (
            flow(f"{one.mark}udp", "udp", one.server, UDP, rate=100),
            flow(f"{one.mark}tcp", "tcp", one.server, TCP, count=20),
        )
    ]
    client = RunningProbe(lab, "client", specs, [])
    dnat = [flow(f"{one.mark}dnat", "tcp", one.virtual[1], FORWARD, count=10) for one in ends]
    outside = RunningProbe(lab, "server", dnat, [])
    for node in NODES:
        lab.run(node, "nft flush set inet ftfw probe_ports")
    time.sleep(3 if routed else HOLD)
    lab.links(primary, "down")
    time.sleep(10)
    seen = {**client.collect(), **outside.collect()}
    server.collect()
    inside.collect()
    lab.links(primary, "up")
    if routed:
        for way in ways:
            lab.run("server", f"ip route delete {way}")
    name = "routed" if routed else "established_only"
    return Trial(
        {
            f"{name}_{one.mark}survivors": sum(
                seen[f"{one.mark}{what}"]["survivors"] for what in ("udp", "tcp", "dnat")
            )
            for one in ends
        }
    )
