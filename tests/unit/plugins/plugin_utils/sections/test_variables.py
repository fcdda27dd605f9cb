# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and values of variables, held against what roles and playbooks take."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.ftfw.pair.plugins.plugin_utils.inventory.inventory import ROOT, Inventory
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.variables import FACTS, MODEL, specifications
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import Problems
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.variable_bounds import BOUNDS, ON_NODES
from jinja2 import Environment, meta

NODES = ("fw-1", "fw-2", "client")
NAME = "no variable of this collection has this name"
YOURS = f"{NAME}; if it is your own, name it in site_own_variables"


class HostVars(dict[str, dict[str, Any]]):
    """What Ansible has, where no value is a template."""

    def raw_get(self, host: str) -> dict[str, Any]:
        return self[host]


def told(
    hosts: dict[str, dict[str, Any]] | None = None, extra: dict[str, Any] | None = None
) -> tuple[list[str], list[str]]:
    """Lines of errors and of warnings, where hosts have these variables, and -e gives others."""
    hostvars = HostVars({node: {**(hosts or {}).get(node, {}), **(extra or {})} for node in NODES})
    problems, warnings = Problems(), Problems()
    Inventory(hostvars, extra or {}).check(problems, warnings)
    return problems.lines(), warnings.lines()


ERRORS: dict[str, tuple[dict[str, Any], str]] = {
    "a role's variable": (
        {"keepalived_advert_int": 1},
        f"keepalived_advert_int: 1: {NAME}; did you mean keepalived_advert_interval?",
    ),
    "another role's": (
        {"nftables_rulset": "x"},
        f"nftables_rulset: x: {NAME}; did you mean nftables_ruleset?",
    ),
    "a playbook's": ({"drill_fautls": "x"}, f"drill_fautls: x: {NAME}; did you mean drill_faults?"),
    "a file's": ({"status_jsn": "x"}, f"status_jsn: x: {NAME}; did you mean status_json?"),
    "a test's": ({"policy_mutat": True}, f"policy_mutat: true: {NAME}; did you mean policy_mutate?"),
    "a role's with two words": (
        {"node_network_hostnam": "x"},
        f"node_network_hostnam: x: {NAME}; did you mean node_network_hostname?",
    ),
    "a site's": ({"site_netwoks": 1}, f"site_netwoks: 1: {NAME}; did you mean site_networks?"),
    "a hypervisor's": (
        {"hypervisor_bridge": 1},
        f"hypervisor_bridge: 1: {NAME}; did you mean hypervisor_bridges?",
    ),
    "what stands in guest": (
        {"guest_memory": "lots"},
        f"guest_memory: lots: {NAME}; did you mean memory_mib of guest, as in guest: {{memory_mib: …}}?",
    ),
    "one that resembles none": ({"site_contact": "me"}, f"site_contact: me: {YOURS}"),
    "one of a role that resembles none": ({"pair_state_colour": 1}, f"pair_state_colour: 1: {YOURS}"),
    "a choice": (
        {"conntrackd_filter": "kernel"},
        "conntrackd_filter: kernel: is unknown; did you mean kernelspace?",
    ),
    "a boolean for a choice": (
        {"lab_state": False},
        "lab_state: false: is not a text; write one of present, absent",
    ),
    "a list for a text": (
        {"guest_ssh_directory": ["a"]},
        "guest_ssh_directory: [a]: is a list, and not a text; write it in quotes",
    ),
    "a number of a choice": (
        {"keepalived_vrrp_version": 4},
        "keepalived_vrrp_version: 4: is unknown; known are: 2, 3",
    ),
    "a word for a number": (
        {"conntrackd_hash_size": "lots"},
        "conntrackd_hash_size: lots: is not a whole number; write one such as 5",
    ),
    "half a number": (
        {"policy_test_timeout": "1.5"},
        "policy_test_timeout: 1.5: is not a whole number; write one such as 5",
    ),
    "a number below zero": (
        {"site_conntrack_max": -1},
        "site_conntrack_max: -1: is out of range; write a whole number of 1024 to 2147483647",
    ),
    "a number of more than 31 bits": (
        {"conntrackd_hash_limit": "2147483648"},
        "conntrackd_hash_limit: 2147483648: is out of range; write a whole number of 1 to 2147483647",
    ),
    "no seconds": (
        {"pair_state_health_interval": "9"},
        "pair_state_health_interval: 9: is out of range; write a whole number of 10 to 2147483647",
    ),
    "seconds below zero": (
        {"verify_window": -5},
        "verify_window: -5: is out of range; write a number of 0.1 to 2147483647",
    ),
    "more than a priority may be": (
        {"keepalived_realtime_priority": 100},
        "keepalived_realtime_priority: 100: is out of range; write a whole number of 1 to 99",
    ),
    "a number that is none": (
        {"verify_window": "nan"},
        "verify_window: nan: is out of range; write a number of 0.1 to 2147483647",
    ),
    "no path": (
        {"verify_report": ""},
        "verify_report: (empty): is empty; write a path, or leave the variable out",
    ),
    "a path from a folder that nobody knows": (
        {"pair_state_textfile": "metrics/ftfw.prom"},
        "pair_state_textfile: metrics/ftfw.prom: is no absolute path; begin with a slash, such as "
        "/metrics/ftfw.prom",
    ),
    "nothing": (
        {"keepalived_garp_refresh": None},
        "keepalived_garp_refresh: (empty): is empty, and so not the default either; "
        "write a value, or leave the variable out",
    ),
    "a time": (
        {"policy_test_timeout": "5m"},
        "policy_test_timeout: 5m: is not a whole number; write one such as 5",
    ),
    "a word for seconds": (
        {"keepalived_advert_interval": "fast"},
        "keepalived_advert_interval: fast: is not a number; write one such as 5 or 0.5",
    ),
    "a word for a truth": (
        {"policy_mutate": "tru"},
        "policy_mutate: tru: is neither true nor false; write true or false",
    ),
    "a word for a list": (
        {"nftables_management": "10.0.0.0/8"},
        "nftables_management: 10.0.0.0/8: is not a list; write [10.0.0.0/8]",
    ),
    "a list for a mapping": (
        {"firewall_kernel_sysctls": [1]},
        "firewall_kernel_sysctls: [1]: is not a mapping; write {NAME: VALUE, …}",
    ),
    "an item": (
        {"verify_phases": ["services", "kiled"]},
        "verify_phases[1]: kiled: is unknown; did you mean killed?",
    ),
    "an option of an item": (
        {"host_network_taps": [{"name": "t1", "bridge": "br0", "ownr": "me"}]},
        "host_network_taps[0].ownr: me: unknown option; did you mean owner?",
    ),
    "what an item lacks": (
        {"host_network_taps": [{"name": "t1"}]},
        "host_network_taps[0].bridge: (empty): is missing; bridge is required here",
    ),
}


@pytest.mark.parametrize(("variables", "line"), ERRORS.values(), ids=ERRORS)
def test_a_mistake_is_one_line_wherever_it_stands(variables: dict[str, Any], line: str) -> None:
    assert told({"fw-1": variables}) == ([f"fw-1: {line}"], [])
    assert told({"fw-1": variables, "client": variables}) == ([f"fw-1, client: {line}"], [])
    assert told(dict.fromkeys(NODES, variables)) == ([f"all: {line}"], [])
    assert told(extra=variables) == ([f"extra variables: {line}"], [])


def test_what_only_playbooks_take_is_looked_at_where_it_is_meant_for_them() -> None:
    variables = {
        "remove_net": True,
        "ruleset_dir": "x",
        "bench_host": "a",
        "switchover_node": "b",
        "failover_node": "c",
        "clean_all": 1,
    }
    assert told({"fw-1": variables}) == ([], [])
    assert told(extra=variables) == (
        [],
        [
            f"extra variables: {n}: {v}: {YOURS}"
            for n, v in (
                ("remove_net", "true"),
                ("ruleset_dir", "x"),
                ("bench_host", "a"),
                ("switchover_node", "b"),
                ("failover_node", "c"),
                ("clean_all", "1"),
            )
        ],
    )


def test_how_hosts_are_reached_is_resolved_for_one_host_only() -> None:
    class Counting(dict[str, Any]):
        asked = 0

        def __getitem__(self, key: str) -> object:
            Counting.asked += key == "ansible_host"
            return super().__getitem__(key)

    inventory = Inventory(HostVars({node: Counting(ansible_host="192.0.2.1") for node in NODES}), {})
    assert inventory.model(Problems(), connections=False) == {node: {} for node in NODES}
    assert Counting.asked == 0
    unsaid = HostVars({"fw-1.example.org": {}})
    assert Inventory(unsaid, {}).model(Problems()) == {
        "fw-1.example.org": {"ansible_host": "fw-1.example.org"}
    }
    assert inventory.model(Problems()) == {node: {"ansible_host": "192.0.2.1"} for node in NODES}


def test_another_beginning_is_looked_at_where_nobody_else_can_mean_it() -> None:
    line = f"polcy_mutate: true: {NAME}; did you mean policy_mutate?"
    assert told({"fw-1": {"polcy_mutate": True}}) == ([], [])
    assert told(extra={"polcy_mutate": True}) == ([f"extra variables: {line}"], [])


@pytest.mark.parametrize(
    "name", ["node_exporter_port", "guest_house", "keepalived_exporter_port", "status_page"]
)
def test_a_common_word_may_be_somebody_elses(name: str) -> None:
    assert told({"fw-1": {name: 1}}) == ([], [f"fw-1: {name}: 1: {YOURS}"])


def test_a_site_says_what_is_its_own() -> None:
    own = {"site_own_variables": ["site_contact", "node_exporter_*"]}
    variables = {**own, "site_contact": "me", "node_exporter_port": 9100}
    assert told(dict.fromkeys(NODES, variables)) == ([], [])


@pytest.mark.parametrize(
    "variables",
    [
        {"ansible_user": "root", "inventory_hostname": "x", "groups": {}, "exporter_port": 1},
        {"__site_colour": 1, "__drill_names": []},
        {"site_view": {}},
        {"policy_mutate": "yes", "policy_test_timeout": "900", "keepalived_advert_interval": "0.3"},
        {"drill_faults": "a,b", "lab_name": 5},
        {"site_conntrack_max": 100000, "nft_ruleset_confirm": 0, "native_realtime": "true"},
        {"pair_state_textfile": "", "keepalived_track_file": "", "pair_state_path_interval": 0.01},
        {"guest_authorized_keys": ["{{ lookup('ansible.builtin.file', 'nowhere') }}"]},
    ],
    ids=str,
)
def test_what_is_sound_or_somebody_elses_is_no_mistake(variables: dict[str, Any]) -> None:
    assert told({"fw-1": variables}) == ([], [])
    assert told(extra=variables) == ([], [])


def test_where_packets_are_sent_is_a_host() -> None:
    key = "policy_test_host"
    assert told(extra={key: "localhost"}) == told({"fw-1": {key: "client"}}) == ([], [])
    wrong = f"extra variables: {key}: cleint: is not in the inventory; did you mean client?"
    assert told(extra={key: "cleint"}) == ([wrong], [])
    other = f"all: {key}: 192.0.2.9: is not in the inventory; known are: client, fw-1, fw-2, localhost"
    assert told({node: {key: "192.0.2.9"} for node in NODES}) == ([], [other])


@pytest.mark.parametrize(
    ("targets", "wrong"),
    [
        ({"eth0": ["192.168.0.254", "2001:db8::fe"]}, []),
        ({}, []),
        (
            {"outside": ["192.168.0.254"]},
            [
                ".outside: outside: is no interface of node_interfaces; write the name of a card; "
                "known are: eth0, eth1"
            ],
        ),
        (
            {"eth00": []},
            [
                ".eth00: eth00: is no interface of node_interfaces; write the name of a card; "
                "did you mean eth0?"
            ],
        ),
        (
            {"eth0": ["gateway"]},
            [".eth0[0]: gateway: is not an IP address; write one such as 192.168.2.1 or 2001:db8::1"],
        ),
    ],
)
def test_who_is_asked_on_a_leg_has_an_address_and_is_reached_by_a_card(
    targets: dict[str, list[str]], wrong: list[str]
) -> None:
    key, cards = "pair_state_path_targets", {"node_interfaces": {"eth0": {}, "eth1": {}}}
    found = told({node: {**cards, key: targets} for node in NODES})
    assert found == ([f"all: {key}{one}" for one in wrong], [])
    found = told(dict.fromkeys(NODES, cards), extra={key: targets})
    assert found == ([f"extra variables: {key}{one}" for one in wrong], [])


def test_each_number_has_bounds_and_each_path_of_a_node_is_absolute() -> None:
    """Also those that somebody adds."""
    specs = specifications(ROOT)
    assert {name for name, spec in specs.items() if spec.get("type") in ("int", "float")} == set(BOUNDS)
    roles = {name for name, spec in specs.items() if spec.get("type") == "path"} - set(playbook_options())
    assert roles - ON_NODES == {"lab_directory", "guest_image_cache"}, "paths of the controller"
    assert set(specs) >= ON_NODES


def playbook_options() -> dict[str, Any]:
    text = (ROOT / "playbooks" / "vars" / "options.yml").read_text()
    found: dict[str, Any] = yaml.safe_load(text)["playbook_options"]
    return found


OURS = re.compile(r"(site|drill|verify|status|policy|nft_ruleset|native|ruleset|bench)_")


def templates(value: Any, key: str = "") -> Iterator[str]:
    """Every template of a playbook; a condition is one without braces."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from templates(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from templates(item, key)
    elif isinstance(value, str):
        yield f"{{{{ {value} }}}}" if key in ("when", "that", "until", "failed_when") else value


def keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from map(str, value)
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from keys(item)


def variables_of(path: Path) -> set[str]:
    text = path.read_text()
    jinja = Environment()  # noqa: S701 - nothing is rendered
    for known, pattern in ((jinja.filters, r"\|\s*([\w.]+)"), (jinja.tests, r"\bis (?:not )?([\w.]+)")):
        for name in re.findall(pattern, text):
            known.setdefault(name, str)
    trees = (jinja.parse(template) for template in templates(yaml.safe_load(text)))
    return {name for tree in trees for name in meta.find_undeclared_variables(tree)}


FILES = [
    path
    for pattern in ("playbooks/*.yml", "playbooks/tasks/**/*.yml", "inventories/*/**/*.yml")
    for path in ROOT.glob(pattern)
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_variable_that_a_playbook_reads_is_known(path: Path) -> None:
    known = {*specifications(ROOT), *MODEL, *FACTS}
    assert {name for name in variables_of(path) if OURS.match(name)} <= known


def test_each_option_is_read_and_documented() -> None:
    options = playbook_options()
    places = ("playbooks", "roles", "inventories", "plugins/action", "plugins/plugin_utils", "tools/bench")
    files = [path for place in places for path in (ROOT / place).rglob("*") if path.suffix in (".yml", ".py")]
    read = " ".join(path.read_text() for path in files if path.name != "options.yml")
    docs = " ".join(path.read_text() for path in (ROOT / "docs").glob("*.md"))
    internal = {"drill_table", "drill_defaults", "bench_json"}
    assert [name for name in options if not re.search(rf"\b{name}\b", read)] == []
    assert [name for name in options if not re.search(rf"\b{name}\b", docs) and name not in internal] == []
