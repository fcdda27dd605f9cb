# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of site_view elsewhere is what its contract says: documentation, samples, fixtures, views."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict, get_type_hints

import pytest
import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager
from ansible_collections.ftfw.pair.plugins.module_utils.nft.text import read
from ansible_collections.ftfw.pair.plugins.modules.site_model import RETURN
from ansible_collections.ftfw.pair.plugins.plugin_utils.inventory.inventory import Inventory
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_view, host_views
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.tests import written_tests
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.view import policy_test_view
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import Problems
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.contract import HostView
from ansible_collections.ftfw.pair.tests.unit.contract.values import differences

ROOT = Path(__file__).parents[5]
LAB = yaml.safe_load((Path(__file__).parents[1] / "data" / "lab_views.yml").read_text())
SITES = sorted(
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


@pytest.mark.parametrize("host", LAB)
def test_the_lab_of_the_tests(host: str) -> None:
    view = copy.deepcopy(LAB[host])
    if "nftables" in view:
        # the text is a file of its own, and what is in it follows from it
        text = (Path(__file__).parents[1] / "data" / "fw-1.nft").read_text()
        view["nftables"] |= {"ruleset": text, "contents": read(text, "inet", "ftfw").contents.pack()}
    assert differences(view) == []


@pytest.mark.parametrize("inventory", SITES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_hosts_of_whole_inventories_get(inventory: Path) -> None:
    loader = DataLoader()
    hosts = InventoryManager(loader, sources=[str(inventory)])
    hostvars = HostVars(hosts, VariableManager(loader, hosts), loader)
    problems = Problems()
    values = Inventory(hostvars, {}, loader).model(problems)

    def read_file(path: str) -> str:
        return (inventory / path).read_text()

    site = load_site(values, None, problems, read_file)
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


def documented() -> list[dict[str, Any]]:
    """The views of docs/architecture.md. Each begins with a comment that names its host."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    block = text[text.index("## What a role gets") :].split("```yaml\n")[1].split("```")[0]
    return [yaml.safe_load(block)]


def test_the_documentation_shows_what_the_contract_says() -> None:
    found = documented()[0]
    assert differences(found) == []
    assert sorted(found) == sorted(get_type_hints(HostView))


def returned() -> dict[str, dict[str, Any]]:
    contains = yaml.safe_load(RETURN)["ansible_facts"]["contains"]["site_view"]["contains"]
    assert isinstance(contains, dict)
    return contains


def test_the_return_values_have_each_section() -> None:
    assert list(returned()) == list(get_type_hints(HostView))


@pytest.mark.parametrize("section", returned())
def test_a_sample_is_what_the_contract_says(section: str) -> None:
    assert differences(returned()[section]["sample"], get_type_hints(HostView)[section]) == []
