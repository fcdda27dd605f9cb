# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Expectations of a fault against what was seen, as a table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.document import fault, timeline
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.holders import Held
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.judge import for_site, judge
from ansible_collections.ftfw.pair.plugins.plugin_utils.page.document import load
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.faults.seen import (
    END,
    FAULT,
    GOOD,
    UNDO,
    client,
    downloads,
    flow,
    way,
)

STALE = {"id": "caches-differ", "message": "fw-1 lacks flows"}
UNSEEN = {"id": "flows-unknown", "message": "its flows can't be told: no answer"}
UNIT = {"id": "unit-failed", "node": "fw-1", "message": "unit nginx.service has failed"}
SURPLUS = {"id": "caches-differ", "message": "fw-1 has flows that fw-2 has not: at least 5"}
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
    ("counts", "silent", "expected"),
    [
        ({"fw-2": ({}, {})}, ["fw-1"], ("fw-1", "fw-1", True)),
        ({"fw-1": ({}, {}), "fw-2": ({}, {})}, ["fw-1"], ("fw-1", "none", False)),
        ({"fw-2": ({}, {})}, ["fw-1", "fw-2"], ("fw-1 and fw-2", "fw-1", False)),
    ],
)
def test_a_node_that_was_to_start_anew_has_done_so(
    counts: dict[str, Any], silent: list[str], expected: tuple[str, str, bool]
) -> None:
    seen = {"gone": True, "silent": silent, "counts": counts}
    assert verdict({}, "has started anew", **seen) == expected


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
        ({"takeovers": 1}, {"preempts": True, "healthy": [1.0] * 10}, "takeovers", ("at most 20", "1", True)),
        ({"takeovers": 1}, {"healthy": [1.0] * 10}, "takeovers", ("at most 1", "1", True)),
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
            {"client": client(udp={"up": way(0, 250.0, 280.0), "down": way(0, 12.0)})},
            "longest gap",
            ("at most 200 ms", "250 ms (a sender itself paused for 280 ms)", True),
        ),
        (
            {"gap_ms": 200},
            {"client": client(udp={"up": way(0, 250.0, 239.0), "down": way(0, 12.0)})},
            "longest gap",
            ("at most 200 ms", "250 ms (a sender itself paused for 239 ms)", False),
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
            {"client": client(connect={"refused": 1, "timeouts": 1, "lost": 3})},
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
            {"healthy": [None], "findings": [[STALE, UNIT]]},
            "nothing is wrong",
            ("within 30 s", "fw-1 lacks flows; fw-1: unit nginx.service has failed", False),
        ),
        (
            {"healthy_s": 30},
            {"healthy": [4.0, None, 5.0], "findings": [[], [STALE], []]},
            "nothing is wrong",
            ("within 30 s", "fw-1 lacks flows (time 2 of 3)", False),
        ),
        (
            {"healthy_s": 30},
            {"healthy": [4.0, 31.0, 5.0], "findings": [[]] * 3},
            "nothing is wrong",
            ("within 30 s", "after 31 s (time 2 of 3)", False),
        ),
        (
            {"healthy_s": 60},
            {"gone": True},
            "nothing is wrong",
            ("within 60 s", "after 4.2 s of being reached again", True),
        ),
        ({"healthy_s": 30}, {"healthy": []}, "nothing is wrong", ("within 30 s", "unknown", False)),
        ({}, {"findings": [[STALE]]}, "both nodes", ("yes", "fw-1 lacks flows", False)),
        ({}, {"findings": [[STALE], []]}, "both nodes", ("yes", "fw-1 lacks flows", False)),
        (
            {},
            {"findings": [[STALE], [STALE]], "warned": [STALE]},
            "both nodes",
            ("yes", "as before: fw-1 lacks flows", True),
        ),
        (
            {},
            {"findings": [[{**SURPLUS, "message": SURPLUS["message"][:-1] + "12"}]], "warned": [SURPLUS]},
            "both nodes",
            ("yes", "as before: fw-1 has flows that fw-2 has not: at least 12", True),
        ),
        ({}, {"findings": [[STALE]], "warned": [SURPLUS]}, "both nodes", ("yes", "fw-1 lacks flows", False)),
        (
            {},
            {"findings": [[UNSEEN]], "warned": [UNSEEN, STALE]},
            "both nodes",
            ("yes", UNSEEN["message"], False),
        ),
        ({}, {"findings": [[UNIT]]}, "no unit", ("yes", "fw-1: unit nginx.service has failed", False)),
        (
            {},
            {"findings": [[UNIT]], "warned": [UNIT]},
            "no unit",
            ("yes", "as before: fw-1: unit nginx.service has failed", True),
        ),
        (
            {},
            {"findings": [[UNIT, {**UNIT, "message": "unit x@2.service has failed"}]]}
            | {"warned": [UNIT, {**UNIT, "message": "unit x@1.service has failed"}]},
            "no unit",
            ("yes", "fw-1: unit x@2.service has failed", False),
        ),
        (
            {},
            {"findings": [[UNIT, {**UNIT, "node": "fw-2"}]], "warned": [UNIT]},
            "no unit",
            ("yes", "fw-2: unit nginx.service has failed", False),
        ),
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
            {"announcements": {"fw-1": 9, "fw-2": 0}},
            "gratuitous",
            ("sent by the primary", "0 frames", False),
        ),
        (
            {"gratuitous_arp": True},
            {"announcements": {"fw-2": 5}, "announced_by": "unsolicited neighbour advertisements"},
            "unsolicited neighbour",
            ("sent by the primary", "5 frames", True),
        ),
        (
            {"gratuitous_arp": True},
            {},
            "gratuitous",
            ("sent by the primary", "unknown: fw-2 has counted nothing", False),
        ),
        (
            {"gratuitous_arp": True},
            {"primary": None},
            "gratuitous",
            ("sent by the primary", "unknown: there is no primary", False),
        ),
        (
            {"flows": "all"},
            {"client": client(ftp=downloads(True, True))},
            "FTP",
            ("all 2", "2 of 2", True),
        ),
        (
            {"flows": "all"},
            {"client": client(ftp=downloads(True, False))},
            "FTP",
            ("all 2", "1 of 2", False),
        ),
        (
            {"flows": "all"},
            {"client": client(ftp={**downloads(True), "happened": {"reset": 1}})},
            "FTP",
            ("all 2", "1 of 2 (reset)", False),
        ),
        (
            {"flows": "any"},
            {"client": client(ftp=downloads())},
            "FTP",
            ("with the right checksum", "0 of 0", True),
        ),
        (
            {"flows": "any"},
            {"client": client(ftp=downloads(True, False))},
            "FTP",
            ("with the right checksum", "1 of 2", False),
        ),
    ],
)
def test_verdict(
    expect: dict[str, Any], changed: dict[str, Any], name: str, expected: tuple[str, str, bool]
) -> None:
    assert verdict(expect, name, **changed) == expected


def test_what_goes_to_the_virtual_address_is_judged_like_the_rest() -> None:
    stream = flow("udp", up=way(), down=way(700, 650.0))
    seen = replace(GOOD, server={"flows": [*GOOD.server["flows"], stream]})
    checks = {one["name"]: (one["seen"], one["ok"]) for one in judge({"gap_ms": 500, "lost": 600}, seen)}
    assert checks["longest gap of the UDP stream"] == ("220.5 ms", True)
    assert checks["longest gap of the forwarded UDP stream"] == ("650 ms", False)
    lost = "datagrams lost, of 1000 a second each way"
    assert (checks[lost], checks[f"{lost}: forwarded UDP stream"]) == (("210", True), ("700", False))


def test_a_timeline_is_of_packets_and_not_of_bytes() -> None:
    known = timeline(replace(GOOD, client=client(ftp=downloads(True, True))))
    assert known is not None and known == timeline(GOOD)


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


def test_each_family_is_judged_by_itself() -> None:
    """What lives of one must not hide what dies of the other."""
    six = {"target": "2001:db8::3"}
    dual = {
        "client": {"flows": [*client()["flows"], flow("tcp", count=20, survivors=19, **six)]},
        "server": {"flows": GOOD.server["flows"]},
    }
    found = judge({"flows": "all", "resets": 0, "gap_ms": 500}, replace(GOOD, **dual))
    assert {one["name"]: one["ok"] for one in found if one["name"].startswith("TCP")} == {
        "TCP flows that survive": True,
        "TCP flows that survive (IPv6)": False,
    }
    assert [one["ok"] for one in found if one["name"] == "longest gap of the UDP stream (IPv6)"] == [False]


@pytest.mark.parametrize(("advertised", "ok"), [({"fw-2": 3}, True), ({"fw-2": 0}, False), ({}, False)])
def test_addresses_of_both_families_are_announced(advertised: dict[str, int], ok: bool) -> None:
    seen = replace(GOOD, announcements={"fw-2": 5}, advertisements=advertised)
    found = {one["name"]: one["ok"] for one in judge({"gratuitous_arp": True}, seen)}
    assert found["gratuitous ARP after the end of the fault"] is True
    assert found["unsolicited neighbour advertisements after the end of the fault"] is ok
