# SPDX-License-Identifier: GPL-3.0-or-later
"""The trials that are not about a crash: planned switchover, bursts, busy processors, split brain, cost."""

from __future__ import annotations

import datetime
import os
import re
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cases import FORWARD, RECOVERY, TCP, UDP, Trial, both_ways, hand_over_time, listening, timeline
from fault_table import inject, undo
from lab import FOUR, NODES, Ends, Lab, LabError, other
from load import TARGETS, flows
from probe import RunningProbe, Spec, flow
from profiles import WRITTEN, families

LOAD = Path(__file__).parent / "load.py"
BURST = 100_000
GETS = 2000
BORN, SPREAD = 40, 4.0
"""Flows that each side opens, one after the other over so many seconds, while the role moves."""
LOOPS, BUSY = 4, 60
"""Busy loops for each processor, and their seconds."""


def lead(lab: Lab, profile: str, node: str) -> str:
    """Have the node be primary before a trial begins, by a hand-over that is not measured."""
    holder = lab.primary()
    if holder != node:
        lab.run(holder, inject("keepalived_stop"))
        lab.wait(f"{node} is primary", lambda: lab.is_primary(node), 30)
        lab.run(holder, undo("keepalived_stop"))
        # until both have ended their transitions
        time.sleep(RECOVERY[profile])
        lab.wait(f"{node} has stayed primary", lambda: lab.is_primary(node), 1)
    return node


def switchover(lab: Lab, profile: str, primary: str) -> Trial:
    """The primary hands over on purpose, while flows run and are being opened from both sides."""
    ends = families(profile)
    listening, client, births = running(lab, ends)
    time.sleep(2)
    monitor = lab.start(other(primary), "stdbuf", "-oL", "ip", "-ts", "monitor", "address")
    hand_over(lab, profile, primary, births)
    time.sleep(RECOVERY[profile])
    seen = client.collect()
    sides = {probe.host: probe.collect() for probe in births}
    served, _inside = [probe.collect() for probe in listening]
    moved = hand_over_time(ended(monitor), other(primary), ends)
    figures: dict[str, float] = {}
    for one in ends:
        born = []
        for host, side in sides.items():
            mine = [result for name, result in side.items() if name.startswith(f"{one.mark}born")]
            around([result["begun"] for result in mine], moved, host)
            born += mine
        figures |= handed_over(seen, born, one)
    lab.run(primary, undo("keepalived_stop"))
    return Trial(
        figures,
        [
            timeline(
                f"switchover_{one.mark}udp_lost", profile, moved, both_ways(seen, served, one), "hand-over"
            )
            for one in ends
        ],
    )


def running(
    lab: Lab, ends: Sequence[Ends]
) -> tuple[tuple[RunningProbe, RunningProbe], RunningProbe, list[RunningProbe]]:
    """Listeners on server and client, flows that run, and on each side flows that are held back."""
    server, inside = listening(lab, ends)
    specs = [
        spec
        for one in ends
        for spec in (
            flow(f"{one.mark}udp", "udp", one.server, UDP),
            flow(f"{one.mark}long", "tcp", one.server, TCP, count=20),
            flow(f"{one.mark}new", "connect", one.server, TCP, rate=50),
        )
    ]
    client = RunningProbe(lab, "client", specs, [])
    births = [
        RunningProbe(
            lab, host, [spec for one in ends for spec in born_flows(one, host == "client")], [], held=True
        )
        for host in ("client", "server")
    ]
    return (server, inside), client, births


def hand_over(lab: Lab, profile: str, primary: str, births: Sequence[RunningProbe]) -> None:
    """Move the role as the profile has it, while flows are born; return when the other node is primary."""
    said = lab.playbook("switchover") if profile in WRITTEN else None
    if said:
        until(said, "TASK [Stop keepalived on the primary]")
    for probe in births:
        probe.go()
    if said:
        until(said, "PLAY RECAP")
        if said.wait():
            raise LabError(f"playbooks/switchover.yml ended with exit code {said.returncode}")
    else:
        # the other node takes over within a second then: near the middle
        time.sleep(SPREAD / 4)
        lab.run(primary, inject("keepalived_stop"))
    lab.wait("the other node is primary", lambda: lab.is_primary(other(primary)), 30)


def handed_over(seen: dict[str, dict[str, Any]], born: list[dict[str, Any]], ends: Ends) -> dict[str, float]:
    """The figures of a planned switchover in one family."""
    stream, long, new = (seen[f"{ends.mark}{name}"] for name in ("udp", "long", "new"))
    if not stream["complete"]:
        raise LabError("the server can't be asked after the hand-over: nothing comes through to it")
    name = f"switchover_{ends.mark}"
    return {
        f"{name}udp_lost": max(stream["up"]["lost"], stream["down"]["lost"]),
        f"{name}udp_gap_ms": stream["longest_gap_ms"],
        f"{name}resets": long["resets"] + new["resets"] + sum(one["resets"] for one in born),
        # by an ICMP error as well
        f"{name}refused": new["lost"] - new["resets"],
        f"{name}born_survivors": sum(one["survivors"] for one in born),
    }


def born_flows(ends: Ends, outwards: bool) -> list[Spec]:
    """Specifications of BORN flows, of which one is begun every SPREAD / BORN seconds."""
    target, port = (ends.server, TCP) if outwards else (ends.virtual[1], FORWARD)
    return [
        flow(f"{ends.mark}born-{number}", "tcp", target, port, delay=SPREAD * number / BORN)
        for number in range(BORN)
    ]


def around(begun: Sequence[float], moved: float, host: str) -> None:
    """See that flows were begun before the address moved, and others afterwards (seconds since the epoch)."""
    before = sum(at < moved for at in begun)
    if not 0 < before < len(begun):
        raise LabError(
            f"{host} began {before} of {len(begun)} flows before the hand-over: none on one side of it"
        )


def until(process: subprocess.Popen[str], beginning: str) -> None:
    """Read a program's output as far as the line that begins so."""
    assert process.stdout is not None
    read = []
    for line in process.stdout:
        if line.startswith(beginning):
            return
        read.append(line)
    raise LabError(f"no {beginning!r} in: {''.join(read)[-500:]}")


def ended(monitor: subprocess.Popen[str]) -> str:
    """End a program, and return what it has written."""
    monitor.terminate()
    assert monitor.stdout is not None
    return monitor.stdout.read()


def burst(lab: Lab, profile: str, primary: str) -> Trial:
    """BURST new flows of each family in 3 s through the primary, one family after the other."""
    figures: dict[str, float] = {}
    for one in families(profile):
        figures |= burst_of(lab, primary, one)
    return Trial(figures)


def burst_of(lab: Lab, primary: str, ends: Ends) -> dict[str, float]:
    """Which of the tuples of BURST new flows in 3 s has the backup after 10 s?"""
    backup = other(primary)
    hook = "type filter hook input priority 0"
    drop = f"table inet bench {{ chain input {{ {hook}; tcp dport 80 tcp flags syn drop; }}; }}"
    second = f"{TARGETS[ends.family][1]}/{24 if ends.family == 4 else 64} dev eth0"
    # others must not send from it: only the server's own address is let in
    unused = "" if ends.family == 4 else " nodad preferred_lft 0"
    lab.run("server", f"nft '{drop}'; ip address replace {second}{unused}")
    start = time.time()
    try:
        lab.copy("client", LOAD, "/root/load.py")
        lab.run("client", f"python3 /root/load.py burst {BURST} 3 {ends.family}")
        sent = time.monotonic()
        wanted = {(source, str(port), target) for source, port, target, _rest in flows(BURST, ends.family)}
        while True:
            missing = wanted - tuples(lab, backup, ends.family)
            if not missing or time.monotonic() - sent > 10:
                break
            time.sleep(0.3)
        passed = tuples(lab, primary, ends.family)
    finally:
        lab.run("server", f"nft delete table inet bench; ip address delete {second}")
    return {
        f"burst_100k_{ends.mark}missing": len(missing & passed),
        f"burst_100k_{ends.mark}dropped": len(wanted - passed),
        f"burst_100k_{ends.mark}flaps": takeovers(lab, start),
    }


def tuples(lab: Lab, node: str, family: int = 4) -> set[tuple[str, str, str]]:
    """Source, port and destination of the flows to port 80 that a node has, in kernel or external cache."""
    known = lab.run(node, f"conntrack -L -f ipv{family} -p tcp --dport 80 2>/dev/null")
    if "external inject:" not in lab.run(node, "conntrackd -s"):
        known += lab.run(node, "conntrackd -e")
    return {
        (source, port, target)
        for source, target, port in re.findall(r"src=(\S+) dst=(\S+) sport=(\d+) dport=80 ", known)
    }


def flaps(lab: Lab, profile: str, primary: str) -> Trial:
    """LOOPS busy loops a processor for BUSY seconds: how often does the pair change its mind?"""
    processors = os.cpu_count() or 1
    loops = LOOPS * processors
    start, before = time.time(), machine_ms(stolen=True)
    # `wait` does not tell the exit code of timeout(1), which is 124 each time
    lab.run("client", f'for i in $(seq {loops}); do timeout {BUSY} sh -c "while :; do :; done" & done; wait')
    busy, all_ = machine_ms(stolen=True) - before, 1000.0 * BUSY * processors
    if busy < 0.9 * all_:
        raise LabError(f"the processors were busy for {busy:.0f} ms, of {all_:.0f} that {loops} loops take")
    return Trial({"busy_flaps": takeovers(lab, start)})


def takeovers(lab: Lab, start: float) -> int:
    """How often a VRRP instance has become master since then (seconds since the epoch), on either node."""
    said = [
        lab.run(node, f"journalctl -u keepalived --since @{start:.3f} --no-pager -q -o cat") for node in NODES
    ]
    return sum(text.count("Entering MASTER STATE") for text in said)


def split(lab: Lab, profile: str, primary: str) -> Trial:
    """All wires are cut, carrier or not, and both nodes are primary; how long after the healing is it one?"""
    with lab.silent(primary) as healed:
        lab.wait("both are primary", lab.two_primaries, 30)
        time.sleep(2)
        monitors = [lab.start(node, "stdbuf", "-oL", "ip", "-ts", "monitor", "address") for node in NODES]
        time.sleep(0.5)
    lab.wait("one primary", lambda: any(lab.is_primary(node) for node in NODES), 30, 0.05)
    # until the monitors have told it
    time.sleep(0.5)
    said = "\n".join(ended(monitor) for monitor in monitors)
    return Trial(
        {
            f"two_holders_{one.mark}ms": round((max(removals(said, one)) - healed[0]) * 1000, 1)
            for one in families(profile)
        }
    )


def removals(text: str, ends: Ends = FOUR) -> list[float]:
    """When virtual addresses went, from the output of `ip -ts monitor address` (seconds since the epoch)."""
    return [
        datetime.datetime.fromisoformat(stamp).timestamp()
        for stamp, line in re.findall(r"^\[(\S+)\] (.*)$", text, re.MULTILINE)
        if line.startswith("Deleted") and any(f" {address}/" in line for address in ends.virtual)
    ]


def frozen(lab: Lab, profile: str, primary: str) -> Trial:
    """The primary's keepalived stands still: how long do two nodes hold the virtual addresses?"""
    monitor = lab.start(primary, "stdbuf", "-oL", "ip", "-ts", "monitor", "address")
    time.sleep(0.5)
    stopped = time.time()
    lab.run(primary, inject("keepalived_stop_signal_child"))
    lab.wait("the other node is primary", lambda: lab.holders()[other(primary)] == lab.held(), 30, 0.05)
    try:
        lab.wait("the frozen one has lost them", lambda: not lab.holders()[primary], 15, 0.05)
    except LabError:
        lab.run(primary, undo("keepalived_stop_signal_child"), check=False)
        return Trial({f"frozen_holder_{one.mark}ms": 15000.0 for one in families(profile)})
    time.sleep(0.5)
    said = ended(monitor)
    return Trial(
        {
            f"frozen_holder_{one.mark}ms": round((max(removals(said, one)) - stopped) * 1000, 1)
            for one in families(profile)
        }
    )


def cost(lab: Lab, profile: str, primary: str) -> Trial:
    """Short HTTP requests of 4 KB each on a connection of its own, with replication and without."""
    figures: dict[str, float] = {}
    for name, state in (("with", "start"), ("without", "stop")):
        if state == "stop":
            for node in NODES:
                lab.run(node, inject("conntrackd_mask_both"))
        for one in families(profile):
            figures |= cost_of(lab, one, name)
    for node in NODES:
        lab.run(node, undo("conntrackd_mask_both"))
    return Trial(figures)


def cost_of(lab: Lab, ends: Ends, name: str) -> dict[str, float]:
    """The figures of the requests in one family; that of conntrackd where it runs."""
    before, machine = daemon_ms(lab), machine_ms()
    server = ends.server if ends.family == 4 else f"[{ends.server}]"
    said = lab.run("client", f"ab -q -n {GETS} -c 10 http://{server}/small.bin")
    time.sleep(1)
    rate = re.search(r"Requests per second:\s+([\d.]+)", said)
    assert rate is not None, said
    figures = {
        f"cost_{ends.mark}requests_per_s_{name}": float(rate[1]),
        f"cost_{ends.mark}machine_cpu_ms_{name}": round((machine_ms() - machine) * 1000 / GETS, 1),
    }
    if name == "with":
        figures[f"cost_{ends.mark}conntrackd_cpu_ms"] = round((daemon_ms(lab) - before) * 1000 / GETS, 1)
    return figures


def daemon_ms(lab: Lab) -> float:
    """Processor time of both conntrackd, in ms (proc(5), utime and stime in ticks of 10 ms)."""
    script = (
        "pid=$(systemctl show --property=MainPID --value conntrackd.service); "
        "[ $pid = 0 ] && echo 0 || awk '{print ($14 + $15) * 10}' /proc/$pid/stat"
    )
    return sum(float(lab.run(node, script)) for node in NODES)


def machine_ms(stolen: bool = False) -> float:
    """Busy time of all processors, in ms (proc(5), /proc/stat: all but idle and iowait).

    What other virtual machines took meanwhile (steal) counts where it is asked for.
    """
    ticks = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return 10.0 * (sum(ticks[: 8 if stolen else 7]) - ticks[3] - ticks[4])
