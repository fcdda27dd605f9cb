# SPDX-License-Identifier: GPL-3.0-or-later
"""The trials that are not about a crash: planned switchover, bursts, busy processors, split brain, cost."""

from __future__ import annotations

import datetime
import re
import subprocess
import time
from pathlib import Path

from cases import FORWARD, RECOVERY, TCP, UDP, Trial, address_times, both_ways, listener, timeline
from lab import CLIENT, NODES, SERVER, VIRTUAL, Lab, LabError, other
from load import flows
from probe import Probe, flow
from profiles import OURS

LOAD = Path(__file__).parent / "load.py"
BURST = 100_000
GETS = 2000


def switchover(lab: Lab, profile: str, primary: str) -> Trial:
    """The primary hands over on purpose, while flows run and are being opened in both directions."""
    server = Probe(lab, "server", [], [listener("tcp", SERVER, TCP), listener("udp", SERVER, UDP)])
    inside = Probe(lab, "client", [], [listener("tcp", CLIENT, FORWARD)])
    specs = [
        flow("udp", "udp", SERVER, UDP),
        flow("long", "tcp", SERVER, TCP, count=20),
        flow("new", "connect", SERVER, TCP, rate=50),
    ]
    client = Probe(lab, "client", specs, [])
    time.sleep(2)
    monitor = lab.start(other(primary), "stdbuf", "-oL", "ip", "-ts", "monitor", "address")
    said = lab.playbook("switchover") if profile in OURS else None
    if said:
        until(said, "TASK [Stop keepalived on the primary]")
    born_inside = Probe(lab, "client", [flow("born", "tcp", SERVER, TCP, count=40)], [], wait=False)
    born_outside = Probe(lab, "server", [flow("born", "tcp", VIRTUAL[1], FORWARD, count=40)], [], wait=False)
    if said:
        until(said, "PLAY RECAP")
        if said.wait():
            raise LabError(f"playbooks/switchover.yml ended with exit code {said.returncode}")
    else:
        # while both are opening their flows
        time.sleep(0.3)
        lab.run(primary, "systemctl stop keepalived")
    lab.wait("the other node is primary", lambda: lab.is_primary(other(primary)), 30)
    time.sleep(RECOVERY[profile])
    for probe in (born_inside, born_outside):
        probe.ready()
    seen = client.collect()
    born = [probe.collect()["born"] for probe in (born_inside, born_outside)]
    served = server.collect()
    inside.collect()
    moved = address_times(ended(monitor))
    if moved is None:
        raise LabError(f"{other(primary)} has not been given a virtual address")
    lab.run(primary, "systemctl start keepalived")
    new = seen["new"]
    return Trial(
        {
            "switchover_udp_lost": max(seen["udp"]["up"]["lost"], seen["udp"]["down"]["lost"]),
            "switchover_udp_gap_ms": seen["udp"]["longest_gap_ms"],
            "switchover_resets": seen["long"]["resets"] + new["resets"] + sum(one["resets"] for one in born),
            "switchover_refused": new["refused"] + new["timeouts"],
            "switchover_born_survivors": sum(one["survivors"] for one in born),
        },
        [
            timeline(
                "switchover_udp_lost",
                profile,
                moved,
                both_ways(seen, served),
                "hand-over",
            )
        ],
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
    """BURST new flows in 3 s through the primary: which of their tuples has the backup after 10 s?"""
    backup = other(primary)
    hook = "type filter hook input priority 0"
    drop = f"table inet bench {{ chain input {{ {hook}; tcp dport 80 tcp flags syn drop; }}; }}"
    lab.run("server", f"nft '{drop}'; ip address replace 192.168.0.4/24 dev eth0")
    start = time.time()
    try:
        lab.copy("client", LOAD, "/root/load.py")
        lab.run("client", f"python3 /root/load.py burst {BURST} 3")
        sent = time.monotonic()
        wanted = {(source, str(port), target) for source, port, target, _rest in flows(BURST)}
        while True:
            missing = wanted - tuples(lab, backup)
            if not missing or time.monotonic() - sent > 10:
                break
            time.sleep(0.3)
        passed = tuples(lab, primary)
    finally:
        lab.run("server", "nft delete table inet bench")
    return Trial(
        {
            "burst_100k_missing": len(missing & passed),
            "burst_100k_dropped": len(wanted - passed),
            "burst_100k_flaps": takeovers(lab, start),
        }
    )


def tuples(lab: Lab, node: str) -> set[tuple[str, str, str]]:
    """Source, port and destination of the flows to port 80 that a node has, in kernel or external cache."""
    known = lab.run(node, "conntrack -L -p tcp --dport 80 2>/dev/null")
    if "external inject:" not in lab.run(node, "conntrackd -s"):
        known += lab.run(node, "conntrackd -e")
    return {
        (source, port, target)
        for source, target, port in re.findall(r"src=(\S+) dst=(\S+) sport=(\d+) dport=80 ", known)
    }


def flaps(lab: Lab, profile: str, primary: str) -> Trial:
    """Eight busy loops for a minute: how often does the pair change its mind?"""
    start = time.time()
    loops = 'for i in 1 2 3 4 5 6 7 8; do timeout 60 sh -c "while :; do :; done" & done; wait'
    lab.run("client", loops, check=False)
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
        lab.wait("both are primary", lambda: all(lab.holders().values()), 30)
        time.sleep(2)
        monitors = [lab.start(node, "stdbuf", "-oL", "ip", "-ts", "monitor", "address") for node in NODES]
        time.sleep(0.5)
    lab.wait("one primary", lambda: any(lab.is_primary(node) for node in NODES), 30, 0.05)
    gone = [at for monitor in monitors for at in removals(ended(monitor))]
    return Trial({"two_holders_ms": round((max(gone) - healed[0]) * 1000, 1)})


def removals(text: str) -> list[float]:
    """When virtual addresses went, from the output of `ip -ts monitor address` (seconds since the epoch)."""
    return [
        datetime.datetime.fromisoformat(stamp).timestamp()
        for stamp, line in re.findall(r"^\[(\S+)\] (.*)$", text, re.MULTILINE)
        if line.startswith("Deleted") and any(f"inet {address}/" in line for address in VIRTUAL)
    ]


def frozen(lab: Lab, profile: str, primary: str) -> Trial:
    """The primary's keepalived stands still: how long do two nodes hold the virtual addresses?"""
    monitor = lab.start(primary, "stdbuf", "-oL", "ip", "-ts", "monitor", "address")
    time.sleep(0.5)
    stopped = time.time()
    lab.run(primary, "kill -STOP $(cat /run/vrrp.pid 2>/dev/null || pgrep -n keepalived)")
    lab.wait("the other node is primary", lambda: bool(lab.holders()[other(primary)]), 30, 0.05)
    try:
        lab.wait("the frozen one has lost them", lambda: not lab.holders()[primary], 15, 0.05)
    except Exception:
        lab.run(primary, "pkill -CONT keepalived", check=False)
        return Trial({"frozen_holder_ms": 15000.0})
    return Trial({"frozen_holder_ms": round((max(removals(ended(monitor))) - stopped) * 1000, 1)})


def cost(lab: Lab, profile: str, primary: str) -> Trial:
    """Short HTTP requests of 4 KB each on a connection of its own, with replication and without."""
    figures: dict[str, float] = {}
    for name, state in (("with", "start"), ("without", "stop")):
        if state == "stop":
            for node in NODES:
                lab.run(node, "systemctl stop conntrackd")
        before, machine = daemon_ms(lab), machine_ms()
        said = lab.run("client", f"ab -q -n {GETS} -c 10 http://{SERVER}/small.bin")
        time.sleep(1)
        rate = re.search(r"Requests per second:\s+([\d.]+)", said)
        assert rate is not None, said
        figures[f"cost_requests_per_s_{name}"] = float(rate[1])
        figures[f"cost_machine_cpu_ms_{name}"] = round((machine_ms() - machine) * 1000 / GETS, 1)
        if state == "start":
            figures["cost_conntrackd_cpu_ms"] = round((daemon_ms(lab) - before) * 1000 / GETS, 1)
    for node in NODES:
        lab.run(node, "systemctl start conntrackd")
    return Trial(figures)


def daemon_ms(lab: Lab) -> float:
    """Processor time of both conntrackd, in ms (proc(5), utime and stime in ticks of 10 ms)."""
    script = (
        "pid=$(systemctl show --property=MainPID --value conntrackd.service); "
        "[ $pid = 0 ] && echo 0 || awk '{print ($14 + $15) * 10}' /proc/$pid/stat"
    )
    return sum(float(lab.run(node, script)) for node in NODES)


def machine_ms() -> float:
    """Busy time of all processors, in ms (proc(5), /proc/stat: all but idle and iowait)."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:8]]
    return 10.0 * (sum(ticks) - ticks[3] - ticks[4])
