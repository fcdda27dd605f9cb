# SPDX-License-Identifier: GPL-3.0-or-later
"""One mistake is one line, which says what would be right and does not lead astray."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SiteError
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.ruleset.rulesets import DUAL

HostVars = dict[str, dict[str, Any]]
Change = Callable[[dict[str, object]], HostVars]
PAIR = "all:site_pairs.ftfw"
OUT = {"from": "inside", "to": "outside", "services": ["ssh"]}


def errors(hostvars: HostVars) -> list[str]:
    with pytest.raises(SiteError) as raised:
        load_site(hostvars, {host: list(variables) for host, variables in hostvars.items()})
    return raised.value.problems.lines()


CASES: dict[str, tuple[dict[str, object], str]] = {
    "a word of YAML for a choice": (
        {f"{PAIR}.preempt": False},
        "all: site_pairs.ftfw.preempt: false: is not a text; write one of never, when_synced",
    ),
    "a list for a choice": (
        {f"{PAIR}.profile": ["fast"]},
        "all: site_pairs.ftfw.profile: [fast]: is a list, and not a text; write one of default, fast",
    ),
    "a number for a choice": (
        {"all:site_reverse_path": 1},
        "all: site_reverse_path: 1: is not a text; write one of none, strict, loose",
    ),
    "a number for a rate": (
        {"all:site_policy": [{**OUT, "limit": 10}]},
        "all: site_policy[0].limit: 10: is not a text; "
        "write one such as 1/second, 30/minute, 5/hour or 100/day",
    ),
    "true for source NAT": (
        {"all:site_source_nat": True},
        "all: site_source_nat: true: is no word, and no mapping; "
        "write one of virtual_address, masquerade, none, or {NETWORK: …}",
    ),
    "a list for source NAT": (
        {"all:site_source_nat": ["192.168.0.100"]},
        "all: site_source_nat: [192.168.0.100]: is no word, and no mapping; "
        "write one of virtual_address, masquerade, none, or {NETWORK: …}",
    ),
    "a number for a source NAT": (
        {"all:site_source_nat": {"outside": 5}},
        "all: site_source_nat.outside: 5: is not a text; write one of virtual_address, masquerade, none",
    ),
    "true for an action": (
        {"all:site_policy": [{**OUT, "action": True}]},
        "all: site_policy[0].action: true: is not a text; write one of accept, drop, reject",
    ),
    "a number for a network": (
        {"all:site_policy": [{**OUT, "from": 10}]},
        "all: site_policy[0].from: 10: is not a text; write it in quotes",
    ),
    "a list for a network of a forward": (
        {"all:site_port_forwards": [{"to": ["outside"], "service": "http", "host": "client"}]},
        "all: site_port_forwards[0].to: [outside]: is a list, and not a text; "
        "write a text in place of the list",
    ),
    "a number for an address": (
        {"client:node_interfaces.eth0.addresses": [5]},
        "client: node_interfaces.eth0.addresses[0]: 5: is not a text; "
        "write one address such as 192.168.2.1 or 2001:db8::1",
    ),
    "an address for addresses": (
        {"client:node_interfaces.eth0.addresses": "192.168.2.3"},
        "client: node_interfaces.eth0.addresses: 192.168.2.3: is not a list; write [192.168.2.3]",
    ),
    "a word for services": (
        {"all:site_policy": [{**OUT, "services": "ssh"}]},
        "all: site_policy[0].services: ssh: is not a list; write [ssh]",
    ),
    "a list for a mapping": (
        {"all:site_networks": [{"inside": {}}]},
        "all: site_networks: [{inside: {}}]: is not a mapping; write {NAME: {…}, …}",
    ),
    "a mapping for an entry": (
        {"all:site_policy": {"from": "inside"}},
        "all: site_policy: {from: inside}: is not a list; write [VALUE, …]",
    ),
    "an entry that is a word": (
        {"all:site_policy": ["ssh"]},
        "all: site_policy[0]: ssh: is not a mapping; write {from: …, to: …, services: …}",
    ),
    "a word for a port": (
        {"all:site_services": {"game": {"tcp": ["http"]}}},
        "all: site_services.game.tcp[0]: http: is not a whole number; use 1 to 65535",
    ),
    "no networks": (
        {"all:site_networks": {}},
        "all: site_networks: (empty): no network is declared; "
        "declare each wire, such as {inside: {prefixes: [192.168.2.0/24]}}",
    ),
    "no pairs": (
        {"all:site_pairs": {}},
        "all: site_pairs: (empty): no pair is declared; "
        "declare the pair that holds site_policy and site_port_forwards",
    ),
    "a network misspelt where it is declared": (
        {"all:site_networks.sync": {"prefixs": ["192.168.100.0/24"]}},
        "all: site_networks.sync.prefixs: [192.168.100.0/24]: unknown option; did you mean prefixes?",
    ),
    "nodes misspelt": (
        {f"{PAIR}.nodes": ["fw1", "fw-2"], f"{PAIR}.priorities": {"fw-1": 200, "fw-2": 100}},
        "all: site_pairs.ftfw.nodes: fw1: is not in the inventory; did you mean fw-1?",
    ),
    "a bridge's network misspelt": (
        {"omarine:hypervisor_bridges.br1.network": "insid"},
        "omarine: hypervisor_bridges.br1.network: insid: unknown network; did you mean inside?",
    ),
    "an interface's network misspelt": (
        {"fw-1:node_interfaces.eth1.network": "insid"},
        "fw-1: node_interfaces.eth1.network: insid: unknown network; did you mean inside?",
    ),
}


@pytest.mark.parametrize(("changes", "expected"), CASES.values(), ids=CASES)
def test_one_mistake_is_one_line(changed: Change, changes: dict[str, object], expected: str) -> None:
    assert errors(changed(changes)) == [expected]


def test_what_a_broken_value_says_nothing_about_is_told_beside_it(changed: Change) -> None:
    lines = errors(
        changed(
            {
                "all:site_networks.outside.prefixes": [5],
                "all:site_services": {"game": {"tcp": ["x"]}},
                "client:node_resolvers": ["nobody"],
                "fw-2:node_interfaces.eth1.mac": "12:34:56:78:9a:11",
                f"{PAIR}.vrid": 5,
            }
        )
    )
    assert [line.split(": ")[1] for line in lines] == [
        "site_networks.outside.prefixes[0]",
        "site_services.game.tcp[0]",
        "site_pairs.ftfw.vrid",
        "node_resolvers[0]",
        "node_interfaces.eth1.mac",
    ]


@pytest.mark.parametrize(
    ("name", "misspelt", "where"),
    [
        ("site_networks", "site_netwoks", "all"),
        ("site_pairs", "site_pair", "all"),
        ("node_interfaces", "node_interface", "fw-1"),
        ("hypervisor_bridges", "hypervisor_bridge", "omarine"),
    ],
)
def test_a_misspelt_variable_is_one_line(lab: HostVars, name: str, misspelt: str, where: str) -> None:
    """What it says is read as if the name were right, and the rest of the inventory is held against that."""
    for host, variables in lab.items():
        if where in ("all", host):
            variables[misspelt] = variables.pop(name)
    told = errors(lab)
    assert len(told) == 1, told
    assert told[0].startswith(f"{where}: {misspelt}: ")
    assert told[0].endswith(f"; did you mean {name}?")


def renamed(hostvars: HostVars, old: str, new: str) -> HostVars:
    """Give a network another name where it is declared, and nowhere else."""
    for variables in hostvars.values():
        variables["site_networks"] = {
            new if name == old else name: said for name, said in variables["site_networks"].items()
        }
    return hostvars


@pytest.mark.parametrize("old", ["outside", "inside", "sync", "mgmt"])
def test_a_renamed_network_is_one_line_with_all_its_places(changed: Change, old: str) -> None:
    there = changed({"all:site_fragments": [{"place": "forward", "text": f"iifname @interface({old}) drop"}]})
    lines = errors(renamed(there, old, "office"))
    assert len(lines) == 1, lines
    assert lines[0].startswith(f"all: site_networks: {old}: unknown network, which stands in omarine: hyper")
    assert lines[0].endswith(f"all: site_fragments[0] (@interface({old})); did you mean office?")
    assert "fw-1: node_interfaces." in lines[0] and "fw-2: node_interfaces." in lines[0]


@pytest.mark.parametrize(
    ("network", "prefixes", "family"),
    [
        ("outside", ["192.168.9.0/24"], 4),
        ("inside", ["192.168.9.0/24"], 4),
        ("inside", ["192.168.2.128/25"], 4),
        ("inside", ["192.168.0.0/24"], 4),
        ("sync", ["192.168.9.0/24"], 4),
        ("mgmt", ["192.168.9.0/24"], 4),
        ("inside", ["192.168.2.0/24", "2001:db8:9::/64"], 6),
        ("inside", ["192.168.2.0/24"], 6),
    ],
)
def test_a_wrong_prefix_is_one_line(changed: Change, network: str, prefixes: list[str], family: int) -> None:
    there = changed({**(DUAL if family == 6 else {}), f"all:site_networks.{network}.prefixes": prefixes})
    lines = errors(there)
    assert len(lines) == 1, lines
    assert lines[0].startswith(f"all: site_networks.{network}.prefixes: ")
    if "overlaps" not in lines[0]:
        assert f"no IPv{family} address on this network lies there: " in lines[0]


def test_one_wrong_address_is_no_wrong_prefix(changed: Change) -> None:
    lines = errors(
        changed(
            {
                "fw-1:node_interfaces.eth1.addresses": ["192.168.9.1"],
                "fw-2:node_interfaces.eth1.addresses": ["192.168.9.2"],
            }
        )
    )
    assert [line.split(": ")[0] for line in lines] == ["fw-1", "fw-2"]
