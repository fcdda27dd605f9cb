# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of balancers, and who has answered by what conntrack(8) prints."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.filter.verify_plan import verify_plan
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_view
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.sections.changed import Change

INSIDE = {
    "network": "inside",
    "service": "http",
    "servers": [{"host": "192.168.0.4", "port": 8080}, "192.168.0.5", {"host": "omarine", "weight": 0}],
    "source_nat": True,
}


def flow(server: str, port: int = 80, asked: str = "192.168.2.100", at: int = 80) -> str:
    """As conntrack -L has one, of a flow that has ended."""
    return (
        f"tcp      6 117 TIME_WAIT src=192.168.2.3 dst={asked} sport=39012 dport={at} "
        f"src={server} dst=192.168.0.100 sport={port} dport=39012 [ASSURED] mark=0 use=1\n"
    )


BOTH = flow("192.168.0.4", 8080) + flow("192.168.0.5")


def verified(changed: Change, **changes: object) -> dict[str, Any]:
    balancers = {"web": {**INSIDE, **changes}}
    view: dict[str, Any] = host_view(load_site(changed({"all:site_balancers": balancers})), "fw-1")["verify"]
    return view


def test_each_server_has_its_turn_twice(changed: Change) -> None:
    plan = verify_plan(verified(changed, check={"http": {"path": "/status"}}))
    asked = {"kind": "http", "target": "192.168.2.100", "port": 80, "path": "/status"}
    assert plan["requests"] == [{"name": f"balancer web: request {n}", **asked} for n in (1, 2, 3, 4)]
    assert plan["listing"] == "conntrack -L --orig-dst 192.168.2.100 2>/dev/null"


@pytest.mark.parametrize(
    "check", [None, "tcp", {"https": {"path": "/"}}, {"http": {"virtualhost": "a.example"}}]
)
def test_without_a_page_that_anybody_gets_a_connection_is_enough(changed: Change, check: object) -> None:
    asked = verify_plan(verified(changed, check=check))["requests"][0]
    assert (asked["kind"], "path" in asked) == ("tcp", False)


@pytest.mark.parametrize(
    "changes",
    [
        {"network": "outside", "servers": ["client"], "source_nat": False},
        {"service": "ntp", "servers": ["192.168.0.5"]},
    ],
)
def test_what_the_client_cannot_ask_is_left_out(changed: Change, changes: dict[str, object]) -> None:
    """It is on another network, or of UDP."""
    plan = verify_plan(verified(changed, **changes))
    assert (plan["requests"], plan["listing"], plan["answered"]) == ([], "", [])


@pytest.mark.parametrize(
    ("scheduler", "listings", "expected", "seen", "ok"),
    [
        ("rr", ["", BOTH], "192.168.0.4, 192.168.0.5", "192.168.0.4, 192.168.0.5", True),
        ("rr", [BOTH, BOTH], "192.168.0.4, 192.168.0.5", "192.168.0.4, 192.168.0.5", True),
        ("rr", [flow("192.168.0.5")], "192.168.0.4, 192.168.0.5", "192.168.0.5", False),
        ("rr", [""], "192.168.0.4, 192.168.0.5", "none", False),
        # of other flows nothing is said
        (
            "rr",
            [BOTH, flow("192.168.0.9", at=443), flow("192.168.0.9", asked="192.168.2.7")],
            None,
            None,
            True,
        ),
        ("rr", [BOTH, flow("192.168.0.9")], None, "192.168.0.4, 192.168.0.5, 192.168.0.9", False),
        ("mh", [flow("192.168.0.5")], "one of 192.168.0.4, 192.168.0.5", "192.168.0.5", True),
        ("mh", [BOTH], "one of 192.168.0.4, 192.168.0.5", "192.168.0.4, 192.168.0.5", False),
        ("mh", [flow("192.168.0.9")], "one of 192.168.0.4, 192.168.0.5", "192.168.0.9", False),
    ],
)
def test_who_has_answered(
    changed: Change, scheduler: str, listings: list[str], expected: str | None, seen: str | None, ok: bool
) -> None:
    (row,) = verify_plan(verified(changed, scheduler=scheduler), conntrack=listings)["answered"]
    assert (row["name"], row["ok"]) == ("balancer web: servers that answer", ok)
    assert expected is None or row["expected"] == expected
    assert seen is None or row["seen"] == seen
