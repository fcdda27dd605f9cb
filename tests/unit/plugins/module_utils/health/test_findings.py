# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ails a node, from facts as literals, and its metrics."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.health import findings, metrics

Finding = findings.Finding
STILL = {"pending": None, "left": None}
WELL: dict[str, Any] = {
    "pair": "ftfw",
    "node": "fw-1",
    "peer": "fw-2",
    "vrrp": {"state": "MASTER", "groups": {"ftfw": "MASTER"}, "since": 1795268059.5, **STILL},
    "virtual_addresses": ["192.168.2.100", "192.168.0.100"],
    "units": {"keepalived": True, "conntrackd": True, "pair-state": True, "pair-guard": True},
    "stopped": [],
    "failed_units": [],
    "entries": {"kernel": 90, "maximum": 100, "internal": 90, "external": None},
    "links": [{"interface": "eth2", "carrier": True}],
    "names": [],
    "cards": [],
    "duplicates": [],
    "balancers": [],
    "conntrackd": {
        "network": {"link": {"packets_sent": 9, "packets_received": 8, "bytes_sent": 7, "bytes_received": 6}}
    },
    "conntrackd_error": None,
    "last_error": None,
    "ruleset": {"loaded": True, "same": True, "why": None, "policy": "3e66"},
    "versions": None,
    "flows": None,
    "replication": {
        "silent_seconds": 0.3,
        "unconfirmed": 2,
        "lost": 3,
        "malformed": 0,
        "overruns": 0,
        "no_space": 0,
    },
    "clock": {"wall": 1795268060.25, "monotonic": 100.0},
}


SERVER = {"weight": 1, "up": True, "drained": False, "reason": "is well", "since": 1795268000}
WEB: dict[str, Any] = {
    "name": "web",
    "address": "192.168.0.100",
    "quorum": True,
    "needed": 2,
    "alive": 2,
    "sorry": None,
    "problem": "",
    "since": 1795268000,
    "servers": [
        {**SERVER, "name": name, "address": f"192.168.2.{n}"} for n, name in ((4, "srv-1"), (5, "srv-2"))
    ],
}
DOWN = {**WEB["servers"][0], "up": False, "reason": "Connection refused"}


def facts(**changed: Any) -> dict[str, Any]:
    """The facts of a node that is well, but for these: a dict is merged into the one that is there."""
    made = copy.deepcopy(WELL)
    for name, value in changed.items():
        made[name] = {**made[name], **value} if isinstance(value, dict) and made[name] else value
    return made


def test_a_node_that_is_well() -> None:
    assert findings.find(facts()) == []


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param({"units": {"keepalived": False}}, ["error keepalived-down"], id="keepalived"),
        pytest.param(
            {"units": {"conntrackd": False}, "conntrackd": None, "replication": None},
            ["error conntrackd-down"],
            id="conntrackd",
        ),
        pytest.param({"units": {"pair-state": False}}, ["error pair-state-down"], id="pair-state"),
        pytest.param({"units": {"pair-guard": False}}, ["error pair-guard-down"], id="pair-guard"),
        pytest.param({"stopped": ["keepalived"]}, ["error keepalived-stopped"], id="frozen"),
        pytest.param(
            {"stopped": ["conntrackd"], "conntrackd": None, "replication": None},
            ["error conntrackd-stopped"],
            id="frozen-and-therefore-mute",
        ),
        pytest.param({"conntrackd": None, "replication": None}, ["error conntrackd-mute"], id="mute"),
        pytest.param(
            {"vrrp": {"state": "FAULT", "groups": {"ftfw": "FAULT"}}, "virtual_addresses": []},
            ["error vrrp-fault"],
            id="fault",
        ),
        pytest.param({"vrrp": {"pending": "ftfw"}}, ["error transition-incomplete"], id="incomplete"),
        pytest.param({"vrrp": {"pending": "ftfw", "left": 3.5}}, [], id="under-way"),
        pytest.param(
            {"vrrp": {"pending": "ftfw", "left": 3.5}, "virtual_addresses": []},
            [],
            id="under-way-and-the-addresses-have-moved-on",
        ),
        pytest.param(
            {"vrrp": {"state": "FAULT", "groups": {"ftfw": "FAULT"}, "pending": "ftfw", "left": 3.5}},
            ["error vrrp-fault"],
            id="under-way-to-fault",
        ),
        pytest.param({"virtual_addresses": []}, ["error addresses"], id="master-without-address"),
        pytest.param(
            {"vrrp": {"state": "BACKUP", "groups": {"ftfw": "BACKUP"}}},
            ["error addresses"],
            id="backup-with-address",
        ),
        pytest.param(
            {
                "vrrp": {"state": "MASTER", "groups": {"a": "MASTER", "b": "BACKUP"}},
                "virtual_addresses": ["192.168.2.100"],
            },
            [],
            id="primary-of-one-group",
        ),
        pytest.param(
            {"cards": ["keepalived does not listen on eth0, which was made anew"]},
            ["error card-deaf"],
            id="deaf",
        ),
        pytest.param(
            {"duplicates": [f"192.168.0.{each} on eth0 is also at 02:00:00:00:00:09" for each in (1, 2)]},
            ["error duplicate-address"] * 2,
            id="duplicates",
        ),
        pytest.param({"names": ["eth0 is the card a, and not b"]}, ["error card-name"], id="name"),
        pytest.param(
            {"links": [{"interface": "eth2", "carrier": False}]}, ["error sync-link-down"], id="carrier"
        ),
        pytest.param({"replication": {"silent_seconds": 4.9}}, [], id="quiet"),
        pytest.param({"replication": {"silent_seconds": 5.0}}, ["error replication-stalled"], id="stalled"),
        pytest.param({"entries": {"kernel": 91}}, ["warning table-full"], id="full"),
        pytest.param({"entries": {"kernel": None}}, [], id="count-unknown"),
        pytest.param({"ruleset": {"loaded": False, "same": None}}, ["error ruleset-missing"], id="no-table"),
        pytest.param({"ruleset": {"same": False}}, ["error ruleset-changed"], id="changed"),
        pytest.param({"ruleset": {"same": None}}, ["warning ruleset-unknown"], id="ruleset-unknown"),
        pytest.param({"flows": {"why": "no answer"}}, ["warning flows-unknown"], id="flows-unknown"),
        pytest.param(
            {"failed_units": ["a.service", "b.timer"]}, ["warning unit-failed"] * 2, id="failed-units"
        ),
        pytest.param({"failed_units": None}, ["warning units-unknown"], id="units-unknown"),
    ],
)
def test_findings(changed: dict[str, Any], expected: list[str]) -> None:
    found = findings.find(facts(**changed))
    assert [f"{each.severity} {each.id}" for each in found] == expected


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        pytest.param([], [], id="first-check"),
        pytest.param([{"lost": 3, "overruns": 0, "no_space": 0}], [], id="old-losses"),
        pytest.param([{"lost": 1}, {"lost": 3}], ["messages-lost"], id="since-the-oldest"),
        pytest.param([{"lost": 9}], ["messages-lost"], id="started-again"),
    ],
)
def test_counters_that_grow(samples: list[dict[str, int]], expected: list[str]) -> None:
    assert [each.id for each in findings.find(facts(), samples)] == expected


def test_what_overflows_is_told() -> None:
    found = findings.find(facts(replication={"overruns": 2, "no_space": 1}), [{"lost": 3}])
    assert [each.id for each in found] == ["queue-overrun", "queue-overrun"]
    assert found[0].message.startswith("2 ")


def stalled(seconds: int) -> Finding:
    return Finding("replication-stalled", "error", f"nothing for {seconds} s")


def unit(name: str) -> Finding:
    return Finding("unit-failed", "warning", f"unit {name} has failed")


def twice(number: int) -> Finding:
    return Finding("duplicate-address", "error", f"192.0.2.{number} on eth0")


@pytest.mark.parametrize(
    ("before", "now", "new", "gone"),
    [
        pytest.param([], [stalled(5)], ["nothing for 5 s"], [], id="new"),
        pytest.param([stalled(5)], [stalled(65)], [], [], id="still-there"),
        pytest.param([stalled(65)], [], [], ["nothing for 65 s"], id="gone"),
        pytest.param(
            [unit("a")], [unit("a"), unit("b")], ["unit b has failed"], [], id="another-of-its-kind"
        ),
        pytest.param([twice(1)], [twice(1), twice(2)], ["192.0.2.2 on eth0"], [], id="another-address"),
    ],
)
def test_each_finding_is_new_once(
    before: list[Finding], now: list[Finding], new: list[str], gone: list[str]
) -> None:
    known = {key: finding.to_json() for key, finding in findings.keyed(before).items()}
    found, over = findings.changes(known, now)
    assert [each.message for each in found] == new
    assert [each["message"] for each in over] == gone


def test_sample_is_what_the_next_check_compares() -> None:
    assert findings.sample(facts()) == {"lost": 3, "overruns": 0, "no_space": 0}
    assert findings.sample(facts(replication=None)) is None


def test_metrics() -> None:
    text = metrics.render(facts(), [unit("a"), unit("b")])
    own = 'pair="ftfw",node="fw-1"'
    lines = text.splitlines()
    assert "# TYPE ftfw_pair_state gauge" in lines
    assert f'ftfw_pair_state{{{own},state="master"}} 1' in lines
    assert f'ftfw_pair_state{{{own},state="backup"}} 0' in lines
    assert f"ftfw_pair_state_change_timestamp_seconds{{{own}}} 1795268059.5" in lines
    assert f'ftfw_conntrack_entries{{{own},table="kernel"}} 90' in lines
    assert "# TYPE ftfw_replication_lost_messages_total counter" in lines
    assert f"ftfw_replication_lost_messages_total{{{own}}} 3" in lines
    assert f'ftfw_health_findings{{{own},id="unit-failed",severity="warning"}} 2' in lines
    assert 'table="external"' not in text
    assert text.endswith("\n")


def test_metrics_of_an_ill_node_leave_out_what_is_not_known() -> None:
    text = metrics.render(facts(conntrackd=None, replication=None, failed_units=None), [])
    assert "ftfw_replication" not in text
    assert "ftfw_failed_units" not in text
    assert "ftfw_health_findings" not in text
    assert "None" not in text


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, []),
        (
            {"servers": [DOWN, WEB["servers"][1]], "alive": 1},
            ["warning balancer-server: balancer web: srv-1 is down: Connection refused"],
        ),
        (
            {"quorum": False, "alive": 1, "sorry": "192.168.2.9"},
            ["error balancer-quorum: balancer web has lost its quorum: 1 of 2; 192.168.2.9 answers"],
        ),
        (
            {"quorum": False, "alive": 1},
            ["error balancer-quorum: balancer web has lost its quorum: 1 of 2; whoever is left answers"],
        ),
        (
            {"sorry_server": {**DOWN, "name": "sorry server", "address": "192.168.2.9"}},
            [
                "warning balancer-sorry: balancer web: the sorry server 192.168.2.9 is down: "
                "Connection refused"
            ],
        ),
        (
            {"servers": [{**one, "full": True} for one in WEB["servers"]]},
            [
                "warning balancer-full: balancer web: all servers have as many flows as they may; "
                "new flows are refused"
            ],
        ),
        (
            {"servers": [{**WEB["servers"][1], "full": True}, DOWN], "sorry": "192.0.2.9"},
            [
                "warning balancer-server: balancer web: srv-1 is down: Connection refused",
                "warning balancer-full: balancer web: all servers have as many flows as they may; "
                "192.0.2.9 answers",
            ],
        ),
        ({"servers": [{**WEB["servers"][0], "full": True}, WEB["servers"][1]]}, []),
        ({"sorry_server": {**WEB["servers"][1], "name": "sorry server", "address": "192.168.2.9"}}, []),
        ({"quorum": False, "alive": 0}, ["error balancer-quorum: balancer web has no server left"]),
        (
            {"problem": "nft refuses it"},
            ["error balancer-maps: who answers can't be written into the ruleset: nft refuses it"],
        ),
    ],
)
def test_what_ails_a_balancer(changed: dict[str, Any], expected: list[str]) -> None:
    found = findings.find(facts(balancers=[{**WEB, **changed}]))
    assert [f"{one.severity} {one.id}: {one.message}" for one in found] == expected


def test_metrics_of_balancers() -> None:
    text = metrics.render(facts(balancers=[{**WEB, "servers": [DOWN]}]), [])
    own = 'pair="ftfw",node="fw-1",balancer="web"'
    assert "ftfw_balancer_sorry_up" not in text
    sorry = metrics.render(facts(balancers=[{**WEB, "sorry_server": DOWN}]), [])
    assert f"ftfw_balancer_sorry_up{{{own}}} 0" in sorry.splitlines()
    for line in (
        f"ftfw_balancer_quorum{{{own}}} 1",
        f"ftfw_balancer_alive_weight{{{own}}} 2",
        f'ftfw_balancer_server_up{{{own},server="srv-1"}} 0',
        f'ftfw_balancer_server_drained{{{own},server="srv-1"}} 0',
    ):
        assert line in text.splitlines()
    assert "ftfw_balancer" not in metrics.render(facts(), [])
