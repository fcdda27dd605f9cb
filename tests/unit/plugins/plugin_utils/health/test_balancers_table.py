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
ASKED = {"address": "198.51.100.1"}
OF = {
    "fw-1": [{"name": "web", **ASKED, "servers": SERVERS}],
    "fw-3": [{"name": "shop", **ASKED, "servers": SERVERS[:1]}],
}
NONE = {"fw-1": "{}\n", "fw-3": "{}\n"}


def state(*out: str, quorum: bool = True) -> str:
    servers = [
        {"name": name, "address": "192.0.2.1", "weight": 1, "up": name == "srv-1", "since": 0, "reason": "?"}
        | {"drained": name in out}
        for name in ("srv-1", "srv-2")
    ]
    web = {"name": "web", "address": "198.51.100.1", "quorum": quorum, "servers": servers}
    return json.dumps({"balancers": [web]})


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


def flow(server: str, port: int = 80, state: str = "ESTABLISHED") -> str:
    return (
        f"tcp      6 300 {state} src=203.0.113.9 dst=198.51.100.1 sport=40000 dport=80 "
        f"src={server} dst=203.0.113.9 sport={port} dport=40000 [ASSURED] mark=0 use=1\n"
    )


def test_a_balancers_own_name_is_for_all_of_its_addresses() -> None:
    both = {"fw-1": [{"name": name, **ASKED, "servers": SERVERS} for name in ("web", "web.2")]}
    for out, expected in (
        (["web/srv-1"], {"web": ["srv-1"], "web.2": ["srv-1"]}),
        (["web.2/srv-1"], {"web.2": ["srv-1"]}),
    ):
        files = balancers({}, {}, both, out)["files"]
        assert json.loads(files["fw-1"]) == expected
    known = {"fw-1": '{"web": ["srv-1"], "web.2": ["srv-1", "srv-2"]}'}
    files = balancers({}, known, both, [], ["web/srv-1"])["files"]
    assert json.loads(files["fw-1"]) == {"web.2": ["srv-2"]}


def test_a_server_that_is_full() -> None:
    full = json.loads(state("srv-2"))
    for one in full["balancers"][0]["servers"]:
        one["full"] = True
    assert [row["state"] for row in balancers({"fw-1": json.dumps(full)})["rows"]] == ["full", "taken out"]


def test_a_sorry_server_has_a_row() -> None:
    """An earlier version of the program says nothing of it."""
    with_it = json.loads(state())
    with_it["balancers"][0]["sorry_server"] = {
        **with_it["balancers"][0]["servers"][1],
        "name": "sorry server",
        "weight": 0,
    }
    found = balancers({"fw-1": json.dumps(with_it)})["rows"]
    assert [(row["server"], row["state"]) for row in found] == [
        ("srv-1", "well"),
        ("srv-2", "down"),
        ("sorry server", "down"),
    ]
    assert len(balancers({"fw-1": state()})["rows"]) == 2


def test_how_many_flows_are_open() -> None:
    """Those that end do not count; a server at a port of its own has those of that port."""
    lines = flow("192.0.2.1") * 2 + flow("192.0.2.1", state="TIME_WAIT") + flow("192.0.2.1", 8080)
    found = balancers({"fw-1": state()}, flows={"fw-1": lines})["rows"]
    assert [row["flows"] for row in found] == ["3", "3"]
    ported = json.loads(state())
    ported["balancers"][0]["servers"][0]["port"] = 8080
    found = balancers({"fw-1": json.dumps(ported)}, flows={"fw-1": lines})["rows"]
    assert [row["flows"] for row in found] == ["1", "3"]
    assert balancers({"fw-1": state()})["rows"][0]["flows"] == ""


def test_what_lists_the_flows() -> None:
    other = {**OF["fw-1"][0], "address": "2001:db8::1"}
    assert balancers({}, of={"fw-1": [*OF["fw-1"] * 2, other]})["listing"] == {
        "fw-1": "conntrack -L --orig-dst 198.51.100.1 2>/dev/null && "
        "conntrack -L --orig-dst 2001:db8::1 2>/dev/null && "
        "{ cat /proc/net/ip_vs_conn 2>/dev/null || true; }"
    }


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
