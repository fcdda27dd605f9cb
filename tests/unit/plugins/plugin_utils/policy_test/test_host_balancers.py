# SPDX-License-Identifier: GPL-3.0-or-later
"""Derived tests of a host that has balancers and is in no pair."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.view import policy_test_view
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.sections.changed import Change

OWN: dict[str, Any] = {
    "host": "omarine",
    "address": "192.168.0.3",
    "service": "http",
    "servers": ["192.168.0.4", "192.168.0.5"],
    "source_nat": True,
}


def cases_of(changed: Change, host: str = "omarine", **changes: Any) -> dict[str, dict[str, Any]]:
    """By their names, without what all have in common."""
    own = {key: value for key, value in {**OWN, **changes}.items() if value is not None}
    site = load_site(changed({"all:site_balancers": {"own": own}}))
    view: Any = policy_test_view(site, host, [])
    assert view is not None
    begin, end = "site_balancers.own, ", " (IPv4)"
    return {one["name"].removeprefix(begin).removesuffix(end): one for one in view["tests"]}


def test_a_host_without_balancers_has_no_tests(changed: Change) -> None:
    assert policy_test_view(load_site(changed({})), "omarine", []) is None


def test_a_server_gets_what_was_asked_for_and_sees_the_host(changed: Change) -> None:
    found = cases_of(changed)
    one = found["tcp/80: 192.168.0.4"]
    assert one["expected"] == ["accept", "dnat to 192.168.0.4", "snat to 192.168.0.3"]
    assert (one["from"], one["to"], one["destination"]) == ("outside", "outside", "192.168.0.3")
    assert found["tcp/80: 192.168.0.4, which has failed"]["expected"] == ["reject"]
    assert found["tcp/80: any of them"]["expected"] == ["accept", "dnat to 192.168.0.4 or 192.168.0.5"]
    for name in ("tcp/80: while nobody answers", "tcp/80: not tcp/81"):
        assert (found[name]["to"], found[name]["expected"]) == ("firewall", ["accept", "no dnat"])


def test_nothing_else_is_forwarded_but_where_the_site_says_so(changed: Change) -> None:
    refused = {name for name, one in cases_of(changed).items() if one["expected"] == ["drop"]}
    assert refused == {"tcp/80: not from outside to mgmt", "tcp/80: not from mgmt to outside"}
    let_on = cases_of(changed, forward_others=True)
    assert not any(one["expected"] == ["drop"] for one in let_on.values())


def test_a_sorry_server_at_the_very_address_is_the_host_itself(changed: Change) -> None:
    found = cases_of(changed, sorry="omarine")
    own = found["tcp/80: omarine"]
    assert (own["to"], own["expected"]) == ("firewall", ["accept", "no dnat"])
    assert not any("asked by the host itself" in name for name in found)
    elsewhere = cases_of(changed, sorry={"host": "omarine", "port": 8080})["tcp/80: omarine port 8080"]
    assert elsewhere["expected"] == ["accept", "dnat to 192.168.0.3 port 8080"]


@pytest.mark.parametrize("servers", [["198.51.100.4", "198.51.100.5"]])
def test_where_the_site_knows_no_way_to_a_server_it_is_not_tried(changed: Change, servers: list[str]) -> None:
    found = cases_of(changed, servers=servers)
    assert not any("198.51.100" in name for name in found)
    assert "tcp/80: while nobody answers" in found
