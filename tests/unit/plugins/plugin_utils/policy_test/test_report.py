# SPDX-License-Identifier: GPL-3.0-or-later
"""What is reported of the policy's tests: rows, problems, mutants that no test noticed."""

from __future__ import annotations

from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.report import report


def result(name: str, *rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"item": {"name": name, "site": "lab"}, "rows": list(rows), **more}


GOOD = {"name": "a", "expected": "drop", "seen": "drop", "ok": True, "detail": ""}
BAD = {"name": "b", "expected": "drop", "seen": "accept", "ok": False, "detail": ""}
MISSED = {"chain": "forward", "line": 9, "rule": "accept", "change": "removed", "reason": ""}


def test_a_report_names_what_failed() -> None:
    found = report([result("fw-1", GOOD, BAD)])
    assert found["problems"] == ["1 of 2 tests failed: b"]
    assert [row[""] for row in found["rows"]] == ["ok", "FAILED"]
    assert found["document"]["tests"][1] == {"name": "b", "expected": "drop", "seen": "accept", "ok": False}


def test_a_report_of_what_failed_alone() -> None:
    found = report([result("fw-1", GOOD, BAD)], only_failed=True)
    assert [row["test"] for row in found["rows"]] == ["b"]
    assert found["lines"] == ["2 tests, 1 failed"]


def test_a_report_says_whose_row_it_is_where_firewalls_differ() -> None:
    other = {**GOOD, "name": "c"}
    rows = report(
        [result("a-1", GOOD, GOOD | {"name": "b"}), result("a-2", GOOD, BAD), result("b-1", GOOD, other)]
    )
    assert [row["test"] for row in rows["rows"]] == ["a", "a-1: b", "a-2: b", "b-1: c"]
    assert rows["problems"] == ["1 of 4 tests failed: a-2: b"]


def test_what_both_firewalls_have_is_told_without_a_name_and_what_another_host_has_with_it() -> None:
    own = result("lb", {**GOOD, "name": "own"})
    own["item"]["firewall"] = False
    found = report([result("fw-1", GOOD), result("fw-2", GOOD), own])
    assert [row["test"] for row in found["rows"]] == ["a", "lb: own"]


def test_a_row_that_a_firewall_has_twice_is_one() -> None:
    """Two entries may lead to tests that look alike."""
    found = report([result("a-1", GOOD, GOOD), result("a-2", GOOD)])
    assert [row["test"] for row in found["rows"]] == ["a"]
    assert found["lines"] == ["1 tests, 0 failed"]


def test_a_report_lists_what_no_test_noticed() -> None:
    excused = {**MISSED, "reason": "it is no mistake"}
    mutation = {"mutants": 5, "refused": 1, "noticed": 2, "untried": 0, "unnoticed": [MISSED, excused]}
    found = report([result("fw-1", GOOD, mutation=mutation)])
    assert found["problems"] == ["fw-1: 1 changes of the ruleset are noticed by no test"]
    assert found["lines"] == [
        "1 tests, 0 failed",
        "fw-1: 5 mutants, 2 noticed, 1 not noticed, 1 that no packet can tell, 1 that nft refuses",
        "NOT NOTICED  forward, line 9: removed: accept",
        "no packet tells 1: it is no mistake (forward 9)",
    ]


def test_mutants_that_nobody_tried_are_a_problem_and_the_others_are_listed() -> None:
    mutation = {"mutants": 9, "refused": 0, "noticed": 2, "untried": 6, "unnoticed": [MISSED]}
    found = report([result("fw-1", GOOD, mutation=mutation)])
    assert found["problems"][1:] == [
        "fw-1: the time was over before 6 of 9 changes were tried; give it more with policy_test_timeout"
    ]
    assert "NOT NOTICED  forward, line 9: removed: accept" in found["lines"]


def test_nothing_tested_is_a_problem() -> None:
    assert report([])["problems"] == ["nothing was tested"]
