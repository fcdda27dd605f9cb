# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugin, run by ansible-playbook over the lab's own inventory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ftfw.pair.tests.ansible_playbook import ansible_playbook, apart, reported

ROOT = Path(__file__).parents[4]
CHECK = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Check
      ftfw.pair.site_model:
        check_only: true
      run_once: true
"""
VIEW = """
- hosts: all
  gather_facts: false
  tasks:
    - name: View
      ftfw.pair.site_model:
    - name: Show
      ansible.builtin.debug:
        var: site_view
"""


def play(tmp_path: Path, playbook: str, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """Run a playbook; return the exit code and each task's results by host."""
    path = tmp_path / "play.yml"
    path.write_text(playbook)
    done = ansible_playbook(
        *("-i", str(ROOT / "inventories" / "lab"), *arguments, str(path)),
        settings=apart(tmp_path),
    )
    return done.returncode, [task["hosts"] for task in reported(done.stdout)[0]["tasks"]]


def test_each_host_gets_its_view(tmp_path: Path) -> None:
    code, (views, shown) = play(tmp_path, VIEW)
    assert code == 0
    assert {host: result["site_view"]["roles"] for host, result in shown.items()} == {
        "omarine": ["hypervisor", "balancer"],
        "fw-1": ["guest", "firewall"],
        "fw-2": ["guest", "firewall"],
        "client": ["guest", "endpoint"],
        "srv-1": ["endpoint"],
        "srv-2": ["endpoint"],
        "localhost": [],
    }
    assert not any(result["changed"] for result in views.values())
    assert shown["fw-1"]["site_view"] == views["fw-1"]["ansible_facts"]["site_view"]


def test_check_only_sets_no_fact(tmp_path: Path) -> None:
    code, (results,) = play(tmp_path, CHECK)
    assert code == 0
    assert list(results) == ["omarine"]
    assert "ansible_facts" not in results["omarine"]


def test_templates_are_followed(tmp_path: Path) -> None:
    variables = {"third": 3, "node_resolvers": ["192.168.0.{{ third }}"]}
    code, (_views, shown) = play(tmp_path, VIEW, "-e", json.dumps(variables))
    assert code == 0
    assert shown["fw-1"]["site_view"]["node_network"]["resolvers"] == ["192.168.0.3"]


BAD = {
    "site_source_nat": "maybe",
    "node_resolvers": ["nobody"],
    "site_policy": [{"from": "inside", "to": "outside", "services": ["gopher"]}],
}


def test_all_errors_are_told_once(tmp_path: Path) -> None:
    code, (results,) = play(tmp_path, CHECK, "-e", json.dumps(BAD))
    assert code != 0
    assert list(results) == ["omarine"]
    lines = results["omarine"]["msg"].splitlines()
    assert sum(line.startswith("all: site_source_nat: maybe: is unknown") for line in lines) == 1
    assert (
        sum(line.startswith("all: site_policy[0].services: gopher: unknown service") for line in lines) == 1
    )
    assert sum(": node_resolvers[0]: nobody: is not an IP address" in line for line in lines) == 7


def test_without_the_check_the_other_hosts_refer_to_the_first(tmp_path: Path) -> None:
    code, (results,) = play(tmp_path, VIEW, "-e", json.dumps(BAD))
    assert code != 0
    assert set(results) == {"omarine", "fw-1", "fw-2", "client", "srv-1", "srv-2", "localhost"}
    assert "gopher" in results.pop("omarine")["msg"]
    # one that is asked after the first has failed may tell as well
    others = {result["msg"] for result in results.values() if "gopher" not in result["msg"]}
    assert others == {"the inventory has errors, told at the first host that failed"}


def test_an_unknown_derived_test_is_found_by_the_check(tmp_path: Path) -> None:
    check = CHECK.replace("check_only: true", "{check_only: true, policy_tests: true}")
    variables = {"site_policy_tests": [{"derived": "nothing", "expected": "drop"}]}
    code, (results,) = play(tmp_path, check, "-e", json.dumps(variables))
    assert code != 0
    assert list(results) == ["omarine"]
    assert "site_policy_tests[0].derived: nothing: no test with this name" in results["omarine"]["msg"]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        pytest.param({"node_resolvers": "{{ nowhere }}"}, "client: node_resolvers: ", id="undefined"),
        pytest.param({"site_network": {}}, "did you mean site_networks?", id="misspelt variable"),
    ],
)
def test_variables_themselves(tmp_path: Path, variables: dict[str, object], expected: str) -> None:
    code, (results,) = play(tmp_path, CHECK, "-e", json.dumps(variables))
    assert code != 0
    assert expected in results["omarine"]["msg"]


def test_unknown_argument(tmp_path: Path) -> None:
    code, (results,) = play(tmp_path, CHECK.replace("check_only: true", "chek_only: true"))
    assert code != 0
    assert "chek_only" in results["omarine"]["msg"]


POLICY = [
    {"from": "inside", "to": "outside", "services": "any", "action": "drop", "destinations": ["blocked"]},
    {"from": "inside", "to": "outside", "services": ["dns", "http"]},
    {"from": "inside", "to": "outside", "services": ["http"], "limit": "5/minute"},
]


def test_a_file_of_addresses_is_read_and_a_covered_entry_is_a_warning_told_once(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked.txt"
    blocked.write_text("# by hand\n198.51.100.0/24\n198.51.100.7\n")
    variables = {"site_addresses": {"blocked": {"file": str(blocked)}}, "site_policy": POLICY}
    code, (views, shown) = play(tmp_path, VIEW, "-e", json.dumps(variables))
    assert code == 0
    assert "elements = { 198.51.100.0/24 }" in shown["fw-1"]["site_view"]["nftables"]["ruleset"]
    warnings = {host: result.get("warnings", []) for host, result in views.items()}
    assert [warning.split(": ")[1] for warning in warnings.pop("omarine")] == [
        "site_addresses.blocked",
        "site_policy[2]",
    ]
    assert not any(warnings.values())


def test_a_file_of_addresses_is_looked_for_beside_the_inventory(tmp_path: Path) -> None:
    variables = {"site_addresses": {"blocked": {"file": "host_vars/client.yml"}}}
    code, (results,) = play(tmp_path, CHECK, "-e", json.dumps(variables))
    assert code != 0
    assert "all: site_addresses.blocked: host_vars/client.yml line 1: " in results["omarine"]["msg"]


def test_a_template_that_fails_is_told_once_by_its_inner_key_and_misspelt_variables_too(
    tmp_path: Path,
) -> None:
    variables = {
        "site_policy": [{"from": "inside", "to": "{{ nowhere.at_all }}", "services": ["http"]}],
        "site_port_forwards": "{{ [] + }}",
        "conntrackd_hash_size": "{{ 5 + }}",
        "conntrackd_hash_limit": "{{ ansible_facts.memtotal_mb }}",
        "keepalived_advert_int": 1,
        "policy_test_timeout": "{{ 'soon' }}",
        "node_exporter_port": 9100,
    }
    code, (results,) = play(tmp_path, CHECK, "-e", json.dumps(variables))
    assert code != 0
    assert results["omarine"]["msg"].splitlines()[1:] == [
        "all: site_policy[0].to: {{ nowhere.at_all }}: its template fails: 'nowhere' is undefined; "
        "define what it refers to",
        "all: site_port_forwards: {{ [] + }}: its template fails: unexpected 'end of print statement'; "
        "mend the template",
        "extra variables: keepalived_advert_int: 1: no variable of this collection has this name; "
        "did you mean keepalived_advert_interval?",
        "extra variables: conntrackd_hash_size: {{ 5 + }}: its template fails: "
        "unexpected 'end of print statement'; mend the template",
        "extra variables: policy_test_timeout: soon: is not a whole number; write one such as 5",
    ]


def test_a_way_to_a_node_that_names_nothing_of_the_site_is_an_error(tmp_path: Path) -> None:
    """Without it nobody is warned of a firewall that Ansible can't come to."""
    wrong, unknown = "{{ node_interfaces.eno2.addresses[0] }}", "{{ asked_when_it_connects }}"
    (tmp_path / "more.yml").write_text(
        yaml.safe_dump(
            {"all": {"hosts": {"fw-1": {"ansible_host": wrong}, "fw-2": {"ansible_host": unknown}}}}
        )
    )
    code, (results,) = play(tmp_path, CHECK, "-i", str(tmp_path / "more.yml"))
    assert code != 0
    assert results["omarine"]["msg"].splitlines()[1:] == [
        f"fw-1: ansible_host: {wrong}: its template fails: object of type 'dict' has no attribute 'eno2'; "
        "mend the template"
    ]


def test_all_warnings_are_written_to_a_file(tmp_path: Path) -> None:
    policy = [{"from": "inside", "to": "outside", "services": ["http"]}] * 25
    variables = {"site_policy": policy, "site_model_warnings": str(tmp_path / "all.txt")}
    code, (results,) = play(tmp_path, CHECK, "-e", json.dumps(variables))
    assert code == 0
    assert len((tmp_path / "all.txt").read_text().splitlines()) == 24
    assert len(results["omarine"]["warnings"]) == 21
    assert results["omarine"]["warnings"][-1] == (
        "there are 4 more warnings about the inventory; "
        "-e site_model_warnings=PATH writes all of them to a file"
    )
