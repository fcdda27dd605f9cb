# SPDX-License-Identifier: GPL-3.0-or-later
"""The rule set of the manual, chapter 15, against a table of packets and flows: its own rules, and ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ftfw.pair.tests.integration.policy_check.runner import rows_of
from ansible_collections.ftfw.pair.tests.integration.policy_packets.wire import ruleset

DATA = Path(__file__).parent / "data"
RULES = (DATA / "manual_chapter_15.nft").read_text()
TABLE: dict[str, Any] = yaml.safe_load((DATA / "manual_chapter_15.yml").read_text())
FLOWS: list[dict[str, Any]] = [{**TABLE["defaults"], **flow} for flow in TABLE["flows"]]
NAMES = [flow["name"] for flow in FLOWS]
Rows = dict[str, dict[str, Any]]


def flows(of: str) -> Iterator[dict[str, Any]]:
    """The table's tests, with what one of the two rule sets is expected to do."""
    for flow in FLOWS:
        test = {key: value for key, value in flow.items() if key != "ours"}
        if of == "ours" and "ours" in flow:
            test["expected"] = flow["ours"]["expected"]
        yield test


@pytest.fixture(scope="module")
def manual() -> Rows:
    return rows_of(RULES, TABLE["interfaces"], list(flows("manual")))


@pytest.fixture(scope="module")
def ours() -> Rows:
    return rows_of(ruleset(**TABLE["site"]), TABLE["interfaces"], list(flows("ours")))


def test_the_table_has_at_least_60_flows_with_names_of_their_own() -> None:
    assert len(set(NAMES)) == len(FLOWS) >= 60


def test_each_deviation_is_explained_and_seen() -> None:
    named = {flow["ours"]["deviation"] for flow in FLOWS if "ours" in flow}
    assert named == set(TABLE["deviations"])
    assert not [flow["name"] for flow in FLOWS if flow.get("ours", {}).get("expected") == flow["expected"]]


@pytest.mark.parametrize("name", NAMES)
def test_the_manuals_rules(manual: Rows, name: str) -> None:
    assert manual[name]["ok"], manual[name]


@pytest.mark.parametrize("name", NAMES)
def test_our_rules(ours: Rows, name: str) -> None:
    assert ours[name]["ok"], ours[name]
