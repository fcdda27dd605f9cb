# SPDX-License-Identifier: GPL-3.0-or-later
"""A balancer through the failures of its servers, as a table: what happens, and who answers then."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.balance.config import SORRY, ServerConfig
from ansible_collections.ftfw.pair.plugins.module_utils.balance.state import (
    BalancerState,
    Happening,
    Verdict,
)
from ansible_collections.ftfw.pair.tests.unit.plugins.module_utils.balance.balancers import balancer, check

APOLOGY = ServerConfig(SORRY, "192.0.2.9", 0)
WELL, FAILED = Verdict(True, "is well"), Verdict(False, "HTTP request failed")
DOWN_1 = Happening("srv-1", False, "CHECK failed on service : HTTP request failed")
UP_1 = Happening("srv-1", True, "CHECK succeed on service")
DOWN_2, UP_2 = (Happening("srv-2", one.up, one.text) for one in (DOWN_1, UP_1))


def begun(**changes: Any) -> BalancerState:
    return BalancerState.begin(balancer(**changes), 0)


def who(state: BalancerState) -> list[str]:
    """The names in the slots."""
    return [_names(state)[address] for address in state.members()]


def dead(state: BalancerState) -> frozenset[str]:
    return frozenset(_names(state)[address] for address in state.gone())


def _names(state: BalancerState) -> dict[str, str]:
    sorry = state.config.sorry
    return {one.address: one.name for one in (*state.config.servers, *([sorry] if sorry else []))}


def test_the_manuals_chapter() -> None:
    """Two servers, a quorum of two, and a sorry server; the mails are those of its figures."""
    state = begun(quorum=2, sorry=APOLOGY)
    assert who(state) == ["srv-1", "srv-2"]
    lost = Happening(None, False, "Lost quorum 2-0=2 > 1")
    assert state.note("srv-1", FAILED, 1) == [DOWN_1, lost]
    assert (who(state), dead(state)) == ([SORRY, SORRY], frozenset({"srv-1"}))
    assert state.note("srv-1", WELL, 2) == [UP_1, Happening(None, True, "Gained quorum 2+0=2 <= 2")]
    assert (who(state), dead(state)) == (["srv-1", "srv-2"], frozenset())


def test_what_is_told_once_is_not_told_again() -> None:
    state = begun()
    assert state.note("srv-1", WELL, 1) == []
    assert state.note("srv-1", FAILED, 2) == [DOWN_1]
    assert state.note("srv-1", FAILED, 3) == []
    assert state.servers["srv-1"].since == 2


def test_without_a_sorry_server_the_others_go_on() -> None:
    state = begun(quorum=2)
    assert [one.server for one in state.note("srv-1", FAILED, 1)] == ["srv-1", None]
    assert who(state) == ["srv-2", "srv-2"]
    state.note("srv-2", FAILED, 2)
    assert who(state) == []


def test_hysteresis() -> None:
    """keepalived.conf(5): lost below quorum - hysteresis, gained from quorum + hysteresis on."""
    servers = tuple(ServerConfig(f"srv-{n}", f"192.0.2.{n}", 1) for n in range(4))
    state = begun(quorum=3, hysteresis=1, servers=servers, slots=12, sorry=APOLOGY)
    seen = []
    for name, verdict in [
        *((f"srv-{n}", FAILED) for n in (0, 1, 2)),
        *((f"srv-{n}", WELL) for n in (0, 1, 2)),
    ]:
        state.note(name, verdict, 1)
        seen.append((state.alive, state.quorum))
    assert seen == [(3, True), (2, True), (1, False), (2, False), (3, False), (4, True)]


def test_servers_at_ports_of_their_own() -> None:
    """One host is two servers; one that has failed takes nothing of the other one."""
    servers = (ServerConfig("a:80", "192.0.2.1", 1, 80), ServerConfig("a:81", "192.0.2.1", 1, 81))
    state = begun(servers=servers, quorum=1, sorry=ServerConfig(SORRY, "192.0.2.9", 0, 443))
    assert state.members() == ["192.0.2.1 . 80", "192.0.2.1 . 81"]
    state.note("a:81", FAILED, 1)
    assert (state.members(), state.gone()) == (["192.0.2.1 . 80"] * 2, {"192.0.2.1 . 81"})
    state.note("a:80", FAILED, 2)
    assert state.members() == ["192.0.2.9 . 443"] * 2
    again = begun(servers=(*servers[:1], ServerConfig("a:81", "192.0.2.1", 1, 82)))
    told = [
        {"name": one.name, "address": one.address, "port": one.port, "up": False, "checked": True}
        | {"weight": 1, "reason": "is dead", "since": 1}
        for one in servers
    ]
    again.recall({"servers": told, "needed": 1, "address": "198.51.100.1", "quorum": True, "since": 1})
    assert [one.up for one in again.servers.values()] == [False, True]


def test_a_server_counts_after_its_first_check_with_alpha() -> None:
    state = begun(alpha=True, sorry=APOLOGY)
    assert (who(state), state.quorum) == ([SORRY, SORRY], False)
    # and nothing is reset that a check has not found dead
    assert dead(state) == frozenset()
    assert state.note("srv-2", WELL, 1) == [UP_2, Happening(None, True, "Gained quorum 1+0=1 <= 1")]
    assert who(state) == ["srv-2", "srv-2"]


def test_without_checks_all_are_well() -> None:
    assert who(begun(alpha=True, check=None)) == ["srv-1", "srv-2"]


def test_a_drained_server_gets_nothing_new_and_loses_nothing() -> None:
    state = begun()
    assert state.drain(frozenset({"srv-1"}), 1) == []
    assert (who(state), dead(state)) == (["srv-2", "srv-2"], frozenset())
    state.drain(frozenset(), 2)
    assert who(state) == ["srv-1", "srv-2"]


def test_open_flows_stay_with_a_server_that_fails_where_the_site_says_so() -> None:
    state = begun(inhibit_on_failure=True)
    state.note("srv-1", FAILED, 1)
    assert (who(state), dead(state)) == (["srv-2", "srv-2"], frozenset())


def test_a_check_may_say_the_weight() -> None:
    state = begun(slots=6)
    state.note("srv-1", Verdict(True, "is well", 2), 1)
    assert who(state).count("srv-1") == 4
    state.note("srv-1", Verdict(True, "is well", 0), 2)
    assert (who(state), dead(state)) == (["srv-2"] * 6, frozenset())


@pytest.mark.parametrize("up", [True, False])
def test_all_gone_is_told_once(up: bool) -> None:
    state = begun()
    told = [*state.note("srv-1", FAILED, 1), *state.note("srv-2", FAILED, 2)]
    assert told == [DOWN_1, DOWN_2, Happening(None, False, "Lost quorum 1-0=1 > 0")]
    if up:
        assert state.note("srv-2", WELL, 3) == [UP_2, Happening(None, True, "Gained quorum 1+0=1 <= 1")]


LIMITED = (ServerConfig("srv-1", "192.0.2.1", 1, None, 8), ServerConfig("srv-2", "192.0.2.2", 1, None, 4, 2))


def test_a_server_that_is_full_gets_nothing_new() -> None:
    """As with the kernel's IPVS: until it has fewer than lthreshold, or than three quarters of uthreshold."""
    state = begun(servers=LIMITED, quorum=2)
    assert state.counted and not begun().counted
    seen = []
    for number in (7, 8, 9, 7, 6, 5, 7, 8):
        turned = state.count({"srv-1": number, "srv-2": 0})
        seen.append((number, bool(turned), state.servers["srv-1"].full))
        # it is well all the same
        assert (state.alive, state.quorum, dead(state)) == (2, True, frozenset())
        assert set(who(state)) == ({"srv-2"} if state.servers["srv-1"].full else {"srv-1", "srv-2"})
    assert seen == [
        (7, False, False),
        (8, True, True),
        (9, False, True),
        (7, False, True),
        (6, False, True),
        (5, True, False),
        (7, False, False),
        (8, True, True),
    ]
    for number, full in ((4, True), (2, True), (1, False)):
        state.count({"srv-1": 0, "srv-2": number})
        assert state.servers["srv-2"].full == full


@pytest.mark.parametrize("sorry", [None, APOLOGY])
def test_when_all_are_full_the_sorry_server_answers(sorry: ServerConfig | None) -> None:
    state = begun(servers=LIMITED, sorry=sorry, sorry_check=check() if sorry else None)
    assert state.count({"srv-1": 8, "srv-2": 4}) == ["srv-1", "srv-2"]
    assert (who(state), state.quorum) == ([SORRY] * 2 if sorry else [], True)
    if sorry:
        state.note(SORRY, FAILED, 1)
        assert who(state) == []
    # one that is taken out is none of those that could take more
    state.count({"srv-1": 0, "srv-2": 4})
    state.drain(frozenset({"srv-1"}), 2)
    assert (who(state), state.quorum) == ([], True)


def test_who_comes_back_gets_the_new_flows() -> None:
    """Until it has as many as the others; what hardly differs is left as it is."""
    state = begun(scheduler="lc", slots=1000)
    assert state.counted
    assert who(state) == ["srv-1", "srv-2"] * 500
    state.note("srv-2", FAILED, 1)
    state.count({"srv-1": 400, "srv-2": 0})
    assert set(who(state)) == {"srv-1"}
    state.note("srv-2", WELL, 2)
    assert set(who(state)) == {"srv-2"}
    # the other one may still get what it has had
    assert state.takers() == {"192.0.2.1", "192.0.2.2"}
    state.count({"srv-1": 400, "srv-2": 395})
    leveled = Counter(who(state))
    assert 400 < leveled["srv-1"] < leveled["srv-2"]
    state.count({"srv-1": 400, "srv-2": 396})
    assert Counter(who(state)) == leveled
    state.count({"srv-1": 400, "srv-2": 440})
    assert Counter(who(state))["srv-1"] > 600
    state.drain(frozenset({"srv-1"}), 3)
    assert (set(who(state)), state.takers()) == ({"srv-2"}, {"192.0.2.2"})
    state.note("srv-2", FAILED, 4)
    assert (who(state), state.takers()) == ([], frozenset())


def test_without_a_limit_nothing_is_full() -> None:
    state = begun()
    assert state.count({"srv-1": 10**6, "srv-2": 0}) == []
    assert (who(state), state.servers["srv-1"].full) == (["srv-1", "srv-2"], False)


def test_a_sorry_server_that_fails_is_nobodys_answer() -> None:
    """Whoever is left answers in its place, and what is open to it is reset."""
    state = begun(quorum=2, sorry=APOLOGY, sorry_check=check())
    state.note("srv-1", FAILED, 1)
    assert who(state) == [SORRY, SORRY]
    down = Happening(SORRY, False, "CHECK failed on service : HTTP request failed")
    assert state.note(SORRY, FAILED, 2) == [down]
    assert (who(state), dead(state)) == (["srv-2", "srv-2"], frozenset({"srv-1", SORRY}))
    assert state.note(SORRY, FAILED, 3) == []
    # it has no weight: the quorum is the servers' matter
    assert (state.alive, state.quorum) == (1, False)
    assert [one.server for one in state.note("srv-2", FAILED, 4)] == ["srv-2"]
    assert who(state) == []
    assert [(one.server, one.up) for one in state.note(SORRY, WELL, 5)] == [(SORRY, True)]
    assert (who(state), dead(state)) == ([SORRY, SORRY], frozenset({"srv-1", "srv-2"}))


def test_a_sorry_server_without_a_check_is_well() -> None:
    state = begun(quorum=2, sorry=APOLOGY)
    assert [server.name for server, _check in state.checks()] == ["srv-1", "srv-2"]
    state.note("srv-1", FAILED, 1)
    assert (who(state), state.sorry_server and state.sorry_server.reason) == (
        [SORRY, SORRY],
        "is not checked",
    )


def test_who_is_asked() -> None:
    tcp = check()
    state = begun(check=check("http"), sorry=APOLOGY, sorry_check=tcp)
    assert [(server.name, how.kind) for server, how in state.checks()] == [
        ("srv-1", "http"),
        ("srv-2", "http"),
        (SORRY, "tcp"),
    ]
    assert begun(check=None, sorry=APOLOGY, sorry_check=tcp).checks() == [(APOLOGY, tcp)]


def told(state: BalancerState) -> dict[str, Any]:
    """What the program keeps of it."""
    sorry = state.config.sorry
    return {
        "sorry_server": sorry and {"address": sorry.address, "port": sorry.port, **vars(state.sorry_server)},
        "name": "web",
        "address": "198.51.100.1",
        "quorum": state.quorum,
        "needed": state.config.quorum,
        "since": 7,
        "servers": [
            {"name": one.name, "address": one.address, "weight": 9, **vars(state.servers[one.name])}
            for one in state.config.servers
        ],
    }


@pytest.mark.parametrize("alpha", [False, True])
def test_a_restart_forgets_nothing(alpha: bool) -> None:
    before = begun(alpha=alpha)
    before.note("srv-1", FAILED, 1)
    before.note("srv-2", WELL, 2)
    after = begun(alpha=alpha)
    after.recall(told(before))
    assert (who(after), dead(after)) == (["srv-2", "srv-2"], frozenset({"srv-1"}))
    assert (after.servers["srv-1"].since, after.quorum, after.since) == (0 if alpha else 1, True, 7)
    # another server of that name is another one
    other = begun(servers=(ServerConfig("srv-1", "192.0.2.7", 1), ServerConfig("srv-2", "192.0.2.2", 1)))
    other.recall(told(before))
    assert other.members() == ["192.0.2.7", "192.0.2.2"]


def test_a_restart_does_not_forget_a_sorry_server_that_has_failed() -> None:
    before = begun(quorum=2, sorry=APOLOGY, sorry_check=check())
    before.note("srv-1", FAILED, 1)
    before.note(SORRY, FAILED, 1)
    after = begun(quorum=2, sorry=APOLOGY, sorry_check=check())
    after.recall(told(before))
    assert (who(after), dead(after)) == (["srv-2", "srv-2"], frozenset({"srv-1", SORRY}))
    # another one is another one, and one that nobody asks any more is taken for well
    for changes in (
        {"sorry": ServerConfig(SORRY, "192.0.2.8", 0), "sorry_check": check()},
        {"sorry": APOLOGY, "sorry_check": None},
    ):
        other = begun(quorum=2, **changes)
        other.recall(told(before))
        assert other.sorry_server is not None and other.sorry_server.up
    # what an earlier version has written says nothing of it
    old = begun(quorum=2, sorry=APOLOGY, sorry_check=check())
    old.recall({key: value for key, value in told(before).items() if key != "sorry_server"})
    assert who(old) == [SORRY, SORRY]


def test_who_is_taken_out_counts_for_the_quorum() -> None:
    """As long as somebody is left."""
    state = begun(quorum=2, sorry=APOLOGY)
    assert state.drain(frozenset({"srv-1"}), 1) == []
    assert who(state) == ["srv-2", "srv-2"]
    assert [one.up for one in state.drain(frozenset({"srv-1", "srv-2"}), 2)] == [False]
    assert who(state) == [SORRY, SORRY]
