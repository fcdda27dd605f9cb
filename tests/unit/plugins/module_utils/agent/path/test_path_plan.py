# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judgement of pair-path: reports, verdicts about legs, and who gives way to whom."""

from __future__ import annotations

import itertools
from collections.abc import Set
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.agent.path import plan
from ansible_collections.ftfw.pair.tests.unit.plugins.module_utils.agent.path.path_reports import (
    ALL,
    LINKS,
    report,
)

Report, Watch, Timing = plan.Report, plan.Watch, plan.Timing
PEER, THIRD, ASKING, DEAD, UNKNOWN = plan.VERDICTS


def test_targets() -> None:
    known = (["192.0.2.9"], ["192.0.2.1", "192.0.2.9", "192.0.2.100"], ["192.0.2.3", "192.0.2.4"])
    assert plan.targets(known, ["192.0.2.100", "192.0.2.1"]) == ("192.0.2.9", "192.0.2.3", "192.0.2.4")
    assert plan.targets(known, [], 2) == ("192.0.2.9", "192.0.2.1")


# --- who gives way ---------------------------------------------------------------------------------------

# One leg, here and there: gives way only where nobody answers here and third parties answer there.
ONE_LEG = [
    (here, there, here == DEAD and there == THIRD)
    for here, there in itertools.product(plan.VERDICTS, plan.VERDICTS)
]


@pytest.mark.parametrize(("here", "there", "gives_way"), ONE_LEG)
def test_one_leg(here: str, there: str, gives_way: bool) -> None:
    """The other leg is heard by both, and so are the links."""
    legs, said = {"inside": PEER, "outside": here}, {"inside": PEER, "outside": there}
    assert plan.gives_way(legs, {"inside", "sync"}, report(legs=said)) is gives_way


@pytest.mark.parametrize(
    ("here", "there", "heard", "fields", "gives_way"),
    [
        pytest.param((DEAD, DEAD), (THIRD, THIRD), {"sync"}, {}, True, id="both-legs-lost"),
        pytest.param((DEAD, DEAD), (THIRD, DEAD), {"sync"}, {}, True, id="one-lost-for-both"),
        pytest.param((DEAD, PEER), (THIRD, PEER), {"outside"}, {}, True, id="sync-link-down"),
        pytest.param((DEAD, THIRD), (THIRD, DEAD), {"sync"}, {}, False, id="each-has-lost-another"),
        pytest.param((DEAD, PEER), (THIRD, DEAD), {"sync"}, {}, False, id="each-has-lost-another-half-seen"),
        pytest.param((DEAD, THIRD), (THIRD, THIRD), {"sync"}, {}, True, id="the-other-one-cut-in-the-middle"),
        pytest.param((DEAD, PEER), (THIRD, PEER), {"inside"}, {}, False, id="heard-on-the-lost-leg-only"),
        pytest.param((DEAD, PEER), (THIRD, PEER), set(), {}, False, id="heard-nowhere"),
        pytest.param((DEAD, PEER), (THIRD, PEER), {"sync"}, {"able": False}, False, id="no-keepalived"),
        pytest.param(
            (DEAD, PEER), (THIRD, PEER), {"sync"}, {"fault": True}, False, id="has-given-way-itself"
        ),
    ],
)
def test_two_legs(here: Any, there: Any, heard: set[str], fields: dict[str, Any], gives_way: bool) -> None:
    names = ("inside", "outside")
    said = report(legs=dict(zip(names, there)), **fields)
    assert plan.gives_way(dict(zip(names, here)), heard, said) is gives_way


def test_never_both_at_once() -> None:
    """Whatever the legs are, two nodes that know of each other don't both give way."""
    names = ("inside", "outside")
    for here, there in itertools.product(itertools.product(plan.VERDICTS, repeat=2), repeat=2):
        a, b = dict(zip(names, here)), dict(zip(names, there))
        both = [plan.gives_way(own, ALL, report(legs=other)) for own, other in ((a, b), (b, a))]
        assert both != [True, True], (a, b)


@pytest.mark.parametrize(
    ("legs", "peer", "preferred", "back"),
    [
        pytest.param((PEER, PEER), {}, False, True, id="well"),
        pytest.param((PEER, THIRD), {}, False, True, id="well-but-for-the-peer"),
        pytest.param((PEER, DEAD), {}, True, False, id="still-dead"),
        pytest.param((PEER, ASKING), {}, True, False, id="not-known-yet"),
        pytest.param((PEER, DEAD), {"legs": {"inside": DEAD, "outside": DEAD}}, True, False, id="no-better"),
        pytest.param((UNKNOWN, UNKNOWN), None, False, True, id="alone"),
        pytest.param((PEER, DEAD), {"able": False}, False, True, id="no-keepalived-there"),
        pytest.param((PEER, DEAD), {"fault": True}, True, True, id="both-and-preferred"),
        pytest.param((PEER, DEAD), {"fault": True}, False, False, id="both-and-not-preferred"),
    ],
)
def test_takes_back(legs: Any, peer: dict[str, Any] | None, preferred: bool, back: bool) -> None:
    said = None if peer is None else report(**peer)
    assert bool(plan.takes_back(dict(zip(("inside", "outside"), legs)), said, preferred)) is back


# --- over time -------------------------------------------------------------------------------------------


class Story:
    """A watch, and a peer that sends a round on each link and every tenth of a second."""

    def __init__(self, fault: bool = False, preferred: bool = False) -> None:
        self.watch = Watch(LINKS, Timing(), preferred, fault)
        self.round = 0
        self.now = 100.0
        self.asked: list[str] = []
        self.judged: Any = None

    def go(
        self, rounds: int, lost: Set[str] = frozenset(), answers: Set[str] = frozenset(), **said: Any
    ) -> Story:
        """Let so many rounds pass, in which nothing comes on what is lost, and third parties answer."""
        for _number in range(rounds):
            self.round += 1
            self.now = round(self.now + 0.1, 1)
            for name in LINKS:
                if name not in lost:
                    self.watch.hear(name, report(self.round, **said), self.now)
            for name in answers & set(self.asked):
                self.watch.answer(name, self.now)
            self.judged = self.watch.judge(self.now)
            self.asked = list(self.judged.ask)
        return self

    def silence(self, rounds: int) -> Story:
        return self.go(rounds, set(LINKS))

    @property
    def seen(self) -> tuple[str, str, bool]:
        return self.judged.legs["inside"], self.judged.legs["outside"], self.judged.fault


NO_OUTSIDE: dict[str, Any] = {"heard": ALL - {"outside"}, "legs": {"inside": PEER, "outside": THIRD}}


def test_a_lost_leg_step_by_step() -> None:
    story = Story().go(20)
    assert story.seen == (PEER, PEER, False)
    assert story.judged.heard == ALL
    steps = [story.go(1, {"outside"}).seen[1:] for _rest in range(3)]
    assert steps == [(PEER, False)] * 3
    assert story.asked == ["outside"]
    assert story.go(1, {"outside"}).judged.heard == ALL - {"outside"}
    assert story.seen[1] == ASKING
    assert story.go(3, {"outside"}).seen == (PEER, DEAD, False)
    assert story.go(1, {"outside"}, **NO_OUTSIDE).seen == (PEER, DEAD, True)
    assert story.go(50, {"outside"}, **NO_OUTSIDE).seen == (PEER, DEAD, True)
    assert story.go(20).seen == (PEER, PEER, True)
    assert story.go(1).seen == (PEER, PEER, False)


def test_third_parties_answer() -> None:
    story = Story().go(20).go(100, {"outside"}, {"outside"}, **NO_OUTSIDE)
    assert story.seen == (PEER, THIRD, False)
    assert story.go(13, {"outside"}, **NO_OUTSIDE).seen == (PEER, THIRD, False)
    assert story.go(15, {"outside"}, **NO_OUTSIDE).seen == (PEER, DEAD, True)


def test_answers_of_long_ago_count_for_nothing() -> None:
    story = Story().go(20)
    story.watch.answer("outside", story.now)
    assert story.go(10, {"outside"}, **NO_OUTSIDE).seen == (PEER, DEAD, True)


def test_a_leg_is_asked_often_first_and_then_seldom() -> None:
    story, asked = Story().go(20), 0
    for _number in range(20):
        asked += "outside" in story.go(1, {"outside"}).asked
    assert asked >= 18
    story.go(10, {"outside"})
    asked = sum("outside" in story.go(1, {"outside"}).asked for _number in range(100))
    assert 9 <= asked <= 11
    assert story.go(2).asked == []


def test_a_leg_that_is_lost_in_one_direction() -> None:
    """The peer is heard on it, and says that it doesn't hear."""
    assert Story().go(20).go(6, **NO_OUTSIDE).seen == (PEER, DEAD, True)


def test_a_lost_replication_link_is_no_lost_leg() -> None:
    story = Story().go(20).go(50, {"sync"}, heard=ALL - {"sync"})
    assert story.seen == (PEER, PEER, False)
    assert story.judged.heard == ALL - {"sync"}
    assert story.asked == []


@pytest.mark.parametrize("rounds", [3, 9, 30, 300])
def test_a_peer_that_is_silent_everywhere(rounds: int) -> None:
    story = Story().go(20).silence(rounds)
    assert story.seen[2] is False
    assert story.seen[0] == (UNKNOWN if rounds > 10 else PEER)
    assert story.asked == []
    for _number in range(10):
        assert story.go(1).seen[2] is False
    assert story.seen == (PEER, PEER, False)


def test_this_node_stood_still() -> None:
    """What came meanwhile is taken in link by link, before anything is judged."""
    story = Story().go(20)
    story.now += 5
    for name in LINKS:
        for number in range(21, 71):
            story.watch.hear(name, report(number), story.now)
    judged = story.watch.judge(story.now)
    assert (judged.fault, judged.legs, judged.ask) == (False, {"inside": PEER, "outside": PEER}, ())


def test_single_reports_that_are_lost() -> None:
    story = Story().go(20)
    for _number in range(20):
        assert story.go(3, {"outside"}).go(1).seen == (PEER, PEER, False)


def test_the_program_there_starts_anew() -> None:
    story = Story().go(500)
    story.round = 0
    assert story.go(1, boot="c", heard=frozenset()).seen == (PEER, PEER, False)
    for _number in range(30):
        assert story.go(1, boot="c").seen[2] is False
    assert story.seen == (PEER, PEER, False)
    assert story.watch.peer.boot == "c"


def test_late_reports_of_the_program_before() -> None:
    """The kernel keeps what it could not send to an address that nobody answered for, and sends it later."""
    story = Story().go(20, boot="c")
    story.watch.hear("outside", report(501), story.now)
    assert story.go(3, boot="c").seen == (PEER, PEER, False)
    assert story.watch.peer.boot == "c"
    story = Story()
    story.watch.hear("outside", report(501), story.now)
    assert story.go(20, boot="c").seen == (PEER, PEER, False)
    assert story.watch.peer.boot == "c"


def test_the_program_here_starts_anew_while_the_leg_is_lost() -> None:
    story = Story(fault=True)
    for _number in range(50):
        assert story.go(1, {"outside"}, **NO_OUTSIDE).seen[2] is True


def test_nothing_is_taken_back_for_a_short_while() -> None:
    story = Story(fault=True).go(19)
    assert story.go(3, {"outside"}, **NO_OUTSIDE).seen[2] is True
    assert story.go(10, {"outside"}, **NO_OUTSIDE).seen[2] is True
    assert story.go(15).seen[2] is True
    assert story.go(10).seen[2] is False


def test_two_reasons_one_after_the_other_are_none() -> None:
    story = Story(fault=True).go(20, {"outside"}, **NO_OUTSIDE).silence(25)
    assert story.go(15).seen == (PEER, PEER, True)
    assert story.go(10).seen == (PEER, PEER, False)


def test_a_node_that_is_left_alone_takes_its_fault_back() -> None:
    story = Story(fault=True).go(20, {"outside"}, **NO_OUTSIDE)
    assert story.silence(29).seen[2] is True
    assert story.silence(5).seen[2] is False


# --- claims ----------------------------------------------------------------------------------------------


def heeds(at: tuple[int, ...] = (10,), yields: bool = True, **said: Any) -> list[bool]:
    """Whether a node gives way in each second; the peer claims in the seconds `at`."""
    watch = Watch(LINKS, Timing(recovery=2), False, False, yields)
    faults = []
    for now in range(100):
        for number in range(4):
            sent = report(now * 4 + number + 1, claims=now in at, **said)
            for name in LINKS:
                watch.hear(name, sent, now + number / 4)
        faults.append(watch.judge(now + 0.8).fault)
    return faults


def test_a_claim_is_heeded_until_all_legs_have_worked_for_a_while() -> None:
    assert [second for second, fault in enumerate(heeds()) if fault] == [10, 11, 12]


def test_who_claims_again_has_to_wait() -> None:
    claims = tuple(range(10, 80))
    assert [second for second, fault in enumerate(heeds(claims)) if fault] == [10, 11, 12, 70, 71, 72]


@pytest.mark.parametrize(
    "said",
    [
        {"able": False},
        {"fault": True},
        {"legs": {"inside": PEER, "outside": THIRD}},
        {"heard": frozenset({"inside", "sync"})},
        {"yields": False},
    ],
    ids=["no-keepalived", "given-way", "its-leg", "a-leg-here", "no-preemption"],
)
def test_no_claim_is_heeded(said: dict[str, Any]) -> None:
    assert not any(heeds((10,), said.pop("yields", True), **said))
