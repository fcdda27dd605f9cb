# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Expectations of a fault against what was seen, as a table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.drill_document import fault, timeline
from ansible_collections.ftfw.pair.plugins.plugin_utils.drill_holders import Held
from ansible_collections.ftfw.pair.plugins.plugin_utils.drill_judge import Seen, for_site, judge
from ansible_collections.ftfw.pair.plugins.plugin_utils.result_document import load

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
        flows[kind] = {**flows[kind], **values}
    return {"flows": list(flows.values())}


GOOD = Seen(
    nodes=["fw-1", "fw-2"],
    before="fw-1",
    primary="fw-2",
    holders="fw-1: none, fw-2: 192.168.2.100",
    findings=[],
    healthy_after=4.2,
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
STALE = {"id": "caches-differ", "message": "fw-1 lacks flows"}
UNSEEN = {"id": "flows-unknown", "message": "its flows can't be told: no answer"}
UNIT = {"id": "unit-failed", "message": "failed: nginx.service"}
BOTH = {"fw-1": Held(((0.0, END),), ()), "fw-2": Held(((FAULT + 1, END),), (FAULT + 1,))}
LOST = {"fw-1": Held(((0.0, UNDO + 4),), ()), "fw-2": BOTH["fw-2"]}
HEALED = {"fw-1": Held(((0.0, UNDO + 0.2),), ()), "fw-2": BOTH["fw-2"]}


def verdict(expect: dict[str, Any], name: str, **changed: Any) -> tuple[str, str, bool]:
    found = [check for check in judge(expect, replace(GOOD, **changed)) if check["name"].startswith(name)]
    assert len(found) == 1, found
    return found[0]["expected"], found[0]["seen"], found[0]["ok"]


def test_a_takeover_takes_longer_with_rarer_adverts() -> None:
    table = {"gap_ms": 500, "lost": 600, "overlap_ms": 0, "healthy_s": 30, "flows": "all", "resets": None}
    assert for_site(table, interval=0.07, usual=0.07) == for_site(table, interval=0.01, usual=0.07) == table
    rarer = for_site(table, interval=0.32, usual=0.07)
    assert rarer == {**table, "gap_ms": 1500, "lost": 1600}


def test_a_slower_site_has_bounds_of_its_own() -> None:
    table = {"gap_ms": 100, "lost": 20, "overlap_ms": 0, "healthy_s": 30, "takeovers": 1, "resets": 0}
    slower = for_site(table, interval=0.32, usual=0.07, rate=50, slack=3)
    # 20 + 1000 of a stream of 1 kHz, three times; a gap may be 19 ms longer, as datagrams are 20 ms apart
    assert slower == {**table, "gap_ms": 3319, "lost": 153, "healthy_s": 90}
    assert for_site({"lost": 20}, interval=0.07, usual=0.07, rate=10) == {"lost": 1}


HOLDERS = "virtual addresses afterwards"
OVERLAP, AFTER = "two nodes have", "the same after"


@pytest.mark.parametrize(
    ("expect", "changed", "name", "expected"),
    [
        ({"primary": "changed"}, {}, HOLDERS, ("all on fw-2", "all on fw-2", True)),
        ({"primary": "unchanged"}, {}, HOLDERS, ("all on fw-1", "all on fw-2", False)),
        ({"primary": "backup_or_changed"}, {"before": "fw-2"}, HOLDERS, ("all on fw-2", "all on fw-2", True)),
        ({"primary": "any"}, {"primary": None}, HOLDERS, ("all on one node", GOOD.holders, False)),
        ({"takeovers": 1}, {}, "takeovers", ("at most 1", "1", True)),
        ({"takeovers": 0}, {}, "takeovers", ("at most 0", "1", False)),
        ({"takeovers": 1}, {"preempts": True}, "takeovers", ("at most 2", "1", True)),
        ({"takeovers": 0}, {"preempts": True}, "takeovers", ("at most 0", "1", False)),
        ({"primary": "unchanged"}, {"preempts": True}, HOLDERS, ("all on one node", "all on fw-2", True)),
        ({"takeovers": 1}, {"held": {}}, "takeovers", ("at most 1", "unknown", False)),
        ({"takeovers": 1}, {"fault_at": None}, "takeovers", ("at most 1", "unknown", False)),
        ({"overlap_ms": 0}, {}, OVERLAP, ("at most 0 ms", "0 ms", True)),
        ({"overlap_ms": 100}, {"held": BOTH}, OVERLAP, ("at most 100 ms", "2000 ms", False)),
        ({"overlap_ms": 100}, {"held": BOTH, "silent": ["fw-1"]}, OVERLAP, ("at most 100 ms", "0 ms", True)),
        ({"overlap_after_ms": 300}, {"held": HEALED}, AFTER, ("at most 300 ms", "200 ms", True)),
        (
            {"overlap_after_ms": 300},
            {"held": LOST, "silent": ["fw-1"]},
            AFTER,
            ("at most 300 ms", "4000 ms", False),
        ),
        (
            {"overlap_after_ms": 300},
            {"held": LOST, "silent": ["fw-1"], "gone": True},
            AFTER,
            ("at most 300 ms", "0 ms", True),
        ),
        ({"overlap_after_ms": 300}, {"held": BOTH}, AFTER, ("at most 300 ms", "inf ms", False)),
        ({"flows": "all"}, {}, "TCP flows", ("all 30", "30", True)),
        ({"flows": "all"}, {"client": client(tcp={"survivors": 19})}, "TCP flows", ("all 30", "29", False)),
        ({"flows": "all"}, {"client": {}, "server": {}}, "TCP flows", ("all 0", "0", False)),
        ({"resets": 0}, {"client": client(tcp={"resets": 2})}, "resets", ("at most 0", "2", False)),
        ({"resets": 0}, {"client": {}, "server": {}}, "resets", ("at most 0", "unknown", False)),
        ({"gap_ms": 300}, {}, "longest gap", ("at most 300 ms", "220.5 ms", True)),
        (
            {"gap_ms": 200},
            {"client": client(udp={"up": way(0, 250.0, 249.8), "down": way(0, 12.0)})},
            "longest gap",
            ("at most 200 ms", "250 ms (a sender itself paused for 249.8 ms)", True),
        ),
        (
            {"gap_ms": 200},
            {"client": client(udp={"up": way(3, 250.0, 249.8)})},
            "longest gap",
            ("at most 200 ms", "250 ms (a sender itself paused for 249.8 ms)", False),
        ),
        ({"gap_ms": 200}, {}, "longest gap", ("at most 200 ms", "220.5 ms", False)),
        (
            {"gap_ms": 500},
            {"client": client(udp={"up": way(gap=None)})},
            "longest gap",
            ("at most 500 ms", "unknown", False),
        ),
        ({"lost": 210}, {}, "datagrams lost", ("at most 210", "210", True)),
        (
            {"lost": 210},
            {"client": client(udp={"up": way(lost=None)})},
            "datagrams lost",
            ("at most 210", "unknown", False),
        ),
        (
            {"failed_connections": 2},
            {"client": client(connect={"refused": 1, "timeouts": 2})},
            "new connections that fail",
            ("at most 2", "3", False),
        ),
        (
            {"reachable": True},
            {"client": client(connect={"survivors": 0})},
            "new connections at",
            ("pass", "do not pass", False),
        ),
        ({"healthy_s": 30}, {}, "nothing is wrong", ("within 30 s", "after 4.2 s", True)),
        ({"healthy_s": 3}, {}, "nothing is wrong", ("within 3 s", "after 4.2 s", False)),
        (
            {"healthy_s": 30},
            {"healthy_after": None, "findings": [STALE]},
            "nothing is wrong",
            ("within 30 s", "fw-1 lacks flows", False),
        ),
        ({}, {"findings": [STALE]}, "both nodes", ("yes", "fw-1 lacks flows", False)),
        (
            {},
            {"findings": [STALE], "warned": ["caches-differ"]},
            "both nodes",
            ("yes", "as before: fw-1 lacks flows", True),
        ),
        (
            {},
            {"findings": [UNSEEN], "warned": ["flows-unknown", "caches-differ"]},
            "both nodes",
            ("yes", UNSEEN["message"], False),
        ),
        ({}, {"findings": [UNIT]}, "no unit", ("yes", UNIT["message"], False)),
        ({}, {"counts": {"fw-1": ({"a": 5}, {"a": 7, "b": 0})}}, "the ruleset's", ("yes", "yes", True)),
        (
            {},
            {"counts": {"fw-1": ({"a": 5, "b": 1}, {"a": 4}), "fw-2": ({}, None)}},
            "the ruleset's",
            (
                "yes",
                "a of fw-1 had 5 packets, and has 4; b of fw-1 had 1 packets, and has none; "
                "those of fw-2 are unknown",
                False,
            ),
        ),
        (
            {"late_arrive": True},
            {"late": {"replicated": 50, "missing_count": 0}, "late_count": 20},
            "flows that began",
            ("all, 20 at least", "0 of 50 are missing", True),
        ),
        (
            {"late_arrive": True},
            {"late": {"replicated": 0, "missing_count": 0}},
            "flows that began",
            ("all, 0 at least", "0 of 0 are missing", False),
        ),
        (
            {"gratuitous_arp": True},
            {"gratuitous_arps": {"fw-1": 9, "fw-2": 0}},
            "gratuitous",
            ("sent by the primary", "0 frames", False),
        ),
        ({"gratuitous_arp": True}, {}, "gratuitous", ("sent by the primary", "unknown", False)),
    ],
)
def test_verdict(
    expect: dict[str, Any], changed: dict[str, Any], name: str, expected: tuple[str, str, bool]
) -> None:
    assert verdict(expect, name, **changed) == expected


def test_null_is_no_expectation() -> None:
    names = [check["name"] for check in judge({"resets": None, "flows": "any"}, GOOD)]
    assert names == [HOLDERS, "both nodes have the same flows", "no unit has failed"]


def test_a_probe_that_tells_nothing_has_failed() -> None:
    lost = {"msg": "probe drill: none of this name runs"}
    assert verdict({}, "the client's probe", client=lost) == ("tells", lost["msg"], False)


def test_the_entry_is_one_that_a_page_can_be_made_of() -> None:
    expect = {"primary": "changed", "flows": "all", "gap_ms": 300, "takeovers": 1}
    entry = fault("power_loss", "The primary loses its power", judge(expect, GOOD), 12.5, timeline(GOOD))
    document = {
        "kind": "drill",
        "title": "Faults",
        "site": "native",
        "created": "2025-01-31T12:00:00Z",
        "machine": {},
        "faults": [entry],
    }
    assert load(document, "drill.json").faults[0].result == "ok"
    assert entry["timeline"]["start_ms"] == -500
    assert [event["what"] for event in entry["timeline"]["events"]] == [
        "fault",
        "fw-1 gives them up",
        "fw-2 takes the virtual addresses",
        "end of the fault",
    ]


def test_without_a_check_nothing_is_proved() -> None:
    assert fault("x", "X", [], 1.0, None)["result"] == "failed"
