# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/policy_test.yml over inventories: what it prints, and when it fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftfw.pair.tests.ansible_playbook import ansible_playbook

ROOT = Path(__file__).parents[3]
SSH = {"from": "inside", "to": "outside", "service": "ssh"}


@pytest.fixture
def play(tmp_path: Path) -> Any:
    def run(**variables: Any) -> tuple[int, str, dict[str, Any] | None]:
        """Run it; return the exit code, what it printed and the document."""
        document = tmp_path / "tests.json"
        playbook = variables.pop("playbook", "policy_test")
        inventory = variables.pop("inventory", "tests/sites/ipv4/inventory")
        given = {"policy_test_json": str(document), **variables}
        done = ansible_playbook(
            *("-i", inventory, f"playbooks/{playbook}.yml", "-e", json.dumps(given)),
            settings={"ANSIBLE_HOME": str(tmp_path), "ANSIBLE_LOCAL_TEMP": str(tmp_path / "tmp")},
        )
        return (
            done.returncode,
            done.stdout + done.stderr,
            json.loads(document.read_text()) if document.exists() else None,
        )

    return run


def test_the_lab_is_well(play: Any) -> None:
    ours = [{**SSH, "expected": "accept", "name": "ours"}]
    code, printed, document = play(inventory="inventories/lab", site_policy_tests=ours)
    assert code == 0, printed
    assert document["site"] == "lab"
    assert document["tests"][:2] == [
        {"name": f"ours (IPv{family})", "expected": "accept", "seen": f"accept, snat to {shown}", "ok": True}
        for family, shown in ((4, "192.168.0.100"), (6, "2001:db8::100"))
    ]
    assert f"{len(document['tests'])} tests, 0 failed" in printed
    # a host with balancers of its own, in no pair
    names = [one["name"] for one in document["tests"] if one["name"].startswith("omarine: ")]
    assert "omarine: site_balancers.own, tcp/80: srv-1 (IPv4)" in names
    assert "omarine: site_balancers.own-6, tcp/80: srv-2, which has failed (IPv6)" in names


@pytest.mark.parametrize("inventory", ["metal", "dmz", "native"])
def test_sites_of_two_families_are_well(play: Any, inventory: str) -> None:
    code, printed, document = play(inventory=f"inventories/{inventory}")
    assert code == 0, printed
    for family in (4, 6):
        assert any(name["name"].endswith(f"(IPv{family})") for name in document["tests"])


def test_all_rows_are_printed_if_not_told_otherwise(play: Any) -> None:
    # behind -e a word is a text
    _code, shown, _document = play(inventory="inventories/metal", policy_test_only_failed="false")
    assert "site_policy[0]: lan to wan: smtp, tcp/25 from 10.30.0.25 (IPv4)" in shown


def test_no_mutant_of_a_small_site_is_unnoticed(play: Any) -> None:
    code, printed, document = play(policy_mutate=True)
    assert code == 0, printed
    mutation = document["mutations"]["fw-1"]
    assert mutation["noticed"] > 100 and mutation["untried"] == mutation["refused"] == 0
    assert all(one["reason"] for one in mutation["unnoticed"])
    assert f"{mutation['mutants']} mutants, {mutation['noticed']} noticed, 0 not noticed" in printed
    assert "no packet tells 12: it decides what conntrackd is told, and nothing about a packet (" in printed


def test_a_wrong_expectation_fails_the_run(play: Any) -> None:
    code, printed, document = play(site_policy_tests=[{**SSH, "expected": "drop", "name": "ours"}])
    assert code == 2
    assert "tests failed: ours (IPv4)" in printed
    assert [test["ok"] for test in document["tests"]].count(False) == 1


def test_a_mistake_in_a_test_is_one_of_the_inventory(play: Any) -> None:
    code, printed, document = play(site_policy_tests=[{**SSH, "from": "insde", "expected": "drop"}])
    assert (code, document) == (2, None)
    assert "all: site_policy_tests[0].from: insde: unknown network; did you mean inside?" in printed


@pytest.mark.parametrize("playbook", ["site", "policy"])
def test_a_policy_that_fails_is_not_applied(play: Any, playbook: str) -> None:
    wrong = [{**SSH, "expected": "drop", "name": "ours"}]
    code, printed, _document = play(playbook=playbook, site_policy_tests=wrong)
    assert code == 2
    assert "tests failed: ours (IPv4)" in printed
    plays = [line for line in printed.splitlines() if line.startswith("PLAY [")]
    assert "Send packets through the policy" in plays[-1]


def test_where_it_cannot_run_it_says_what_to_do(play: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # nft is in /usr/sbin
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    code, printed, _document = play()
    assert code == 2
    assert "nft: is not installed" in printed
    assert "-e policy_test_host=HOST" in printed
    assert "-e policy_test_first=false" in printed


def test_a_fragment_that_nft_cannot_read_is_no_reason_to_leave_the_test_out(play: Any) -> None:
    code, printed, _document = play(site_fragments=[{"place": "forward", "text": "ip saddr 10.0.0.1 acept"}])
    assert code == 2
    assert "site_fragments[0] line 1: nft refuses it, " in printed
    assert "none has been touched" in printed
    assert "policy_test_first" not in printed


def test_whoever_wants_no_test_says_so(play: Any) -> None:
    wrong = [{**SSH, "expected": "drop", "name": "ours"}]
    code, printed, _document = play(policy_test_first=False, site_policy_tests=wrong)
    assert code == 0, printed
    assert "ours" not in printed


def test_rules_that_a_site_has_in_their_place_are_tested(play: Any) -> None:
    mute = "{{ site_view.nftables.ruleset | replace('ip protocol 112 accept', 'ip protocol 112 drop') }}"
    code, printed, _document = play(nftables_ruleset=mute)
    assert code == 2
    assert "tests failed: VRRP on inside: from the peer (IPv4)" in printed
