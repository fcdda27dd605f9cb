# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is seen of a power loss that a pair survives: flows of the probe, and who holds the addresses."""

from __future__ import annotations

from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.holders import Held
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.judge import FaultSeen

END = float("inf")
FAULT, UNDO = 1000.0, 1003.0


def flow(kind: str, **changed: Any) -> dict[str, Any]:
    series = {"bin_ms": 10, "start": FAULT - 2, "counts": "1*1000"}
    usual = {
        "name": f"{kind} flow",
        "kind": kind,
        "count": 1,
        "survivors": 1,
        "resets": 0,
        "timeouts": 0,
        "refused": 0,
        "lost": 0,
    }
    return {**usual, "sender_stall_ms": 3.0, "series": series, **changed}


def way(lost: int | None = 210, gap: float | None = 214.0, stall: float = 3.0) -> dict[str, Any]:
    return {"lost": lost, "longest_gap_ms": gap, "sender_stall_ms": stall}


def client(**changed: Any) -> dict[str, Any]:
    flows = {
        "tcp": flow("tcp", count=20, survivors=20),
        "connect": flow("connect"),
        "udp": flow("udp", up=way(), down=way(208, 220.5)),
    }
    for kind, values in changed.items():
        flows[kind] = {**flows.get(kind, flow(kind)), **values}
    return {"flows": list(flows.values())}


def downloads(*ok: bool) -> dict[str, Any]:
    return {"transfers": [[{"bytes": 262144, "ok": one} for one in ok]], "happened": {}}


GOOD = FaultSeen(
    nodes=["fw-1", "fw-2"],
    before="fw-1",
    primary="fw-2",
    holders="fw-1: none, fw-2: 192.168.2.100",
    findings=[[]],
    healthy=[4.2],
    client=client(),
    server={"flows": [flow("tcp", count=10, survivors=10), flow("connect")]},
    held={
        "fw-1": Held(((0.0, FAULT + 0.1),), (), (FAULT + 0.1,)),
        "fw-2": Held(((FAULT + 0.2, END),), (FAULT + 0.2,)),
    },
    fault_at=FAULT,
    undo_at=UNDO,
    preferred="fw-1",
)
