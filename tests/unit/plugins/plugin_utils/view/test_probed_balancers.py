# SPDX-License-Identifier: GPL-3.0-or-later
"""Which balancers the probe of a drill goes through, and what it has to know of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_view

Change = Callable[[dict[str, object]], dict[str, dict[str, Any]]]
WEB: dict[str, Any] = {
    "network": "inside",
    "service": "http",
    "servers": ["192.168.0.4", {"host": "192.168.0.5", "weight": 0}, "192.168.0.6"],
    "check": {"http": {"path": "/ok"}},
    "source_nat": True,
}
LETS_IN = {"from": "inside", "to": "outside", "services": ["http"]}


def probed(changed: Change, *entries: dict[str, Any], **balancers: dict[str, Any]) -> list[dict[str, Any]]:
    changes: dict[str, object] = {
        "all:site_probes": {"client": "client", "server": "omarine"},
        "all:site_balancers": balancers,
        "all:site_services": {"http-alt": {"tcp": [8080]}},
        "all:site_policy": [
            {"from": "inside", "to": "outside", "services": ["ssh"]},
            *(entries or [LETS_IN]),
        ],
    }
    found: list[dict[str, Any]] = host_view(load_site(changed(changes)), "fw-2")["verify"]["probes"][
        "balancers"
    ]
    return found


def test_one_that_the_client_can_ask(changed: Change) -> None:
    assert probed(changed, web=WEB) == [
        {
            "name": "web",
            "family": 4,
            "address": "192.168.2.100",
            "port": 80,
            "path": "/ok",
            "shows": True,
            # one without a weight gets nothing that could end
            "servers": [{"address": "192.168.0.4", "port": 80}, {"address": "192.168.0.6", "port": 80}],
            # 5 between two checks, twice 3 for an answer, and 1 in between
            "seconds": 12,
        }
    ]


def test_its_servers_may_have_ports_of_their_own(changed: Change) -> None:
    servers = [{"host": "192.168.0.4", "port": 8080}, {"host": "192.168.0.5", "port": 8081, "weight": 2}]
    check = {"http": {"path": "/"}, "delay_loop": 1, "connect_timeout": 2, "retry": 3}
    (found,) = probed(changed, web={**WEB, "scheduler": "wrr", "servers": servers, "check": check})
    assert (found["port"], found["seconds"], found["shows"]) == (80, 1 + 4 * 2 + 3, True)
    # the one with more to lose comes first
    assert [(one["address"], one["port"]) for one in found["servers"]] == [
        ("192.168.0.5", 8081),
        ("192.168.0.4", 8080),
    ]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"scheduler": "sh"}, id="by-a-hash"),
        pytest.param({"servers": ["192.168.0.4"]}, id="one-server"),
        pytest.param(
            {"servers": [{"host": "192.168.0.4", "port": port} for port in (8080, 8081)]}, id="one-host"
        ),
        pytest.param({"inhibit_on_failure": True}, id="nothing-is-reset"),
    ],
)
def test_not_every_balancer_shows_that_a_server_dies(changed: Change, other: dict[str, Any]) -> None:
    assert [one["shows"] for one in probed(changed, web={**WEB, **other})] == [False]


@pytest.mark.parametrize(
    ("destinations", "names"),
    [
        (["192.168.2.100"], ["web"]),
        (["192.168.0.4", "192.168.0.5", "192.168.0.6"], ["web"]),
        (["192.168.0.3"], []),
        # one server of several
        (["192.168.0.4"], []),
    ],
)
def test_the_policy_has_to_let_the_client_in(
    changed: Change, destinations: list[str], names: list[str]
) -> None:
    found = probed(changed, {**LETS_IN, "destinations": destinations}, web=WEB)
    assert [one["name"] for one in found] == names


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"check": "tcp"}, id="no-page"),
        pytest.param({"check": {"https": {"path": "/"}}}, id="tls"),
        pytest.param({"check": {"http": {"path": "/", "port": 9200}}}, id="asked-elsewhere"),
        pytest.param({"check": {"http": {"path": "/", "virtualhost": "a.example"}}}, id="another-name"),
        pytest.param({"network": "outside", "servers": ["client", "192.168.2.9"]}, id="another-network"),
        pytest.param({"service": "http-alt"}, id="not-let-in"),
    ],
)
def test_others_are_left_out(changed: Change, other: dict[str, Any]) -> None:
    entries = [LETS_IN, {"from": "outside", "to": "inside", "services": ["http"]}]
    assert probed(changed, *entries, web={**WEB, **other}) == []


def test_one_whose_servers_take_turns_is_better(changed: Change) -> None:
    hashed = {**WEB, "scheduler": "sh"}
    alone = probed(changed, web=hashed)
    assert [(one["name"], one["shows"]) for one in alone] == [("web", False)]
    entries = [LETS_IN, {"from": "inside", "to": "outside", "services": ["http-alt"]}]
    both = probed(changed, *entries, hashed=hashed, turns={**WEB, "service": "http-alt"})
    assert [(one["name"], one["port"]) for one in both] == [("turns", 8080)]
