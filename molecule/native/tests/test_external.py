# SPDX-License-Identifier: GPL-3.0-or-later
"""With the external cache a new primary lets nothing through before it has the flows, and then all of it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from containers import NODES, PREFIX, other_of, playbook, run, wait
from fault_table import inject, undo
from lab import Lab
from test_pair import Flow, is_primary, primary, settle

pytestmark = pytest.mark.long
EXTERNAL = ("-e", "native_replication=external")


@pytest.fixture(scope="module", autouse=True)
def external() -> Iterator[None]:
    done = playbook("site.yml", *EXTERNAL)
    assert done.returncode == 0, done.stdout[-3000:]
    settle(primary())
    yield
    done = playbook("site.yml")
    assert done.returncode == 0, done.stdout[-3000:]
    settle(primary())


def gate(node: str) -> list[str]:
    """The interfaces that nothing comes in by."""
    listed = json.loads(run(node, "nft --json list set inet ftfw gate"))["nftables"]
    elements = next(entry["set"] for entry in listed if "set" in entry).get("elem", [])
    return sorted(one["elem"]["val"] if isinstance(one, dict) else one for one in elements)


def test_a_flow_lives_on_once_the_cache_is_committed() -> None:
    lab = Lab(PREFIX)
    old = primary()
    new = other_of(old)
    settle(old)
    wait("the backup's gate is shut", lambda: gate(new) == ["eth0", "eth1"])
    assert gate(old) == []
    flow = Flow(60)
    port = flow.source_port()
    wait("the backup has it in its cache", lambda: f"sport={port} " in run(new, "conntrackd -e"))
    assert f"sport={port} " not in run(new, "conntrack -L 2>/dev/null")
    try:
        lab.links(old, "down")
        wait("the other node takes over", lambda: is_primary(new))
        wait("its gate is open", lambda: gate(new) == [])
        moment = time.time()
        wait("the flow lives", lambda: flow.echoes_after(moment) > 5)
    finally:
        lab.links(old, "up")
    settle(primary())


def test_a_commit_that_never_works_opens_the_gate_with_an_error() -> None:
    old = primary()
    new = other_of(old)
    settle(old)
    wait("the backup's gate is shut", lambda: gate(new) == ["eth0", "eth1"])
    run(new, inject("conntrackd_stop_signal_backup"))
    began = time.time()
    try:
        run(old, inject("keepalived_stop"))
        wait("the gate is open in spite of that", lambda: gate(new) == [], 12)
        assert time.time() - began > 4
        journal = f"journalctl --quiet --output=cat --unit=pair-state --priority=err --since=@{began:.3f}"
        wait("it says so", lambda: "FAILED: commit the external cache" in run(new, journal))
    finally:
        run(new, undo("conntrackd_stop_signal_backup"))
        run(old, undo("keepalived_stop"))
    # the transition is carried out again when the daemon answers
    run(new, "systemctl restart conntrackd.service")
    settle(primary())
    assert [run(node, "systemctl --failed --no-legend") for node in NODES] == ["", ""]
