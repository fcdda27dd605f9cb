# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When pair-path announces the virtual addresses again, and when a primary is to send all its flows."""

from __future__ import annotations

from collections.abc import Set
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.agent.path import announcements, plan, program

PEER, THIRD, ASKING, DEAD, UNKNOWN = plan.VERDICTS
ALL = frozenset({"inside", "outside", "sync"})


def report(**fields: Any) -> Any:
    legs = {"inside": PEER, "outside": PEER}
    known = {"boot": "b", "able": True, "fault": False, "heard": ALL, "legs": legs, "neighbours": {}}
    return plan.Report(sequence=1, **{**known, **fields})


def announced(*verdicts: tuple[float, str]) -> list[float]:
    """When addresses are announced: the verdicts about one leg, each from a time in seconds on."""
    told = announcements.Announcements()
    changes, verdict, times = dict(verdicts), UNKNOWN, []
    for now in (tenth / 10 for tenth in range(100)):
        before, verdict = verdict, changes.get(now, verdict)
        told.note(judgement(before), judgement(verdict), now)
        if told.due(now):
            times.append(now)
    return times


def judgement(verdict: str, heard: Set[str] = ALL) -> Any:
    return plan.Judgement({"inside": verdict, "outside": PEER}, frozenset(heard), False, ())


@pytest.mark.parametrize("before", [DEAD, THIRD, ASKING, UNKNOWN])
def test_a_leg_that_comes_back_is_announced_three_times(before: str) -> None:
    assert announced((0, before), (2.0, PEER)) == [2.5, 3.5, 5.0]


def test_one_that_comes_back_again_starts_anew() -> None:
    assert announced((0, DEAD), (2.0, PEER), (2.8, DEAD), (3.0, PEER)) == [2.5, 3.5, 4.5, 6.0]


@pytest.mark.parametrize("verdict", plan.VERDICTS)
def test_what_is_not_heard_by_the_peer_is_not_announced(verdict: str) -> None:
    assert announced((0, PEER), (2.0, verdict))[:3] == [0.5, 1.5, 3.0]
    assert len(announced((0, PEER), (2.0, verdict))) == 3


def test_announcements_that_were_missed_are_not_made_up_for() -> None:
    told = announcements.Announcements()
    told.note(judgement(DEAD), judgement(PEER), 0)
    assert [told.due(now) for now in (10, 11)] == ["the peer is heard again", None]


@pytest.mark.parametrize(
    ("said", "at"),
    [
        pytest.param([(0, "b", 0), (2, "b", 2)], [2, 2.5, 3.5, 5], id="given-up"),
        pytest.param([(0, "b", 0), (2, "b", 2), (3, "b", 4)], [2, 2.5, 3, 3.5, 4.5, 6], id="again"),
        pytest.param([(0, "b", 0), (2, "b", 0)], [], id="nothing-new"),
        pytest.param([(0, "b", 7)], [], id="long-ago"),
        pytest.param([(0, "b", 7), (2, "c", 0)], [], id="started-anew"),
        pytest.param([(0, "b", 7), (2, "c", 0), (3, "c", 1)], [3, 3.5, 4.5, 6], id="and-then"),
    ],
)
def test_addresses_that_the_peer_has_given_up_are_announced(
    said: list[tuple[float, str, int]], at: list[float]
) -> None:
    told, times = announcements.Announcements(), []
    told.note_peer(None, 0)
    for now in (tenth / 10 for tenth in range(100)):
        for moment, boot, given_up in said:
            if now >= moment:
                heard = report(boot=boot, given_up=given_up)
        told.note_peer(heard, now)
        if why := told.due(now):
            assert why == "the peer has given its up"
            times.append(now)
    assert times == at


def test_flows_are_sent_again_after_any_link_has_come_back_but_not_each_time() -> None:
    told, times = announcements.Announcements(), []
    without = frozenset({"inside", "outside"})
    for now in range(60):
        # the replication link goes every other second for half a minute
        before, after = ((ALL, without), (without, ALL))[now % 2] if now < 30 else (ALL, ALL)
        told.note(judgement(PEER, before), judgement(PEER, after), now)
        assert not told.due(now)
        if told.sends(now):
            times.append(now)
    assert times == [4, 24, 44]


@pytest.mark.parametrize(
    ("came", "at"),
    [
        pytest.param([(0, 0)], [], id="nothing"),
        pytest.param([(0, 0), (2, 4)], [2.5, 3.5, 5], id="a-takeover"),
        pytest.param([(0, 0), (2, 4), (3, 5)], [2.5, 3.5, 4.5, 6], id="one-more-on-a-new-card"),
    ],
)
def test_addresses_that_have_come_here_are_announced(came: list[tuple[float, int]], at: list[float]) -> None:
    told, times, count = announcements.Announcements(), [], 0
    for now in (tenth / 10 for tenth in range(100)):
        count = dict(came).get(now, count)
        told.note_own(count, now)
        if why := told.due(now):
            assert why == "they have come here"
            times.append(now)
    assert times == at


def test_an_address_that_cannot_be_announced_keeps_no_other_silent(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    here = [("eth0", "192.0.2.1"), ("eth1", "2001:db8::1"), ("eth1", "198.51.100.1")]
    complaints: list[tuple[str, str | None]] = []
    made: list[str] = []

    def announce(interface: str, address: str) -> None:
        if interface == "eth0":
            raise OSError(19, "No such device")
        made.append(address)

    # as much of the program as announces
    asked = SimpleNamespace(
        config=SimpleNamespace(virtual_addresses=[address for _interface, address in here]),
        complain=lambda what, why: complaints.append((what, why)),
    )
    monkeypatch.setattr(program, "held", lambda _wanted: here)
    monkeypatch.setattr(program, "announce", announce)
    program.PathProgram.announce(asked, "they have come here")
    assert made == ["2001:db8::1", "198.51.100.1"]
    assert complaints == [("announcements", "192.0.2.1 on eth0: No such device")]
    assert "announced 2001:db8::1 on eth1, 198.51.100.1 on eth1" in capfd.readouterr().err
