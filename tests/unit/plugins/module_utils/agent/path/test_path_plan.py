# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judgement of pair-path: reports, verdicts about legs, and who gives way to whom."""

from __future__ import annotations

import itertools
import json
from collections.abc import Set
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.agent.path import plan, program

Report, Watch, Timing = plan.Report, plan.Watch, plan.Timing
PEER, THIRD, ASKING, DEAD, UNKNOWN = plan.VERDICTS
LINKS = {"inside": True, "outside": True, "sync": False}
ALL = frozenset(LINKS)


def report(sequence: int = 1, **fields: Any) -> Any:
    legs = {"inside": PEER, "outside": PEER}
    known = {"boot": "b", "able": True, "fault": False, "heard": ALL, "legs": legs, "neighbours": {}}
    return Report(sequence=sequence, **{**known, **fields})


# --- reports ---------------------------------------------------------------------------------------------


def test_a_report_arrives_as_it_was_sent() -> None:
    sent = report(
        7,
        able=False,
        fault=True,
        given_up=3,
        heard=frozenset({"sync"}),
        neighbours={"inside": ("192.0.2.1",)},
    )
    data = plan.encode(sent)
    assert plan.decode(data) == sent
    assert json.loads(data)["version"] == plan.VERSION


def test_the_longest_report_fits() -> None:
    names = [f"network-{n:07d}" for n in range(6)]
    addresses = ("255.255.255.255",) * plan.MAX_NEIGHBOURS
    data = plan.encode(
        report(
            2**40,
            given_up=2**40,
            boot="f" * 16,
            heard=frozenset(names),
            legs=dict.fromkeys(names, UNKNOWN),
            neighbours=dict.fromkeys(names, addresses),
        )
    )
    assert len(data) <= plan.MAX_BYTES


GOOD = json.loads(plan.encode(report()))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff\xfe\x00", id="no-text"),
        pytest.param(plan.encode(report())[:-1], id="cut-off"),
        pytest.param(b"[" * 1400, id="deep"),
        pytest.param(b"[]", id="list"),
        pytest.param(b"7", id="number"),
        *(
            pytest.param(json.dumps({**GOOD, name: value}).encode(), id=f"{name}={value!r}")
            for name, value in (
                ("version", 2),
                ("boot", 7),
                ("boot", None),
                ("sequence", "1"),
                ("sequence", True),
                ("sequence", 1.5),
                ("able", 1),
                ("fault", None),
                ("claims", 1),
                ("given_up", None),
                ("given_up", True),
                ("given_up", 0.5),
                ("heard", 3),
                ("heard", [1]),
                ("heard", [["inside"]]),
                ("legs", []),
                ("legs", "peer"),
                ("legs", {"inside": "well"}),
                ("legs", {"inside": ["peer"]}),
                ("neighbours", []),
                ("neighbours", {"inside": 7}),
                ("neighbours", {"inside": ["2001:db8::1"]}),
                ("neighbours", {"inside": [{}]}),
                ("neighbours_v6", []),
                ("neighbours_v6", {"inside": ["192.0.2.1"]}),
            )
        ),
        *(
            pytest.param(json.dumps({k: v for k, v in GOOD.items() if k != name}).encode(), id=f"no-{name}")
            for name in sorted(set(GOOD) - {"claims", "given_up", "neighbours_v6"})
        ),
    ],
)
def test_what_is_no_report(data: bytes) -> None:
    with pytest.raises(plan.ReportError):
        plan.decode(data)


def test_what_earlier_versions_do_not_say() -> None:
    newer = ("claims", "given_up", "neighbours_v6")
    said = {name: value for name, value in GOOD.items() if name not in newer}
    assert plan.decode(json.dumps(said).encode()) == report(claims=False, given_up=0)


def test_neighbours_of_ipv6_are_told_apart() -> None:
    """An earlier version takes a report with such an address among the others for none."""
    sent = report(neighbours={"inside": ("192.0.2.1",), "outside": ("2001:db8::1",)})
    data = plan.encode(sent)
    assert json.loads(data)["neighbours"] == {"inside": ["192.0.2.1"]}
    assert plan.decode(data) == sent


def test_a_report_that_would_be_too_long_tells_no_neighbours() -> None:
    names = [f"network-{n:07d}" for n in range(9)]
    long = report(neighbours=dict.fromkeys(names, ("2001:db8:1111:2222:3333:4444:5555:6666",) * 4))
    assert plan.decode(plan.encode(long)) == report()


def test_no_more_neighbours_are_taken_than_are_sent() -> None:
    many = {**GOOD, "neighbours": {"inside": [f"192.0.2.{n}" for n in range(1, 9)]}}
    assert len(plan.decode(json.dumps(many).encode()).neighbours["inside"]) == plan.MAX_NEIGHBOURS


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


def test_an_earlier_version_claims_nothing() -> None:
    sent = json.loads(plan.encode(report(7)))
    del sent["claims"]
    assert plan.decode(json.dumps(sent).encode()).claims is False


@pytest.mark.parametrize(
    ("text", "claims"),
    [("100.0\n", True), ("97.5\n", True), ("96.5\n", False), ("101\n", False), ("x", False), (None, False)],
)
def test_a_claim_stands_for_a_moment(tmp_path: Path, text: str | None, claims: bool) -> None:
    file = tmp_path / "claim"
    if text is not None:
        file.write_text(text)
    assert program.read_claim(file, 100.0) is claims
    assert program.read_claim(None, 100.0) is False


# --- the program's own -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "fault"),
    [("0\n", False), ("1\n", True), ("", False), ("x", False), ("7", True), (None, False)],
)
def test_what_an_earlier_run_has_left(tmp_path: Path, text: str | None, fault: bool) -> None:
    file = tmp_path / "fault"
    if text is not None:
        file.write_text(text)
    assert program.read_fault(file) is fault
    for value in (True, False):
        program.write_fault(file, value)
        assert file.read_text() == f"{int(value)}\n"


CONFIG: dict[str, Any] = {
    "port": 3781,
    "preferred": True,
    "yields": False,
    "claim_file": "",
    "interval": 0.1,
    "hold": 0.4,
    "recovery": 2,
    "virtual_addresses": ["192.0.2.100"],
    "targets": {},
    "links": [
        {
            "network": name,
            "interface": interface,
            "local": f"192.0.{number}.1",
            "peer": f"192.0.{number}.2",
            "leg": leg,
            "targets": [],
        }
        for number, (name, interface, leg) in enumerate((("inside", "eth1", True), ("sync", "eth2", False)))
    ],
}


def check(tmp_path: Path, config: dict[str, Any]) -> Any:
    file = tmp_path / "path.json"
    file.write_text(json.dumps(config))
    return program.read_config(file)


def test_config(tmp_path: Path) -> None:
    config = check(tmp_path, {**CONFIG, "targets": {"eth1": ["192.0.0.7"]}})
    assert [link.targets for link in config.links] == [("192.0.0.7",), ()]
    assert config.timing == Timing(0.1, 0.4, 1.0, 2)
    assert check(tmp_path, {**CONFIG, "interval": 0.5, "hold": 2}).timing.peer_timeout == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"interval": 0}, "interval is 0 s, it must be between 0.01 and 1"),
        ({"interval": "x"}, "could not convert string to float"),
        ({"hold": 0.2}, r"hold is 0.2 s, it must be between three intervals \(0.3\) and 3600"),
        ({"recovery": -1}, "recovery is -1 s, it must be more than 0"),
        ({"links": []}, "links has no leg"),
        ({"links": [CONFIG["links"][0]] * 2}, "a network is there twice"),
        ({"targets": {"eth2": ["192.0.1.7"]}}, "targets: eth2 is no leg, it must be one of eth1"),
        (
            {"targets": {"eth1": ["192.0.0.777"]}},
            "'192.0.0.777' does not appear to be an IPv4 or IPv6 address",
        ),
        (
            {"targets": {"eth1": ["2001:db8::1"]}},
            "inside: 2001:db8::1 and 192.0.0.1 are of different families",
        ),
    ],
)
def test_bad_config(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check(tmp_path, {**CONFIG, **change})
