# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of site_view elsewhere is what its contract says: documentation, samples, fixtures, views."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict, get_type_hints

import pytest
import yaml
from ansible_collections.ftfw.pair.plugins.modules.site_model import RETURN
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_view, host_views
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.tests import written_tests
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.view import policy_test_view
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.contract import HostView, Parts
from ansible_collections.ftfw.pair.tests.sites import contract
from ansible_collections.ftfw.pair.tests.sites.views import load
from ansible_collections.ftfw.pair.tests.unit.contract.values import differences

ROOT = Path(__file__).parents[5]
INVENTORIES = sorted(
    [
        *(path for path in (ROOT / "inventories").iterdir() if path.is_dir()),
        *(ROOT / "tests" / "sites").glob("*/inventory"),
    ]
)
Variables = dict[str, dict[str, Any]]


class Part(TypedDict):
    name: str
    size: float
    more: list[int] | None


class Maybe(Part, total=False):
    part: Part
    parts: dict[str, Part]


GOOD = {"name": "a", "size": 1, "more": [1]}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(GOOD, [], id="good"),
        pytest.param({**GOOD, "more": None}, [], id="none"),
        pytest.param({**GOOD, "part": GOOD, "parts": {"a": GOOD}}, [], id="whole"),
        pytest.param([], [": [] is no Maybe"], id="other-kind"),
        pytest.param({"name": "a", "size": 1.5}, [".more is missing"], id="missing"),
        pytest.param({**GOOD, "colour": 1}, [".colour: the contract has no such key"], id="unknown"),
        pytest.param({**GOOD, "size": True}, [".size: True is no float"], id="a-truth-is-no-number"),
        pytest.param({**GOOD, "more": [1, "2"]}, [".more[1]: '2' is no int"], id="in-a-list"),
        pytest.param({**GOOD, "part": None}, [".part: None is no Part"], id="absent-is-not-none"),
        pytest.param(
            {**GOOD, "parts": {"a": {**GOOD, "name": 1}}},
            [".parts.a.name: 1 is no str"],
            id="in-a-dictionary",
        ),
        pytest.param(
            {**GOOD, "parts": {1: GOOD}}, [".parts: the key 1: 1 is no str"], id="key-of-a-dictionary"
        ),
    ],
)
def test_differences_are_found(value: object, expected: list[str]) -> None:
    assert differences(value, Maybe) == expected


@pytest.mark.parametrize("inventory", INVENTORIES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_hosts_of_whole_inventories_get(inventory: Path) -> None:
    site = load(inventory)
    assert site.hosts
    views: dict[str, Any] = dict(host_views(site, list(site.hosts)))
    for name in site.hosts:
        views[name]["policy_test"] = policy_test_view(site, name, written_tests(site))
    assert {name: found for name, view in views.items() if (found := differences(view))} == {}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="lab"),
        pytest.param({"all:site_pairs.ftfw.replication": "external"}, id="external"),
        pytest.param({"all:site_source_nat": "none"}, id="routes"),
        pytest.param({"all:site_policy": [], "all:site_probes": None}, id="no-policy"),
        pytest.param({"all:site_pairs.ftfw.advert_interval": 1}, id="whole-seconds"),
        pytest.param({"client:node_interfaces.mgmt0": None}, id="no-management"),
    ],
)
def test_a_view_is_what_the_contract_says(
    changed: Callable[[dict[str, object]], Variables], changes: dict[str, object]
) -> None:
    site = load_site(changed(changes))
    views: dict[str, Any] = {name: host_view(site, name) for name in site.hosts}
    for name in site.hosts:
        views[name]["policy_test"] = policy_test_view(site, name, ())
    assert {name: found for name, view in views.items() if (found := differences(view))} == {}


def test_the_page_is_made_from_the_contract() -> None:
    assert contract.PAGE.read_text() == contract.page(), (
        f"run tests/sites/renew, which writes {contract.PAGE}"
    )


def test_the_return_values_are_made_from_the_contract() -> None:
    assert contract.MODULE.read_text() == contract.module(), (
        f"run tests/sites/renew, which writes {contract.MODULE}"
    )
    contains = yaml.safe_load(RETURN)["ansible_facts"]["contains"]["site_view"]["contains"]
    assert list(contains) == list(get_type_hints(HostView))


def test_each_part_says_who_has_it() -> None:
    assert [name for name in get_type_hints(Parts) if not contract.texts(Parts)[name]] == []
