# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers of balancers that are taken out and let in again, and who answers, as the playbook tells it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.ftfw.pair.plugins.filter.balancers import balancers

SERVERS = [{"name": name} for name in ("srv-1", "srv-2")]
OF = {"fw-1": [{"name": "web", "servers": SERVERS}], "fw-3": [{"name": "shop", "servers": SERVERS[:1]}]}
NONE = {"fw-1": "{}\n", "fw-3": "{}\n"}


def state(*out: str, quorum: bool = True) -> str:
    servers = [
        {"name": name, "address": "192.0.2.1", "weight": 1, "up": name == "srv-1", "since": 0, "reason": "?"}
        | {"drained": name in out}
        for name in ("srv-1", "srv-2")
    ]
    return json.dumps({"balancers": [{"name": "web", "quorum": quorum, "servers": servers}]})


@pytest.mark.parametrize(
    ("known", "out", "back", "expected"),
    [
        ({}, [], [], NONE),
        ({}, ["web/srv-1"], [], {**NONE, "fw-1": '{"web": ["srv-1"]}\n'}),
        (
            {"fw-1": '{"web": ["srv-2"]}'},
            ["web/srv-1"],
            [],
            {**NONE, "fw-1": '{"web": ["srv-1", "srv-2"]}\n'},
        ),
        ({"fw-1": '{"web": ["srv-2"]}'}, [], ["web/srv-2"], NONE),
        ({"fw-1": '{"web": ["gone"], "old": ["srv-1"]}'}, [], [], NONE),
        ({"fw-1": "[1"}, ["shop/srv-1"], [], {**NONE, "fw-3": '{"shop": ["srv-1"]}\n'}),
        ({"fw-1": "[]"}, [], [], NONE),
    ],
)
def test_the_files_of_nodes(
    known: dict[str, str], out: list[str], back: list[str], expected: dict[str, str]
) -> None:
    assert balancers({}, known, OF, out, back)["files"] == expected


@pytest.mark.parametrize(
    ("out", "back", "wrong"),
    [
        (["web/srv-3"], [], "web/srv-3: no balancer has this server; did you mean web/srv-[12]"),
        ([], ["srv-1"], "srv-1: no balancer has this server"),
        (["web/srv-1"], ["web/srv-1"], "is to be taken out and let in again"),
    ],
)
def test_what_the_site_does_not_have(out: list[str], back: list[str], wrong: str) -> None:
    with pytest.raises(AnsibleFilterError, match=wrong):
        balancers({}, {}, OF, out, back)


def told(text: str, known: str = "{}") -> dict[str, Any]:
    return balancers({"fw-1": text}, {"fw-1": known}, {"fw-1": OF["fw-1"]})


def test_who_answers() -> None:
    found = told(state("srv-2"), '{"web": ["srv-2"]}')
    assert [(row["server"], row["state"]) for row in found["rows"]] == [
        ("srv-1", "well"),
        ("srv-2", "taken out"),
    ]
    assert (found["problems"], found["agree"]) == ([], True)
    assert told(state())["rows"][1]["state"] == "down"


@pytest.mark.parametrize(
    ("text", "known", "problem"),
    [
        ("", "{}", "fw-1: pair-balance says nothing; journalctl -u pair-balance may tell why"),
        (state(quorum=False), "{}", "fw-1: balancer web has lost its quorum"),
        (
            state(),
            '{"web": ["srv-1"]}',
            "fw-1: pair-balance has not taken in which servers are out; does it run?",
        ),
    ],
)
def test_what_is_wrong(text: str, known: str, problem: str) -> None:
    assert told(text, known)["problems"] == [problem]
