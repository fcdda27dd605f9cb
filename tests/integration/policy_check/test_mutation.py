# SPDX-License-Identifier: GPL-3.0-or-later
"""No change of a compiled rule goes unnoticed by the derived tests of its site."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.mutants.mutants import Mutant, mutants
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check import mutation as policy_check_mutation
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check.mutation import mutate
from ansible_collections.ftfw.pair.tests.integration.policy_check.sites import (
    BACK,
    BALANCERS,
    BARE,
    FORWARDS,
    MOVED,
    NIGHTS,
    OUT,
    SITES,
    SOME_ONE,
    VIRTUAL,
    HostVars,
    built,
    dual_with,
    judged,
    lab,
    with_site,
)


def mutated(
    hostvars: HostVars, monkeypatch: pytest.MonkeyPatch, chains: str = ".*", words: str = ""
) -> dict[str, Any]:
    """What a mutation run of these chains tells, with nothing of it unnoticed for no reason.

    Rules without the words, a regular expression, are left as they are.
    """

    def chosen(rules: str) -> list[Mutant]:
        return [
            one for one in mutants(rules) if re.fullmatch(chains, one.chain) and re.search(words, one.rule)
        ]

    monkeypatch.setattr(policy_check_mutation, "mutants", chosen)
    with judged(built(hostvars)) as (space, rules, probes):
        mutation = mutate(space, rules, probes)
    unnoticed = [one for one in mutation["unnoticed"] if not one["reason"]]
    assert unnoticed == [], "\n".join(f"{one['rule']}: {one['change']}" for one in unnoticed)
    return dict(mutation)


def test_no_change_of_destination_nat_goes_unnoticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its port or its interface, a port forward leads to what entries let through."""
    mutation = mutated(SITES["port forwards beside entries"](), monkeypatch, "nat_prerouting")
    assert not [one for one in mutation["unnoticed"] if one["change"].startswith("without tcp")], mutation


def test_no_change_of_a_rule_about_sctp_goes_unnoticed(monkeypatch: pytest.MonkeyPatch) -> None:
    mutation = mutated(SITES["sctp"](), monkeypatch, "nat_.*|forward|inside_to_.*", "sctp")
    assert mutation["noticed"] > 20, mutation


ASKED_FEW: list[dict[str, Any]] = [
    {**BACK, "services": ["http"], "sources": SOME_ONE[:1], "destinations": ["public"]},
    {**BACK, "services": ["ftp"], "destinations": ["public"], "limit": "1/second"},
    {**BACK, "services": "any", "destinations": [VIRTUAL[0]], "action": "drop"},
]
FEW = [{**each, "service": service} for each in FORWARDS[:1] for service in ("http", "bare")]


def test_no_change_of_what_was_asked_for_goes_unnoticed(monkeypatch: pytest.MonkeyPatch) -> None:
    few = {"site_addresses": {"public": [VIRTUAL[0]]}, "site_services": BARE, "site_probes": None}
    hostvars = with_site(**few, site_policy=ASKED_FEW, site_port_forwards=FEW)
    mutated(hostvars, monkeypatch, "outside_to_inside|public_v.")


def test_no_change_of_the_sources_of_a_port_forward_goes_unnoticed(monkeypatch: pytest.MonkeyPatch) -> None:
    some = [{**FEW[0], "sources": ["192.168.0.4", "192.168.0.64/26", "203.0.113.7"]}]
    hostvars = with_site(site_port_forwards=some, site_probes=None)
    for node in ("fw-1", "fw-2"):
        hostvars[node]["node_interfaces"]["eth0"]["gateway"] = "192.168.0.254"
    mutation = mutated(hostvars, monkeypatch, "nat_prerouting")
    changes = [one["change"] for one in mutation["unnoticed"] if "saddr" in one["change"]]
    assert changes == []


NIGHTLY: list[dict[str, Any]] = [
    {
        **OUT,
        "services": ["ssh"],
        "time": {"days": ["monday", "wednesday"], "from": "08:00", "to": "17:30"},
    },
    {**OUT, "services": ["http"], "action": "drop", "time": NIGHTS},
    {**OUT, "services": ["http"]},
    {**BACK, "services": ["smtp"], "time": NIGHTS},
]


def test_no_change_of_a_time_goes_unnoticed(monkeypatch: pytest.MonkeyPatch) -> None:
    # the other chains are those of the lab
    hostvars = with_site(site_policy=NIGHTLY, site_port_forwards=[], site_probes=None)
    mutation = mutated(hostvars, monkeypatch, ".*_to_.*")
    assert mutation["noticed"] > mutation["mutants"] / 2


def test_no_change_of_the_labs_rules_goes_unnoticed(monkeypatch: pytest.MonkeyPatch) -> None:
    mutation = mutated(lab(), monkeypatch)
    # and the control: most of them are noticed, so the tests are no formality
    assert mutation["noticed"] > mutation["mutants"] / 2


def test_no_change_of_neighbour_discovery_goes_unnoticed(monkeypatch: pytest.MonkeyPatch) -> None:
    hostvars = dual_with(site_policy=[{**OUT, "services": ["ssh"]}], site_port_forwards=[], site_probes=None)
    mutation = mutated(hostvars, monkeypatch, "input", "nd-neighbor")
    assert mutation["noticed"] > 5


def test_no_change_of_a_balancer_goes_unnoticed(monkeypatch: pytest.MonkeyPatch) -> None:
    hostvars = SITES["balancers"]()
    for variables in hostvars.values():
        # what no entry lets in is dropped, however it is led; and one family is enough of the same rules
        variables["site_balancers"] = {key: BALANCERS[key] for key in ("web", "names", "time")}
    mutation = mutated(hostvars, monkeypatch, "nat_prerouting|forward", "@balancer")
    assert mutation["noticed"] > 20


def test_no_change_of_a_balancer_to_other_ports_goes_unnoticed(monkeypatch: pytest.MonkeyPatch) -> None:
    hostvars = SITES["balancers to other ports"]()
    for variables in hostvars.values():
        # both lead to one port of a server
        variables["site_balancers"] = {key: MOVED[key] for key in ("web", "secure")}
    mutation = mutated(hostvars, monkeypatch, "nat_.*|forward", "@balancer|ct original .* snat")
    assert mutation["noticed"] > 15


def test_no_change_of_a_port_that_was_asked_for_goes_unnoticed(monkeypatch: pytest.MonkeyPatch) -> None:
    hostvars = SITES["balancers to other ports"]()
    for variables in hostvars.values():
        variables["site_probes"] = None
        variables["site_balancers"] = {"secure": MOVED["secure"]}
        variables["site_policy"] = [
            {**BACK, "services": ["https"], "sources": SOME_ONE[:1]},
        ]
    mutated(hostvars, monkeypatch, "outside_to_inside", "proto-dst")
