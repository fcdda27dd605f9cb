# SPDX-License-Identifier: GPL-3.0-or-later
"""A node's state from what its shell says, and a pair's from its nodes'."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.filter.pair_summary import pair_summary
from ansible_collections.ftfw.pair.plugins.plugin_utils.health.status import parse_status, summary

VIRTUAL = ["192.168.2.100", "192.168.0.100"]
PRIMARY = (Path(__file__).parents[1] / "data" / "primary_status.txt").read_text()
ILL = "@@ addresses\n@@ units\nactive\ninactive\nactive\n@@ transitions\n@@ kernel\n@@ conntrackd\n"


def status(addresses: list[str], state: str = "BACKUP", **changed: Any) -> dict[str, Any]:
    entries = {"kernel": 1, "internal": 2, "external": None}
    told = {"keepalived": True, "conntrackd": True, "pair_state": True, "entries": entries}
    return {"virtual_addresses": addresses, "vrrp_state": state, **told, **changed}


def test_primary() -> None:
    assert parse_status(PRIMARY, VIRTUAL) == {
        "virtual_addresses": VIRTUAL,
        "vrrp_state": "MASTER",
        "keepalived": True,
        "conntrackd": True,
        "pair_state": True,
        "entries": {"kernel": 12, "internal": 9, "external": 2},
    }


def test_what_a_terminal_adds_is_no_harm() -> None:
    assert parse_status(PRIMARY.replace("\n", "\r\n"), VIRTUAL) == parse_status(PRIMARY, VIRTUAL)


def test_an_address_that_another_begins_with() -> None:
    assert parse_status(PRIMARY, ["192.168.2.10", "192.168.2.100"])["virtual_addresses"] == ["192.168.2.100"]


def test_ill_node() -> None:
    assert parse_status(ILL, VIRTUAL) == {
        "virtual_addresses": [],
        "vrrp_state": "UNKNOWN",
        "keepalived": True,
        "conntrackd": False,
        "pair_state": True,
        "entries": {"kernel": None, "internal": None, "external": None},
    }


@pytest.mark.parametrize(
    ("one", "two", "primary", "problems"),
    [
        pytest.param(status(VIRTUAL, "MASTER"), status([]), "fw-1", [], id="well"),
        pytest.param(status([]), status([]), None, ["no node has the virtual addresses"], id="nobody"),
        pytest.param(
            status(VIRTUAL),
            status(VIRTUAL),
            None,
            ["not all virtual addresses are on one node: fw-1 and fw-2 have some"],
            id="split brain",
        ),
        pytest.param(
            status(VIRTUAL[:1]),
            status(VIRTUAL[1:]),
            None,
            ["not all virtual addresses are on one node: fw-1 and fw-2 have some"],
            id="torn apart",
        ),
        pytest.param(status(VIRTUAL), None, "fw-1", ["fw-2 can't be reached"], id="one is away"),
        pytest.param(
            status(VIRTUAL),
            status([], conntrackd=False),
            "fw-1",
            ["conntrackd does not run on fw-2"],
            id="no replication",
        ),
    ],
)
def test_summary(one: Any, two: Any, primary: str | None, problems: list[str]) -> None:
    told = summary({"fw-1": one, "fw-2": two}, VIRTUAL)
    assert (told["primary"], told["problems"]) == (primary, problems)


def test_rows() -> None:
    rows = summary({"fw-1": status(VIRTUAL, "MASTER"), "fw-2": None}, VIRTUAL)["rows"]
    assert rows == [
        {
            "node": "fw-1",
            "VRRP state": "MASTER",
            "virtual addresses": "192.168.2.100, 192.168.0.100",
            "kernel": "1",
            "internal": "2",
            "external": "?",
            "conntrackd": "up",
        },
        {"node": "fw-2", "VRRP state": "unreachable"},
    ]


@pytest.mark.parametrize(
    "registered",
    [{"unreachable": True, "msg": "timed out"}, {"failed": True, "msg": "no answer"}],
    ids=["away", "failed"],
)
def test_filter_takes_what_was_registered(registered: dict[str, Any]) -> None:
    told = pair_summary({"fw-1": status(VIRTUAL), "fw-2": registered}, VIRTUAL)
    assert told["problems"] == ["fw-2 can't be reached"]
