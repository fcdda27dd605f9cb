# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbered messages of both families through the pair, by connections old and new, datagrams and pings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cases
from containers import NODES, PREFIX, PROJECT, playbook
from lab import FOUR, SIX, Lab
from probe import RunningProbe, Spec, flow

ENDS = (FOUR, SIX)
HELD = 20
SECONDS = 300
"""So long the pair lets them through, and so long a probe lives (tools/bench/probe.py)."""


def flows() -> list[Spec]:
    """Of each family, by names with its mark."""
    return [
        spec
        for one in ENDS
        for spec in (
            flow(f"{one.mark}datagrams", "udp", one.server, cases.UDP, rate=100),
            flow(f"{one.mark}held", "tcp", one.server, cases.TCP, count=HELD),
            flow(f"{one.mark}new", "connect", one.server, cases.TCP),
            flow(f"{one.mark}pings", "ping", one.server),
        )
    ]


def let_through(lab: Lab) -> None:
    """Open the ports of the probe on both nodes for SECONDS."""
    opening = playbook("tools/bench/probes.yml")
    assert opening.returncode == 0, opening.stdout[-3000:]
    probes = json.loads((PROJECT / "build/bench/probes.json").read_text())
    # an element that is there already would keep its old time
    commands = "\n".join([*probes["close"], *probes["open"]]).replace("SECONDS", str(SECONDS))
    for node in NODES:
        lab.run(node, "nft -f -", text=f"{commands}\n")


class Messages:
    """What became of the flows, once the block that sends is over."""

    def __init__(self) -> None:
        self.seen: dict[str, dict[str, Any]] = {}

    def lost(self) -> dict[str, int]:
        """Of each kind, in both directions together, if any. A connection that ended counts, too."""
        counted = {}
        for spec in flows():
            one = self.seen[spec["name"]]
            assert one["sent"] > 10, one
            if spec["kind"] == "udp":
                assert one["complete"], one
                counted[spec["name"]] = one["up"]["lost"] + one["down"]["lost"]
            else:
                counted[spec["name"]] = one["lost"] + one["resets"]
            if spec["kind"] == "tcp":
                counted[spec["name"]] += HELD - one["survivors"]
        return {name: count for name, count in counted.items() if count}

    def gaps(self) -> dict[str, float]:
        """The longest silence of each kind, in ms."""
        return {spec["name"]: self.seen[spec["name"]]["longest_gap_ms"] for spec in flows()}


@contextmanager
def messages() -> Iterator[Messages]:
    """Send while the block runs; to be asked afterwards."""
    lab, sent = Lab(PREFIX), Messages()
    let_through(lab)
    try:
        listeners = [
            cases.listener(kind, one.server, port)
            for one in ENDS
            for kind, port in (("tcp", cases.TCP), ("udp", cases.UDP))
        ]
        server = RunningProbe(lab, "server", [], listeners)
        client = RunningProbe(lab, "client", flows(), [])
        yield sent
        sent.seen = client.collect()
        server.collect()
    finally:
        lab.end_all()
