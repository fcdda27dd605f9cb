# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of balancers: which sites can have them, what they do, and how flows through one are judged."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.filter.drill_rows import drill_rows
from ansible_collections.ftfw.pair.plugins.filter.drill_steps import drill_steps
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults import draw
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.balanced import judge_balanced
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.table import FaultRow, expand, load
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.faults.seen import client
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.faults.site_facts import (
    facts,
    served,
    with_balancers,
)
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.faults.test_table import (
    DEFAULTS,
    FAULTS,
    LEGS,
)

TABLE_ROWS = expand(load(FAULTS, DEFAULTS), LEGS)
ROWS = ("server_dies", "server_flaps", "servers_gone", "server_dies_takeover", "checker_kill")
KNOWN_AFTER = 14.0


def chosen(known: dict[str, Any], name: str) -> dict[str, Any]:
    (row,) = drill_rows(FAULTS, DEFAULTS, known, [name])["rows"]
    found: dict[str, Any] = row
    return found


def planned(known: dict[str, Any], name: str) -> dict[str, Any]:
    return drill_steps(chosen(known, name), known, "fw-1")


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize(
    "known",
    [
        pytest.param(facts(), id="none"),
        pytest.param(with_balancers(facts(), shows=False), id="by-a-hash"),
    ],
)
def test_a_site_needs_a_balancer(known: dict[str, Any], name: str) -> None:
    refused = planned(known, name)["refused"]
    assert refused["result"] == "not applicable"
    assert "needs a balancer of the pair on the network of the probe's client" in refused["note"]


def test_the_probe_goes_through_each_family() -> None:
    sent = planned(with_balancers(facts()), "power_loss")["flows"][0]["flows"]
    through = [one for one in sent if one["kind"].startswith("http")]
    assert [(one["name"], one["kind"], one["target"], one["port"]) for one in through] == [
        ("sessions through web", "http", "192.168.2.100", 80),
        ("new connections through web", "http_connect", "192.168.2.100", 80),
        ("sessions through web-6", "http", "2001:db8:2::100", 80),
        ("new connections through web-6", "http_connect", "2001:db8:2::100", 80),
    ]
    assert not [one for one in planned(facts(), "power_loss")["flows"][0]["flows"] if "http" in one["kind"]]


def test_a_server_of_each_family_is_cut_off_at_both_nodes() -> None:
    plan = planned(with_balancers(facts()), "server_dies")
    assert [step["host"] for step in plan["steps"]] == ["fw-1", "fw-2"]
    for step in plan["steps"]:
        for rule in (
            "ip daddr 192.168.0.4 tcp dport 8080 drop",
            "ip6 daddr 2001:db8::4 tcp dport 8080 drop",
        ):
            # on each data network
            assert step["inject"].count(rule) == 2
        assert "192.168.0.5" not in step["inject"] and "eth2" not in step["inject"]
        assert "delete table netdev ftfw_drill_server" in step["undo"]
    every = planned(with_balancers(facts()), "servers_gone")["steps"][0]["inject"]
    assert all(one in every for one in ("192.168.0.4", "192.168.0.5", "2001:db8::4", "2001:db8::5"))


def test_what_flaps_is_stopped_before_it_is_let_through() -> None:
    (step, _other) = planned(with_balancers(facts()), "server_flaps")["steps"]
    assert "--unit=ftfw-drill-flap" in step["inject"] and "while :" in step["inject"]
    stop, uncut = (step["undo"].index(words) for words in ("stop ftfw-drill-flap", "delete table"))
    assert stop < uncut


def test_a_row_lasts_until_the_slowest_check_knows() -> None:
    """What waits for a dead server asks again after twice the time; so much longer until all is well, too."""
    quick, slow = (chosen(with_balancers(facts(), seconds=seconds), "server_dies") for seconds in (0.5, 30.2))
    assert (quick["seconds"], slow["seconds"]) == (3 + 2 + 2, 3 + 62 + 2)
    assert slow["expect"]["healthy_s"] - quick["expect"]["healthy_s"] == 60
    other = chosen(with_balancers(facts(), seconds=30.2), "power_loss")
    assert other["seconds"] == chosen(facts(), "power_loss")["seconds"]


def judged(
    expect: dict[str, Any], sessions: dict[str, Any] | None = None, fresh: dict[str, Any] | None = None
) -> list[tuple[str, str, bool]]:
    well = {"count": 10, "survivors": 10, "kept": True, "ended": 0}
    never = {"first_failed_at": None, "last_failed_at": None}
    probe = client(http={**well, **(sessions or {})}, http_connect={**never, **(fresh or {})})
    checks = judge_balanced({"flows": "all", **expect}, probe, KNOWN_AFTER)
    return [(one["name"], one["seen"], one["ok"]) for one in checks]


SESSIONS = "HTTP sessions through a balancer"
FRESH = "new connections through a balancer"
UNTIL = f"{FRESH} fail until the server is known to be away"
EACH, SOME, NONE = ({"balanced": word} for word in ("each", "some", "none"))
DIES = {**SOME, "until_checked": True}


def failing(seconds: float) -> dict[str, Any]:
    """The client's own times, whose clock need not be the nodes'."""
    ends = {"timed out": 8, "reset": 1}
    return {"lost": 9, "first_failed_at": 5.0, "last_failed_at": 5.0 + seconds, "happened": ends}


def test_where_nothing_goes_through_a_balancer_nothing_is_judged() -> None:
    assert list(judge_balanced({"flows": "all", "reachable": True}, client(), KNOWN_AFTER)) == []


def test_a_server_that_keeps_no_connection_has_no_session_to_lose() -> None:
    assert judged({}, {"kept": False, "survivors": 3}) == []
    # that it was away shows all the same
    assert judged(DIES, {"kept": False}) == [(UNTIL, "none has failed", False)]


def test_where_no_flow_has_to_survive_no_session_has() -> None:
    assert judged({"flows": "any"}, {"survivors": 0, "ended": 7}) == []


@pytest.mark.parametrize(
    ("expect", "survivors", "ended", "ok"),
    [
        ({}, 10, 0, True),
        ({}, 9, 1, False),
        ({}, 9, 0, False),
        (SOME, 5, 5, True),
        # one hangs
        (SOME, 5, 4, False),
        # nobody has noticed
        (SOME, 10, 0, False),
        # others have ended, too
        (SOME, 0, 10, False),
        (NONE, 0, 10, True),
        (NONE, 1, 9, False),
        (NONE, 0, 9, False),
        (EACH, 10, 0, True),
        (EACH, 3, 7, True),
        (EACH, 0, 10, True),
        (EACH, 3, 6, False),
    ],
)
def test_sessions(expect: dict[str, Any], survivors: int, ended: int, ok: bool) -> None:
    told = f"{survivors} of 10 survive, {ended} have ended"
    assert judged(expect, {"survivors": survivors, "ended": ended})[0] == (SESSIONS, told, ok)


def test_no_session_proves_nothing() -> None:
    for expect in ({}, EACH, NONE):
        assert not judged(expect, {"count": 0, "survivors": 0})[0][2]


@pytest.mark.parametrize(
    ("expect", "fresh", "verdicts"),
    [
        ({"failed_connections": 0}, {}, [(f"{FRESH} that fail", "0", True)]),
        ({"failed_connections": 0}, {"lost": 2}, [(f"{FRESH} that fail", "2", False)]),
        # while it comes and goes nobody can tell how many there are
        ({"failed_connections": 0, **EACH}, {"lost": 2}, []),
        (DIES, failing(13), [(UNTIL, "13 s (1 reset, 8 timed out)", True)]),
        (DIES, failing(14.2), [(UNTIL, "14.2 s (1 reset, 8 timed out)", False)]),
        (DIES, {}, [(UNTIL, "none has failed", False)]),
        ({"reachable": True}, {}, [(f"{FRESH} at the end", "pass", True)]),
        ({"reachable": True}, {"survivors": 0}, [(f"{FRESH} at the end", "do not pass", False)]),
    ],
)
def test_new_connections(
    expect: dict[str, Any], fresh: dict[str, Any], verdicts: list[tuple[str, str, bool]]
) -> None:
    assert judged(expect, fresh=fresh)[1:] == verdicts


def test_so_many_sessions_that_each_server_has_one() -> None:
    servers = served(*(f"192.168.0.{number}" for number in range(10, 30)))
    sent = planned(with_balancers(facts(), servers=servers), "server_dies")["flows"][0]["flows"]
    assert [one["count"] for one in sent if one["kind"] == "http"] == [40, 40]
    known = with_balancers(facts())
    few = drill_steps(chosen(known, "server_dies"), known, "fw-1", sessions=2)
    assert [one["count"] for one in few["flows"][0]["flows"] if one["kind"] == "http"] == [4, 4]


@pytest.mark.parametrize("row", TABLE_ROWS, ids=[row.name for row in TABLE_ROWS])
def test_what_touches_a_daemon_is_drawn_with_nothing_else_that_does(row: FaultRow) -> None:
    """In one round the one would find nothing to kill where the other has stopped it."""
    done = " ".join(step.inject for steps in row.via.values() for step in steps)
    for daemon in ("keepalived", "conntrackd"):
        if row.areas and f"{daemon}.service" in done:
            assert daemon in row.areas


def test_balancers_leave_the_nodes_as_they_are() -> None:
    """So what is drawn with such a row is held to what it is alone, but for the sessions of a server."""
    rows = {row.name: row for row in TABLE_ROWS}
    both = draw.together(1, [rows["server_dies"], rows["conntrackd_kill_backup"]]).expect
    assert (both["flows"], both["resets"], both["balanced"]) == ("all", 0, "each")
    assert "balanced" not in draw.together(1, [rows["conntrackd_kill_backup"]]).expect
