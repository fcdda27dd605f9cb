# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which daemon has to be told of a card that was made anew, and when."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.agent.watch import plan

MAC, OTHER = "12:34:56:78:9a:01", "12:34:56:78:9a:02"
BOTH = frozenset(("192.168.0.1", "2001:db8::1"))
WANTED = plan.WantedCard("eth0", MAC, BOTH)
CARD = plan.Card(2, MAC, BOTH)
ANEW = plan.Card(7, MAC, BOTH)


def listener(cards: dict[str, Any]) -> Any:
    made = plan.ListeningDaemon("keepalived", (WANTED,))
    made.note("a process", cards)
    return made


@pytest.mark.parametrize(
    ("before", "now", "lack"),
    [
        pytest.param(CARD, ANEW, None, id="made-anew"),
        pytest.param(None, CARD, None, id="came-late"),
        pytest.param(CARD, plan.Card(7, MAC, frozenset()), "192.168.0.1, 2001:db8::1", id="no-address-yet"),
        pytest.param(CARD, plan.Card(7, MAC, frozenset(["192.168.0.1"])), "2001:db8::1", id="not-of-both"),
        pytest.param(CARD, plan.Card(7, OTHER, BOTH), "it is another card", id="another-card"),
        pytest.param(CARD, None, "is not there", id="gone"),
    ],
)
def test_deaf(before: Any, now: Any, lack: str | None) -> None:
    made = listener({"eth0": before} if before else {})
    deaf = made.deaf({"eth0": now} if now else {})
    assert list(deaf) == ["eth0"]
    assert (deaf["eth0"] is None) is (lack is None)
    assert lack is None or lack in deaf["eth0"]
    assert plan.sentences("keepalived", deaf)[0].startswith("keepalived does not listen on eth0, which ")


@pytest.mark.parametrize(
    "now",
    [
        pytest.param(CARD, id="same"),
        pytest.param(plan.Card(2, MAC, frozenset()), id="without-its-addresses"),
        pytest.param(plan.Card(2, MAC, BOTH | {"192.168.0.100"}), id="primary"),
    ],
)
def test_nobody_is_told_without_need(now: Any) -> None:
    assert listener({"eth0": CARD}).deaf({"eth0": now, "eth1": ANEW}) == {}


def test_told_once() -> None:
    made = listener({"eth0": CARD})
    assert made.deaf({"eth0": ANEW}) == {"eth0": None}
    made.told({"eth0": ANEW})
    assert made.deaf({"eth0": ANEW}) == {}


def test_a_daemon_that_has_started_listens_on_what_there_is() -> None:
    made = listener({"eth0": CARD})
    made.note(None, {"eth0": ANEW})
    assert made.deaf({"eth0": ANEW}) == {}
    made.note("another process", {"eth0": ANEW})
    assert made.deaf({"eth0": ANEW}) == {}
    assert made.deaf({"eth0": CARD}) == {"eth0": None}


def test_any_card_will_do_without_a_mac() -> None:
    assert plan.lacks(plan.Card(2, OTHER, BOTH), plan.WantedCard("eth0", None, BOTH)) is None


def test_an_interface_has_addresses_of_both_families() -> None:
    parts = (plan.WantedCard("eth0", MAC, frozenset([address])) for address in BOTH)
    assert plan.merged(parts) == (WANTED,)
