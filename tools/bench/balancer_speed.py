# SPDX-License-Identifier: GPL-3.0-or-later
"""Times new flows of TCP through a balancer, beside those through a port forward. Prints one line of JSON.

unshare --net python balancer_speed.py
"""

from __future__ import annotations

import json
import socket
import statistics
import subprocess
from functools import partial

from load import syn
from policy_speed import (
    BOTH,
    ENDS,
    OUT,
    ROUNDS,
    batch,
    compiled,
    forwarded,
    in_namespace,
    nft_file,
    timed,
    wires,
)

FLOWS = 20_000
"""Each from a port of its own."""
FIRST_PORT, PORT = 20_000, 80
VIRTUAL, CLIENT, FIRST_SERVER = 100, 3, 101
"""What the addresses end in: the pair's on the inside, who asks there, and the first server's."""
SILENT = f"type filter hook prerouting priority raw; tcp dport {PORT} drop;"
MOST = 64
COUNTS = (2, MOST)
"""Servers of a balancer."""


def main() -> dict[str, float]:
    """A segment goes through the firewall before sendto returns; the answer of a server is dropped there."""
    ways = {"forward": 0, **{str(count): count for count in COUNTS}}
    texts = {(family, name): ruleset(family, count) for family in ENDS for name, count in ways.items()}
    taken: dict[tuple[int, str], list[float]] = {key: [] for key in texts}
    with wires() as (client, server):
        batch([address(inside(family, VIRTUAL), "eth1") for family in ENDS])
        with in_namespace(server):
            batch([address(one, "eth0") for family in ENDS for one in servers(family, MOST)])
            nft_file(f"table inet silent {{ chain c {{ {SILENT} }}; }}")
        with in_namespace(client):
            raw = {family: socket_of(family) for family in ENDS}
        segments = {family: requests(family) for family in ENDS}
        for _round in range(ROUNDS):
            for key, text in texts.items():
                family, name = key
                nft_file(f"flush ruleset\n{text}")
                subprocess.run(["conntrack", "-F"], check=True, capture_output=True)
                before = forwarded()
                work = partial(send, raw[family], segments[family], inside(family, VIRTUAL))
                taken[key].append(timed(work))
                passed = forwarded() - before
                if passed < FLOWS:
                    raise SystemExit(f"{name}: only {passed} of {FLOWS} flows of IPv{family} have passed")
    medians = {key: statistics.median(all_) for key, all_ in taken.items()}
    return {
        f"balancer_{mark}{count}_ratio": medians[family, str(count)] / medians[family, "forward"]
        for family, mark in ((4, ""), (6, "v6_"))
        for count in COUNTS
    }


def inside(family: int, end: int) -> str:
    return ENDS[family][0].format(end)


def servers(family: int, count: int) -> list[str]:
    return [ENDS[family][1].format(FIRST_SERVER + number) for number in range(count)]


def address(of: str, device: str) -> str:
    return f"address add {of}/{'128' if ':' in of else '32'} dev {device}{' nodad' if ':' in of else ''}"


def ruleset(family: int, count: int) -> str:
    """Of a pair that has a balancer of so many servers; a port forward where they are none."""
    asked = {"address": inside(family, VIRTUAL), "service": "http"}
    if count:
        web = {"network": "inside", "servers": servers(family, count), "check": "none", **asked}
        return compiled([{**OUT, "services": ["http"]}], {}, BOTH, site_balancers={"web": web})
    forward = {"to": "inside", "host": servers(family, 1)[0], **asked}
    return compiled([{**OUT, "services": ["http"]}], {}, BOTH, site_port_forwards=[forward])


def socket_of(family: int) -> socket.socket:
    kind = socket.AF_INET6 if family == 6 else socket.AF_INET
    return socket.socket(kind, socket.SOCK_RAW, socket.IPPROTO_RAW)


def requests(family: int) -> list[bytes]:
    source, target = inside(family, CLIENT), inside(family, VIRTUAL)
    return [syn(source, FIRST_PORT + number, target, PORT) for number in range(FLOWS)]


def send(raw: socket.socket, segments: list[bytes], target: str) -> None:
    for segment in segments:
        raw.sendto(segment, (target, 0))


if __name__ == "__main__":
    print(json.dumps(main()))
