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


def flow(
    server: str, port: int = 80, asked: str = "192.168.2.100", at: int = 80, sender: str = "192.168.2.3"
) -> str:
    """As conntrack -L has one, of a flow that has ended."""
    return (
        f"tcp      6 117 TIME_WAIT src={sender} dst={asked} sport=39012 dport={at} "
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
    conntrack, _and, ipvs = plan["listing"].partition(" && ")
    assert conntrack == "conntrack -L --orig-dst 192.168.2.100 2>/dev/null"
    assert ipvs == "{ cat /proc/net/ip_vs_conn 2>/dev/null || true; }"


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
            [BOTH, flow("192.168.0.9", at=443) + flow("192.168.0.9", asked="192.168.2.7")],
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
    nodes = dict(zip(("fw-1", "fw-2"), listings))
    (row,) = verify_plan(verified(changed, scheduler=scheduler), conntrack=nodes)["answered"]
    assert (row["name"], row["ok"]) == ("balancer web: servers that answer", ok)
    assert expected is None or row["expected"] == expected
    assert seen is None or row["seen"] == seen


OWN = {
    "host": "omarine",
    "address": "192.168.0.3",
    "service": "http",
    "servers": ["192.168.0.4", "192.168.0.5"],
    "source_nat": True,
}
"""Of a host that is in no pair, beyond the pair as the client sees it."""


def of_host(
    changed: Change,
    policy: list[dict[str, object]],
    more: dict[str, object] | None = None,
    **changes: object,
) -> dict[str, Any]:
    own = {key: value for key, value in {**OWN, **changes}.items() if value is not None}
    site = changed({"all:site_balancers": {"own": own}, "all:site_policy": policy, **(more or {})})
    view: dict[str, Any] = host_view(load_site(site), "fw-1")["verify"]
    return view


ENTRY = {"from": "inside", "to": "outside", "services": ["http", "ssh"]}


def test_a_host_in_no_pair_is_asked_through_the_pair(changed: Change) -> None:
    verify = of_host(changed, [ENTRY])
    plan = verify_plan(verify)
    assert plan["listing_nodes"] == ["omarine"]
    assert {one["target"] for one in plan["requests"]} == {"192.168.0.3"}
    # a firewall sees that the host itself answers, whoever answers behind it
    seen = "".join(flow(server, asked="192.168.0.3") for server in ("192.168.0.4", "192.168.0.5"))
    there = {"omarine": seen, "fw-1": flow("192.168.0.3", asked="192.168.0.3")}
    (row,) = verify_plan(verify, conntrack=there)["answered"]
    assert (row["seen"], row["ok"]) == ("192.168.0.4, 192.168.0.5", True)


@pytest.mark.parametrize("own", ["192.168.0.3", "192.168.0.77"])
def test_a_host_that_checks_its_own_sorry_server_answers_nobody(changed: Change, own: str) -> None:
    """Also where it asks from another address of its own."""
    near: dict[str, object] = {
        "omarine:hypervisor_bridges.br0.addresses": ["192.168.0.3/24", "192.168.0.77/24"]
    }
    verify = of_host(changed, [ENTRY], near, sorry="omarine")
    seen = "".join(flow(server, asked="192.168.0.3") for server in ("192.168.0.4", "192.168.0.5"))
    checked = flow("192.168.0.3", asked="192.168.0.3", sender=own)
    (row,) = verify_plan(verify, conntrack={"omarine": seen + checked})["answered"]
    assert (row["seen"], row["ok"]) == ("192.168.0.4, 192.168.0.5", True)
    # a client that gets the sorry page is another matter
    page = flow("192.168.0.3", asked="192.168.0.3")
    (row,) = verify_plan(verify, conntrack={"omarine": seen + page})["answered"]
    assert not row["ok"]


@pytest.mark.parametrize(
    ("policy", "asked"),
    [
        ([ENTRY], True),
        ([{**ENTRY, "services": "any"}], True),
        ([{**ENTRY, "destinations": ["192.168.0.0/29"]}], True),
        ([{**ENTRY, "sources": ["192.168.2.0/24"]}], True),
        ([{**ENTRY, "sources": ["192.168.2.77"]}, {**ENTRY, "services": ["ssh"]}], False),
        ([{**ENTRY, "destinations": ["192.168.0.9"]}, {**ENTRY, "services": ["ssh"]}], False),
        ([{**ENTRY, "services": ["ssh"]}], False),
        ([{**ENTRY, "services": ["http"], "action": "drop"}, ENTRY], False),
    ],
)
def test_it_is_asked_where_the_policy_lets_it_be_asked(
    changed: Change, policy: list[dict[str, object]], asked: bool
) -> None:
    assert bool(of_host(changed, policy)["balancers"]) is asked


def test_what_is_asked_by_udp_is_left_out(changed: Change) -> None:
    assert of_host(changed, [{**ENTRY, "services": "any"}], service="ntp")["balancers"] == []


@pytest.mark.parametrize(
    ("host", "address", "asked"), [("client", "192.168.2.3", False), ("omarine", "192.168.2.44", True)]
)
def test_on_its_own_network_the_client_asks_others_and_not_itself(
    changed: Change, host: str, address: str, asked: bool
) -> None:
    near: dict[str, object] = {"omarine:hypervisor_bridges.br1.addresses": ["192.168.2.44/24"]}
    own = {**OWN, "host": host, "address": address}
    site = changed({"all:site_balancers": {"own": own}, "all:site_policy": [ENTRY], **near})
    view: dict[str, Any] = host_view(load_site(site), "fw-1")["verify"]
    assert bool(view["balancers"]) is asked
