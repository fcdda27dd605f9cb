# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the preferred node may claim its role: sets of flows, their comparison, and what it says."""

from __future__ import annotations

import io
import json
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.agent.preempt import plan, program
from hypothesis import given
from hypothesis import strategies as st

Comparison, Preemption = plan.FlowComparison, plan.Preemption


def sent(flows: set[int]) -> bytes:
    file = io.BytesIO()
    plan.write_set(flows, file)
    return file.getvalue()


@given(st.sets(st.integers(0, 2**64 - 1), max_size=50))
def test_a_set_arrives_as_it_was_sent(flows: set[int]) -> None:
    assert plan.read_set(io.BytesIO(sent(flows))) == flows


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "0 bytes, and then nothing more"),
        (sent({1, 2})[:-1], "cut off after 1 of 2 flows"),
        (b"SSH-2.0-OpenSSH_9.2p1 Debian", "it begins with b'SSH-2.0-'"),
        (plan.HEADER.pack(plan.MAGIC, 1 << 60), "1152921504606846976 flows, more than 16777216"),
    ],
)
def test_what_is_no_set(data: bytes, message: str) -> None:
    with pytest.raises(plan.SetError, match=message):
        plan.read_set(io.BytesIO(data))


def test_flows_are_told_apart_by_all_that_they_are_known_by() -> None:
    keys = [("tcp", "", "a b"), ("tcp", "zone=1", "a b"), ("udp", "", "a b"), ("tcp", "", "a c")]
    assert len({plan.hash_of(key) for key in keys}) == len(keys)


FLOWS = st.sets(st.integers(0, 20))


@given(FLOWS, FLOWS, FLOWS)
def test_what_the_primary_had_all_the_time_has_to_be_here(before: Any, own: Any, after: Any) -> None:
    found = Comparison.of(before, own, after)
    assert found.lasting == len(before & after)
    assert (found.lacking == 0) is (before & after <= own)


class Story:
    """A preferred node that compares every five seconds, with a deadline of 20."""

    def __init__(self) -> None:
        self.known, self.now = Preemption(20), 100.0

    def compared(self, lacking: int | str, times: int = 1) -> list[tuple[int, str]]:
        """What it says of so many comparisons of the same outcome."""
        told: list[tuple[int, str]] = []
        for _time in range(times):
            found = lacking if isinstance(lacking, str) else Comparison(70, lacking)
            self.known.compared(found, self.now)
            self.now += 5
            told += self.known.told
            self.known.told.clear()
        return told


def test_it_claims_once_nothing_is_lacking() -> None:
    story = Story()
    assert story.compared(3, 3) == []
    assert not story.known.claims
    assert story.compared(0, 5) == [
        (plan.NOTICE, "holds all 70 flows of the primary's, and asks for the role")
    ]
    assert story.known.claims


def test_it_says_once_that_the_deadline_has_passed_and_goes_on() -> None:
    story = Story()
    why = "after 20 s 3 of 70 flows of the primary's are not here: this node stays backup"
    assert story.compared(3, 10) == [(plan.ERROR, f"{why}, and goes on trying")]
    assert not story.known.claims
    assert [level for level, _text in story.compared(0)] == [plan.NOTICE]


def test_flows_that_go_missing_end_the_claim() -> None:
    story = Story()
    story.compared(0)
    assert story.compared(1) == []
    assert not story.known.claims


def test_a_peer_that_does_not_tell_is_named_once_and_is_no_consent() -> None:
    story = Story()
    why = "the peer does not tell its flows: Connection refused"
    assert story.compared(why, 3) == [(plan.WARNING, why)]
    assert not story.known.claims
    assert [level for level, _text in story.compared(why, 3)] == [plan.ERROR]


def test_what_is_lacking_is_asked_for_but_not_each_time() -> None:
    known = Preemption(120)
    asked = [now for now in range(0, 70, 5) if known.compared(Comparison(70, 3), now)]
    assert asked == [0, 30, 60]
    assert not known.compared(Comparison(70, 0), 100)
    assert not known.compared("the peer does not tell its flows", 200)


def test_a_claim_ends_with_the_state_and_its_deadline_begins_anew() -> None:
    story = Story()
    story.compared(3, 3)
    story.known.other_state("MASTER")
    story.now += 100
    assert story.compared(3, 4) == []
    story.compared(0)
    story.known.other_state("MASTER")
    assert not story.known.claims
    assert story.known.told == [(plan.NOTICE, "MASTER: no longer asks for the role")]


# --- the program's own -----------------------------------------------------------------------------------

CONFIG = {
    "interface": "lo",
    "local": "127.0.0.1",
    "peer": "127.0.0.1",
    "port": 3782,
    "replication": "direct",
    "interval": 5,
    "deadline": 120,
}


def config(tmp_path: Path, **change: Any) -> Any:
    file = tmp_path / "preempt.json"
    file.write_text(json.dumps({**CONFIG, **change}))
    return program.read_config(file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"interval": 0}, "interval is 0 s, it must be between 1 and 3600"),
        ({"deadline": 0}, "deadline is 0 s, it must be more than 0"),
        ({"peer": "2001:db8::1"}, "127.0.0.1 and 2001:db8::1 are of different families"),
        ({"peer": "fw-2"}, "'fw-2' does not appear to be an IPv4 or IPv6 address"),
        ({"other": 1}, "unexpected keyword argument 'other'"),
    ],
)
def test_bad_config(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config(tmp_path, **change)


@pytest.mark.parametrize("answer", [sent({1, 2, 3}), sent({1, 2, 3})[:-3], b""], ids=["whole", "cut", "none"])
def test_asking_the_primary(tmp_path: Path, answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            opened, _address = server.accept()
            with opened:
                opened.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        known = config(tmp_path, port=server.getsockname()[1])
        try:
            if answer == sent({1, 2, 3}):
                assert program.ask_primary(known) == {1, 2, 3}
            else:
                with pytest.raises(plan.SetError):
                    program.ask_primary(known)
        finally:
            thread.join()


def test_nobody_tells(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    told = program.compare(config(tmp_path, port=port))
    assert told == "the peer does not tell its flows: Connection refused"


def test_the_claim_file(tmp_path: Path) -> None:
    file = tmp_path / "claim"
    program.claim(file, False)
    program.claim(file, True)
    assert float(file.read_text()) > 0
    program.claim(file, False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ('{"state": "BACKUP", "pending": null}', "BACKUP"),
        ('{"state": "BACKUP", "pending": "ftfw"}', "a transition is under way"),
        ("{}", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_the_state_of_vrrp(tmp_path: Path, text: str | None, state: str) -> None:
    file = tmp_path / "state.json"
    if text is not None:
        file.write_text(text)
    assert program.vrrp_state(file) == state
