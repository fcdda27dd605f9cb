# SPDX-License-Identifier: GPL-3.0-or-later
"""Mistakes in the inventory of a dual-stack lab, at any depth: each is one line, told where it stands.

data/mistakes.json has what is changed in the lab, as places with values, and the line that is expected.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SiteError

HostVars = dict[str, dict[str, Any]]
ROOT = Path(__file__).parents[5]
LAB = ROOT / "inventories/lab"
HOSTS = ("omarine", "fw-1", "fw-2", "client", "srv-1", "srv-2")
ABSENT = "(absent)"
MISTAKES = json.loads((Path(__file__).parents[1] / "data/mistakes.json").read_text())
USED = (
    "omarine: hypervisor_bridges.br1.network, fw-1: node_interfaces.eth1.network, "
    "fw-2: node_interfaces.eth1.network, client: node_interfaces.eth0.network, "
    "all: site_policy[0].from, all: site_policy[1].from, all: site_policy[2].from, "
    "all: site_balancers.web.network, all: site_balancers.web-6.network"
)
NO_TEXT = "YAML takes this name for no text"
RIGHT = "write it in quotes there, or choose another one"


@pytest.fixture(scope="module")
def dual() -> HostVars:
    def load(path: str) -> dict[str, Any]:
        loaded: dict[str, Any] = yaml.safe_load((LAB / path).read_text())
        return loaded

    shared = load("group_vars/all/site.yml")
    return {host: {**shared, **load(f"host_vars/{host}.yml")} for host in HOSTS}


def errors(hostvars: HostVars) -> list[str]:
    with pytest.raises(SiteError) as raised:
        load_site(hostvars, {host: list(variables) for host, variables in hostvars.items()})
    return raised.value.problems.lines()


def put(section: Any, path: list[Any], value: object) -> None:
    for key in path[:-1]:
        section = section[key]
    if value == ABSENT:
        del section[path[-1]]
    else:
        section[path[-1]] = copy.deepcopy(value)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda one: one["name"])
def test_a_mistake_is_one_line(dual: HostVars, mistake: dict[str, Any]) -> None:
    hostvars = copy.deepcopy(dual)
    for (host, *path), value in mistake["change"]:
        for variables in hostvars.values() if host == "all" else [hostvars[host]]:
            put(variables, path, value)
    assert errors(hostvars) == [mistake["error"]]


def test_there_are_as_many_mistakes_as_ever(dual: HostVars) -> None:
    load_site(copy.deepcopy(dual))
    assert len(MISTAKES) >= 100 and len({one["error"] for one in MISTAKES}) >= 90


def renamed(value: Any, old: str, new: object) -> Any:
    """Another name at each place: as a key, and as a value."""
    if isinstance(value, dict):
        return {new if key == old else key: renamed(one, old, new) for key, one in value.items()}
    if isinstance(value, list):
        return [renamed(one, old, new) for one in value]
    return new if value == old else value


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param(
            12,
            f"all: site_networks.12: 12: {NO_TEXT} in all: site_networks.12, "
            f"all: site_pairs.ftfw.virtual_routers.12, {USED}; {RIGHT}",
            id="a-whole-number",
        ),
        pytest.param(
            "",
            "all: site_networks.: (empty): a name is empty, and stands so in all: site_networks., "
            f"all: site_pairs.ftfw.virtual_routers., {USED}; write a name there",
            id="nothing",
        ),
        pytest.param(
            1.5,
            f"all: site_networks.1.5: 1.5: {NO_TEXT} in all: site_networks.1.5, "
            f"all: site_pairs.ftfw.virtual_routers.1.5, {USED}; {RIGHT}",
            id="a-number",
        ),
        *(
            pytest.param(
                name,
                f"all: site_networks.{name}: {name}: {NO_TEXT}; write it in quotes, or choose another one",
                id=str(name),
            )
            for name in (True, False, None)
        ),
    ],
)
def test_a_network_whose_name_is_no_text_is_told_once(dual: HostVars, name: object, expected: str) -> None:
    assert errors(renamed(dual, "inside", name)) == [expected]


@pytest.mark.parametrize("name", [True, False, None, 1.5, 7])
@pytest.mark.parametrize("variable", ["site_services", "site_addresses"])
def test_what_entries_name_is_told_once(dual: HostVars, variable: str, name: object) -> None:
    entry = {"from": "inside", "to": "outside", "services": ["ssh"]}
    used: dict[str, Any]
    if variable == "site_services":
        declared: Any = {name: {"tcp": [77]}}
        used = {"services": ["https", name]}
    else:
        declared, used = {name: ["192.168.2.7"]}, {"sources": [name]}
    hostvars = copy.deepcopy(dual)
    for variables in hostvars.values():
        variables[variable] = declared
        variables["site_policy"] = [{**entry, **used}, {**entry, **used, "services": ["http", name]}]
        if variable == "site_addresses":
            variables["site_policy"][1]["services"] = ["http"]
    (line,) = errors(hostvars)
    assert line.startswith(f"all: {variable}.{name}: ")


@pytest.mark.parametrize(("name", "raw"), [("12", 12), ("true", True)])
def test_a_host_that_is_named_without_quotes(dual: HostVars, name: str, raw: object) -> None:
    """Ansible takes a host's name for a text wherever it stands; what names it may be none."""
    hostvars = {(name if host == "client" else host): variables for host, variables in dual.items()}
    hostvars = renamed(copy.deepcopy(hostvars), "client", name)
    forward = {"to": "outside", "address": "192.168.0.100", "service": "http", "host": raw}
    for variables in hostvars.values():
        variables["site_probes"] = {**variables["site_probes"]}
        variables["site_port_forwards"] = [forward, {**forward, "service": "https"}]
    (line,) = [one for one in errors(hostvars) if NO_TEXT in one]
    assert line.startswith(f"all: hosts.{name}: ") and line.count("site_port_forwards[") == 2
