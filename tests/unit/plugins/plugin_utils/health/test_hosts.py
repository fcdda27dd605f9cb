# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How hosts are that have balancers and are in no pair."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.ftfw.pair.plugins.filter.pair_health import pair_health

VIEW = {
    "site": "lab",
    "name": "web-1",
    "balancers": [{"name": "web"}, {"name": "web-6"}],
    "balancer_table": {"families": [4, 6]},
}
SERVER = {
    "name": "srv-1",
    "weight": 1,
    "up": True,
    "drained": False,
    "since": 1795268059,
    "reason": "is well",
}
DOWN = {**SERVER, "name": "srv-2", "up": False, "reason": "no answer"}


def balancer(name: str, *servers: dict[str, Any], **changed: Any) -> dict[str, Any]:
    known = {"name": name, "address": "192.0.2.6", "quorum": True, "needed": 1, "alive": 1, "sorry": None}
    return {**known, "servers": list(servers or [SERVER]), **changed}


def said(*balancers: dict[str, Any], problem: str | None = None, **lines: str | None) -> dict[str, str]:
    """What is registered for a host that is well, but for these lines; None leaves one out."""
    given = list(balancers) or [balancer("web"), balancer("web-6")]
    state = json.dumps({"version": 1, "problem": problem, "balancers": given})
    keys = {"load": "loaded", "unit": "active", "table": "loaded", "4": "1", "6": "1", "state": state}
    merged = {**keys, **{key.removeprefix("ip"): line for key, line in lines.items()}}
    return {"stdout": "\r\n".join(f"{key} {line}" for key, line in merged.items() if line is not None)}


def told(registered: dict[str, Any], view: dict[str, Any] | None = None) -> dict[str, Any]:
    return pair_health([], [], [], [view or VIEW], [registered])


def ids(registered: dict[str, Any]) -> list[str]:
    return [finding["id"] for finding in told(registered)["document"]["hosts"][0]["findings"]]


def test_a_site_without_a_pair_whose_host_is_well() -> None:
    seen = told(said())
    assert (seen["problems"], seen["rows"], seen["look_again"]) == ([], [], False)
    assert seen["lines"] == [
        "OK       web-1: no findings",
        *(
            f"BALANCER web-1: {name} at 192.0.2.6: srv-1 (weight 1) well since 2026-11-21T13:34:19Z"
            for name in ("web", "web-6")
        ),
    ]
    document = seen["document"]
    assert (document["site"], document["healthy"], document["pairs"]) == ("lab", True, [])
    host = document["hosts"][0]
    assert (host["host"], host["reachable"], host["unit"]) == ("web-1", True, "active")
    assert (host["table"], host["forwards"], len(host["balancers"])) == (True, [4, 6], 2)


@pytest.mark.parametrize(
    ("registered", "expected"),
    [
        ({"unreachable": True}, ["host-unreachable"]),
        ({"rc": 125, "stdout": "", "stderr": "no such container"}, ["host-unreachable"]),
        (said(table=None), ["balancer-table"]),
        (said(ip4="0"), ["balancer-forwarding"]),
        (said(ip6=""), ["balancer-forwarding"]),
        (said(load="not-found", unit="inactive", table=None, ip4="0"), ["balancer-unit"]),
        # a file that is left says nothing of who answers
        (said(unit="failed"), ["balancer-unit"]),
        ({"stdout": ""}, ["balancer-table", "balancer-forwarding", "balancer-forwarding", "balancer-unit"]),
        (said(balancer("web")), ["balancer-unknown"]),
        (said(balancer("web"), balancer("web-6"), balancer("old")), ["balancer-unknown"]),
        (said(state="{"), ["balancer-unknown", "balancer-unknown"]),
        (said(balancer("web", SERVER, DOWN), balancer("web-6")), ["balancer-server"]),
        (said(balancer("web", quorum=False, sorry="192.0.2.6"), balancer("web-6")), ["balancer-quorum"]),
        (said(problem="no such table"), ["balancer-maps"]),
    ],
)
def test_what_ails_a_host(registered: dict[str, Any], expected: list[str]) -> None:
    assert ids(registered) == expected
    seen = told(registered)
    assert (len(seen["problems"]), seen["document"]["healthy"]) == (len(expected), False)
    assert all(sentence.startswith("web-1: ") for sentence in seen["problems"])


def test_a_family_that_it_need_not_forward_is_none_that_it_lacks() -> None:
    view = {**VIEW, "balancer_table": {"families": [4]}}
    assert told(said(ip6="0"), view)["problems"] == []


def test_a_host_without_a_look_is_a_fault_of_the_playbook() -> None:
    with pytest.raises(AnsibleFilterError, match="1 hosts with 0"):
        pair_health([], [], [], [VIEW], [])
