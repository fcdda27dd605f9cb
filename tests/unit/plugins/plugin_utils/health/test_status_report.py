# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a comparison of a pair's nodes finds, and how it is told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.ftfw.pair.plugins.action.pair_health import clock_offset, parse_health
from ansible_collections.ftfw.pair.plugins.filter.pair_health import pair_health
from ansible_collections.ftfw.pair.plugins.module_utils.conntrack.digest import Digest

VIRTUAL = ["192.168.2.100", "192.168.0.100"]
STILL = {"pending": None, "left": None}
VERSIONS = {"kernel": "6.1.0", "keepalived": "2.2.7", "nft": "1.0.6"}


def flows(*ports: int) -> str:
    return Digest.of(("tcp", "", f"sport={port}") for port in ports).pack()


def look(**changed: Any) -> dict[str, Any]:
    """What is registered for a backup that is well, but for these; keys of `health` are merged."""
    health: dict[str, Any] = {
        "vrrp": {"state": "BACKUP", "groups": {"ftfw": "BACKUP"}, "since": 1795268059.4, **STILL},
        "stopped": [],
        "entries": {"kernel": 4, "maximum": 100, "internal": 3, "external": 3},
        "links": [{"interface": "eth2", "carrier": True}],
        "names": [],
        "cards": [],
        "duplicates": [],
        "balancers": [],
        "clock": {"wall": 1795268100.0},
        "conntrackd": {"general": {"external": {"kind": "cache"}}},
        "last_error": None,
        "failed_units": [],
        "ruleset": {"loaded": True, "same": True, "why": None, "policy": "3e66"},
        "versions": VERSIONS,
        "flows": {"kernel": flows(), "external": flows(1, 2, 3), "why": None},
        "replication": {"silent_seconds": 0.3, "unconfirmed": 2, "lost": 1},
        "findings": [],
    }
    made = {
        "virtual_addresses": [],
        "vrrp_state": "BACKUP",
        "keepalived": True,
        "conntrackd": True,
        "pair_state": True,
        "entries": {"kernel": 4, "internal": 3, "external": 3},
        "health": health,
        "health_error": None,
        "clock_offset": [-0.1, 0.1],
    }
    for name, value in changed.items():
        place = health if name in health else made
        place[name] = value
    return made


def primary(**changed: Any) -> dict[str, Any]:
    held = {"virtual_addresses": VIRTUAL, "vrrp_state": "MASTER"}
    return look(**{**held, "flows": {"kernel": flows(1, 2, 3), "external": flows(), "why": None}, **changed})


def view(name: str, pair: str = "ftfw") -> dict[str, Any]:
    addresses = [{"interface": "eth1", "address": f"{address}/32"} for address in VIRTUAL]
    return {"name": name, "site": "lab", "pair": {"name": pair}, "pair_state": {"addresses": addresses}}


def web(up: bool, since: float = 1795268000) -> list[dict[str, Any]]:
    """A balancer with one server."""
    server = {"name": "srv-1", "weight": 1, "up": up, "drained": False, "reason": "refused", "since": since}
    return [
        {"name": "web", "address": VIRTUAL[1], "sorry": None if up else "192.168.2.9", "servers": [server]}
    ]


VIEWS = [view("fw-1"), view("fw-2")]
AWAY = {"unreachable": True}
LACKS = {"kernel": flows(), "external": flows(1, 2), "why": None}
DIRECT = {"kernel": flows(1, 2, 3), "external": None, "why": None}
STALLED = {"id": "replication-stalled", "severity": "error", "message": "for 7 s"}
SILENT = {"silent_seconds": 7.2, "unconfirmed": 0, "lost": 0}
DOWN = {"id": "conntrackd-down", "severity": "error", "message": "conntrackd does not run"}


def found(one: dict[str, Any], other: dict[str, Any], *again: dict[str, Any]) -> list[str]:
    problems: list[str] = pair_health(VIEWS, [one, other], list(again))["problems"]
    return problems


@pytest.mark.parametrize(
    ("one", "other", "problems"),
    [
        pytest.param(primary(), look(), [], id="well"),
        pytest.param(primary(), look(flows=DIRECT), [], id="well-without-cache"),
        pytest.param(
            primary(flows={**DIRECT, "orphans": flows(7)}),
            look(flows={**DIRECT, "orphans": flows()}),
            [
                "fw-2 can't be given flows that a helper of fw-1 expected, for their control connections are"
                " over; a takeover ends them: at least 1"
            ],
            id="orphans-lacking",
        ),
        pytest.param(
            primary(flows={**DIRECT, "orphans": flows()}),
            look(flows={**DIRECT, "orphans": flows(7)}),
            [],
            id="orphans-of-the-backup",
        ),
        pytest.param(
            primary(flows={**DIRECT, "unreplicated": {"gre": 2, "udplite": 1}}),
            look(flows={**DIRECT, "unreplicated": {"gre": 9}}),
            ["fw-1: flows that can't be replicated end with a takeover: 2 of gre, 1 of udplite"],
            id="flows-unreplicated",
        ),
        pytest.param(look(), look(), ["no primary: no node has a virtual address"], id="no-primary"),
        pytest.param(
            look(),
            AWAY,
            ["fw-2: can't be reached", "no primary: no node that can be reached has a virtual address"],
            id="no-primary-in-sight",
        ),
        pytest.param(primary(), AWAY, ["fw-2: can't be reached"], id="unreachable"),
        pytest.param(
            primary(),
            look(virtual_addresses=VIRTUAL[:1]),
            ["two primaries: fw-1 and fw-2 have 192.168.2.100"],
            id="two-primaries",
        ),
        pytest.param(
            primary(virtual_addresses=VIRTUAL[:1]),
            look(virtual_addresses=VIRTUAL[1:]),
            ["not all virtual addresses are on one node: fw-1 has 192.168.2.100; fw-2 has 192.168.0.100"],
            id="split",
        ),
        pytest.param(
            primary(virtual_addresses=VIRTUAL[:1]),
            look(),
            ["not all virtual addresses are on one node: fw-1 has 192.168.2.100"],
            id="half",
        ),
        pytest.param(
            primary(), look(findings=[DOWN], conntrackd=None), ["fw-2: conntrackd does not run"], id="own"
        ),
        pytest.param(
            primary(),
            look(findings=[STALLED], replication=SILENT),
            ["replication from fw-1 to fw-2 is stalled: nothing has arrived for 7 s"],
            id="stalled",
        ),
        pytest.param(
            primary(findings=[STALLED], replication=SILENT),
            {**look(findings=[DOWN]), "conntrackd": False},
            ["fw-2: conntrackd does not run"],
            id="nothing-arrives-since-the-peer-is-down",
        ),
        pytest.param(
            primary(),
            look(versions={**VERSIONS, "nft": "1.0.9"}),
            ["versions of nft differ: 1.0.6 on fw-1, 1.0.9 on fw-2"],
            id="version-skew",
        ),
        pytest.param(
            primary(),
            look(versions={**VERSIONS, "nft": None}),
            ["versions of nft differ: 1.0.6 on fw-1, none on fw-2"],
            id="program-missing",
        ),
        pytest.param(
            primary(),
            look(clock_offset=[1.2, 9.0]),
            ["the clocks of fw-1 and fw-2 differ by 1.1 s at least"],
            id="clock-skew",
        ),
        pytest.param(primary(balancers=web(True)), look(balancers=web(True)), [], id="balancers"),
        pytest.param(
            primary(balancers=web(True)),
            look(balancers=web(False)),
            ["balancer web: fw-1 finds srv-1 well, and fw-2 does not"],
            id="balancers-differ",
        ),
        pytest.param(
            primary(balancers=web(True)),
            look(balancers=web(False, 1795268090)),
            [],
            id="balancers-differ-for-a-moment",
        ),
        pytest.param(primary(), look(clock_offset=[0.9, 9.0]), [], id="perhaps-clock-skew"),
        pytest.param(primary(), look(clock_offset=None), [], id="clock-unknown"),
        pytest.param(
            primary(),
            look(ruleset={"loaded": True, "same": True, "why": None, "policy": "ffff"}),
            ["the ruleset files of fw-1 and fw-2 are not of the same policy"],
            id="rulesets",
        ),
        pytest.param(
            primary(),
            look(health=None, health_error="not found", keepalived=False),
            ["fw-2: can't tell its health: not found", "fw-2: keepalived does not run"],
            id="no-program",
        ),
    ],
)
def test_findings(one: dict[str, Any], other: dict[str, Any], problems: list[str]) -> None:
    assert found(one, other) == problems
    assert pair_health(VIEWS, [one, other])["document"]["healthy"] is (problems == [])


@pytest.mark.parametrize(
    ("second", "problems"),
    [
        pytest.param([], [], id="one-look-only"),
        pytest.param([{"skipped": True}, {"skipped": True}], [], id="skipped"),
        pytest.param(
            [primary(), look(flows=LACKS)],
            ["fw-2 lacks flows that fw-1 has to replicate: at least 1"],
            id="stays",
        ),
        pytest.param([primary(), look()], [], id="was-under-way"),
        pytest.param([primary(), AWAY], ["fw-2: can't be reached"], id="away-at-the-second-look"),
        pytest.param([look(), primary()], [], id="the-role-has-moved"),
    ],
)
def test_flows_that_differ_are_looked_at_twice(second: list[dict[str, Any]], problems: list[str]) -> None:
    assert pair_health(VIEWS, [primary(), look(flows=LACKS)])["look_again"] is True
    assert pair_health(VIEWS, [primary(), look()])["look_again"] is False
    assert found(primary(), look(flows=LACKS), *second) == problems


CHANGING = {"state": "BACKUP", "groups": {"ftfw": "BACKUP"}, "since": 1795268059.4, "pending": "ftfw"}
UNDER_WAY = {**CHANGING, "left": 52.0}
FAULT = {"id": "vrrp-fault", "severity": "error", "message": "VRRP is in state FAULT"}


@pytest.mark.parametrize(
    ("moment", "beside"),
    [
        pytest.param(look(), look(), id="no-primary"),
        pytest.param(primary(), primary(), id="two-primaries"),
        pytest.param(primary(virtual_addresses=VIRTUAL[:1]), look(), id="addresses-that-move"),
        pytest.param(primary(findings=[DOWN]), look(), id="daemon-that-starts-anew"),
        pytest.param(primary(), look(findings=[FAULT]), id="fault-that-goes"),
        pytest.param(primary(), look(health=None, health_error="the answer is cut off"), id="health"),
        pytest.param(primary(), look(vrrp=UNDER_WAY), id="transition"),
    ],
)
def test_what_a_second_look_does_not_see_was_a_moment(moment: dict[str, Any], beside: dict[str, Any]) -> None:
    assert pair_health(VIEWS, [moment, beside])["look_again"] is True
    assert found(moment, beside, primary(), look()) == []
    # and what lasts is told as the second look has it
    assert (
        found(primary(), look(), moment, beside)
        == found(moment, beside)
        == found(moment, beside, moment, beside)
    )


def test_a_second_look_is_the_last_one_and_a_node_that_is_away_needs_none() -> None:
    assert pair_health(VIEWS, [look(), look()], [look(), look()])["look_again"] is False
    assert pair_health(VIEWS, [primary(), AWAY])["look_again"] is False


def test_what_is_under_way_is_no_finding_and_is_told() -> None:
    told = pair_health(VIEWS, [primary(), look(vrrp=UNDER_WAY)])
    assert (told["problems"], told["document"]["healthy"]) == ([], True)
    assert told["lines"] == [
        "OK       ftfw: no findings",
        "NOTE     ftfw: fw-2: the transition of 'ftfw' to BACKUP began at 2026-11-21T13:34:19Z, is under way,"
        " and over in 52 s at most",
    ]
    node = told["document"]["nodes"][1]
    assert (node["transition_incomplete"], node["transition_under_way"]) == (True, True)
    node = pair_health(VIEWS, [primary(), look(vrrp={**CHANGING, "left": None})])["document"]["nodes"][1]
    assert (node["transition_incomplete"], node["transition_under_way"]) == (True, False)


def test_without_a_cache_the_kernel_is_compared() -> None:
    other = look(flows={"kernel": flows(2, 3, 4), "external": None, "why": None})
    # what only the backup has stays in its kernel until its timeout, and is no finding
    assert found(primary(), other, primary(), other) == [
        "fw-2 lacks flows that fw-1 has to replicate: at least 1"
    ]


def test_table_and_lines() -> None:
    error = {"time": 1795268000.0, "unit": "keepalived.service", "message": "x" * 80}
    told = pair_health(VIEWS, [primary(last_error=error, flows=DIRECT), AWAY])
    assert told["rows"] == [
        {
            "pair": "ftfw",
            "node": "fw-1",
            "state": "MASTER",
            "since": "2026-11-21T13:34:19Z",
            "virtual addresses": "192.168.2.100, 192.168.0.100",
            "kernel": "4",
            "internal": "3",
            "external": "3",
            "replication lag": "0.3 s, 2 unconfirmed",
            "lost": "1",
            "last error": f"2026-11-21T13:33:20Z keepalived: {'x' * 36}…",
        },
        {"pair": "ftfw", "node": "fw-2", "state": "unreachable"},
    ]
    assert told["lines"] == ["ERROR    ftfw: fw-2: can't be reached"]
    assert told["columns"][0] == "node"


def test_a_cache_that_is_off_and_a_node_that_tells_little() -> None:
    off = look(conntrackd=None)
    off["health"]["conntrackd"] = {"general": {"external": {"kind": "inject"}}}
    rows = pair_health(VIEWS, [off, look(health=None, health_error="not found")])["rows"]
    assert rows[0]["external"] == "off"
    assert (rows[1]["since"], rows[1]["replication lag"], rows[1]["last error"]) == ("?", "?", "?")


def test_document_keeps_the_first_pairs_keys_and_has_all_pairs() -> None:
    views = [*VIEWS, view("dmz-1", "dmz"), view("dmz-2", "dmz")]
    told = pair_health(views, [primary(), look(), look(), AWAY])
    document = told["document"]
    keys = "site healthy pair primary nodes findings problems pairs hosts"
    assert list(document) == keys.split()
    assert (document["pair"], document["primary"], document["healthy"]) == ("ftfw", "fw-1", False)
    assert [pair["pair"] for pair in document["pairs"]] == ["ftfw", "dmz"]
    assert document["problems"] == [
        "dmz: dmz-2: can't be reached",
        "dmz: no primary: no node that can be reached has a virtual address",
    ]
    assert document["pairs"][1]["findings"][0] == {
        "id": "node-unreachable",
        "severity": "error",
        "message": "can't be reached",
        "node": "dmz-2",
    }
    assert told["columns"][0] == "pair"
    away = document["pairs"][1]["nodes"][1]
    assert (away["reachable"], away["vrrp_state"], away["since"]) == (False, None, None)


def test_wrong_numbers_of_looks() -> None:
    with pytest.raises(AnsibleFilterError, match="2 firewalls with 1 looks"):
        pair_health(VIEWS, [primary()])


ANSWER = '100.5\n@@ addresses\n\n@@ health\n{"node": "fw-1"}\n\n@@ end\n103.5\n'


def test_answer() -> None:
    assert parse_health(ANSWER, "") == {"health": {"node": "fw-1"}, "health_error": None}
    assert clock_offset(ANSWER, 99.0, 104.0) == [-0.5, 1.5]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        pytest.param("", "cut off", id="empty"),
        pytest.param(ANSWER.partition("@@ end")[0], "cut off", id="no-end"),
        pytest.param(
            ANSWER.replace('{"node": "fw-1"}', "sh: 1: not found"), "sh: 1: not found", id="missing"
        ),
        pytest.param(ANSWER.replace('{"node": "fw-1"}', ""), "says nothing", id="silent"),
        pytest.param(ANSWER.replace('{"node": "fw-1"}', "[1]"), "[1]", id="a-list"),
    ],
)
def test_answer_without_health(text: str, error: str) -> None:
    told = parse_health(text, "")
    assert told["health"] is None
    assert error in told["health_error"]


def test_every_key_of_the_document_is_documented() -> None:
    document = pair_health(VIEWS, [primary(), look()])["document"]
    assert document["healthy"]
    text = (Path(__file__).parents[5] / "docs" / "playbooks.md").read_text().partition("\n## status\n")[2]
    table = text.partition("| key | meaning |")[2].partition("\n\n")[0]
    told = {name for line in table.splitlines() for name in re.findall(r"`(\w+)`", line.split(" | ")[0])}
    assert told == {*document, *document["nodes"][0]}


def test_who_answers_is_told_of_the_primary() -> None:
    told = pair_health(VIEWS, [primary(balancers=web(True)), look(balancers=web(True))])
    assert told["lines"][-1] == (
        f"BALANCER ftfw: web at {VIRTUAL[1]}: srv-1 (weight 1) well since 2026-11-21T13:33:20Z"
    )
    told = pair_health(VIEWS, [primary(balancers=web(False)), look(balancers=web(False))])
    assert told["lines"][-1].endswith("down, refused since 2026-11-21T13:33:20Z; 192.168.2.9 answers")
    assert told["document"]["nodes"][0]["balancers"][0]["servers"][0]["up"] is False


def test_a_node_of_a_former_version_knows_of_no_balancers() -> None:
    one, other = primary(), look()
    for each in (one, other):
        del each["health"]["balancers"]
    assert pair_health(VIEWS, [one, other])["problems"] == []
