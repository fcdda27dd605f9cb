# SPDX-License-Identifier: GPL-3.0-or-later
"""The trial of balanced flows: a crash of the primary with a large table, as that of other flows."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import yaml
from cases import RECOVERY, Trial, fill, forget_neighbours, hand_over_time, listener, timeline
from lab import ROOT, Ends, Lab, LabError, other
from probe import RunningProbe, flow
from profiles import families

PORT, FLOWS = 7011, 70
SERVERS = {4: ("192.168.0.4", "192.168.0.5"), 6: ("2001:db8::4", "2001:db8::5")}
"""Addresses that the host `server` has besides its own."""
SITE = ROOT / "inventories/native/group_vars/all/site.yml"


def variables(ends: Sequence[Ends]) -> dict[str, Any]:
    """A balancer of two servers for each family, the service that they answer, and who may ask for it."""
    site = yaml.safe_load(SITE.read_text())
    entry = {"from": "inside", "to": "outside", "services": ["balanced"]}
    return {
        "site_services": {**site["site_services"], "balanced": {"tcp": [PORT]}},
        "site_policy": [*site["site_policy"], entry],
        "site_balancers": {
            f"bench-{one.family}": {
                "network": "inside",
                "address": one.virtual[0],
                "service": "balanced",
                "servers": list(SERVERS[one.family]),
                "check": {"tcp": {}, "delay_loop": 1},
                # they have no way back to the inside
                "source_nat": True,
            }
            for one in ends
        },
    }


@contextmanager
def balancers(lab: Lab, ends: Sequence[Ends]) -> Iterator[None]:
    """Let the pair have them, as users let it; afterwards it has none."""
    words = [(one, 24 if one.family == 4 else 64) for one in ends]
    every = [f"{at}/{length}" for one, length in words for at in SERVERS[one.family]]
    # others must not be answered from them
    options = {one: " nodad preferred_lft 0" if ":" in one else "" for one in every}
    lab.run("server", "; ".join(f"ip address replace {one} dev eth0{options[one]}" for one in every))
    try:
        played(lab, "--extra-vars", json.dumps(variables(ends)))
        yield
    finally:
        lab.run("server", "; ".join(f"ip address delete {one} dev eth0" for one in every))
        played(lab)


def played(lab: Lab, *options: str) -> None:
    said = lab.playbook("policy", *options)
    assert said.stdout is not None
    told = said.stdout.read()
    if said.wait():
        raise LabError(f"playbooks/policy.yml ended with exit code {said.returncode}: {told[-500:]}")


def survival(lab: Lab, profile: str, primary: str) -> Trial:
    """All wires of the primary are cut with a large table; FLOWS flows of each family are balanced."""
    ends = families(profile)
    with balancers(lab, ends):
        listeners = [listener("tcp", at, PORT) for one in ends for at in SERVERS[one.family]]
        server = RunningProbe(lab, "server", [], listeners)
        fill(lab, primary, ends)
        specs = [flow(f"{one.mark}balanced", "tcp", one.virtual[0], PORT, count=FLOWS) for one in ends]
        client = RunningProbe(lab, "client", specs, [])
        monitor = lab.start(other(primary), "stdbuf", "-oL", "ip", "-ts", "monitor", "address")
        time.sleep(3)
        forget_neighbours(lab, other(primary), ends)
        cut = time.time()
        lab.links(primary, "down")
        try:
            time.sleep(RECOVERY[profile] * 1.5)
            seen, served = client.collect(), server.collect()
        finally:
            lab.links(primary, "up")
        monitor.terminate()
        assert monitor.stdout is not None
        said = monitor.stdout.read()
        for one in ends:
            hand_over_time(said, other(primary), [one])
            shared_out(served, one)
        # both nodes are changed back
        lab.wait("one primary", lambda: lab.is_primary(other(primary)), 30)
    return Trial(
        {
            f"balanced_100k_{one.mark}{what}": float(seen[f"{one.mark}balanced"][what])
            for one in ends
            for what in ("survivors", "resets")
        },
        [
            timeline(
                f"balanced_100k_{one.mark}survivors",
                profile,
                cut,
                {"TCP through a balancer": seen[f"{one.mark}balanced"]},
            )
            for one in ends
        ],
    )


def shared_out(served: dict[str, dict[str, Any]], ends: Ends) -> None:
    """See that each server has had its half: flows to one server alone would not be balanced ones."""
    heard = [one for one in served["listeners"]["all"] if one["kind"] == "tcp"]
    shares = [sum(one["count"] for one in heard if one["address"] == at) for at in SERVERS[ends.family]]
    if max(shares) - min(shares) > FLOWS / 20:
        raise LabError(f"of {FLOWS} flows of IPv{ends.family} the servers have had {shares}")
