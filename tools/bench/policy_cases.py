# SPDX-License-Identifier: GPL-3.0-or-later
"""The trials of a policy: what it costs to compile, to load and to forward through, and to load it often."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from cases import UDP, Trial, listener
from lab import Lab, LabError
from probe import RunningProbe, flow
from profiles import families

SPEED = Path(__file__).parent / "policy_speed.py"
BALANCERS = Path(__file__).parent / "balancer_speed.py"
RELOADS = 50


def speed(what: str, lab: Lab, profile: str, primary: str) -> Trial:
    """Without the pair: on this machine, in a network namespace of its own."""
    return printed([] if what == "compile" else ["unshare", "--net"], SPEED, what)


def balancer_speed(lab: Lab, profile: str, primary: str) -> Trial:
    """Without the pair, too."""
    return printed(["unshare", "--net"], BALANCERS)


def printed(before: Sequence[str], program: Path, *words: str) -> Trial:
    """What a program has measured."""
    done = subprocess.run(
        [*before, sys.executable, str(program), *words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise LabError(f"{' '.join([program.name, *words])}: {done.stderr.strip()[-400:]}")
    return Trial(json.loads(done.stdout))


def reloads(lab: Lab, profile: str, primary: str) -> Trial:
    """The primary's ruleset is loaded anew RELOADS times; UDP of 1 kHz passes each way and family."""
    ends = families(profile)
    server = RunningProbe(lab, "server", [], [listener("udp", one.server, UDP) for one in ends])
    client = RunningProbe(lab, "client", [flow(f"{one.mark}udp", "udp", one.server, UDP) for one in ends], [])
    time.sleep(1)
    reload_ = "systemctl reload ftfw-nftables.service"
    lab.run(primary, f"i=0; while [ $i -lt {RELOADS} ]; do {reload_} || exit 1; i=$((i + 1)); done")
    time.sleep(1)
    seen = client.collect()
    server.collect()
    streams = {f"policy_reload_{one.mark}lost": seen[f"{one.mark}udp"] for one in ends}
    return Trial({name: max(one["up"]["lost"], one["down"]["lost"]) for name, one in streams.items()})
