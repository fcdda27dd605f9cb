# SPDX-License-Identifier: GPL-3.0-or-later
"""Fragments that are well written, and name what is not there, or is the ruleset's own."""

from __future__ import annotations

import re

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_view
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.sections.changed import (
    FW1,
    PAIR,
    SPARE,
    Change,
    errors,
    fragment,
)

WRONG: dict[str, tuple[dict[str, object], str]] = {
    "a network's interface in quotes": (
        fragment('iifname { @interface(inside), "@interface(outside)" } log prefix "@interface(x) " drop'),
        'all: site_fragments[0]: "@interface(outside)": stands in quotes, in which nothing is replaced; '
        "write @interface(outside): the quotes come with it",
    ),
    "a fragment with an interface of the other node": (
        {
            f"{FW1}.wan0": {**SPARE, "network": "spare"},
            "all:site_networks.spare": {"prefixes": ["10.9.0.0/24"]},
            "omarine:hypervisor_bridges.br9": {"network": "spare"},
            **fragment('iifname { "eth0", "wan0" } accept'),
        },
        "all: site_fragments[0]: wan0: fw-2 has no interface of this name; "
        "write @interface(spare), which is each node's own interface there",
    ),
    "a fragment with a chain of the ruleset's own": (
        fragment("set mine {\n    type ifname\n}\nchain input {\n    accept\n}", "table"),
        "all: site_fragments[0]: chain input: is a name of the ruleset's own; "
        "give it another one, or write what is meant at another place",
    ),
    "a fragment with a chain of the policy's": (
        fragment("chain inside_to_outside { accept; }", "table"),
        "all: site_fragments[0]: chain inside_to_outside: is a name of the ruleset's own; "
        "give it another one, or write what is meant at another place",
    ),
    "a fragment with a counter of the policy's": (
        fragment("counter policy_web { }", "table"),
        "all: site_fragments[0]: counter policy_web: is a name of the ruleset's own; "
        "give it another one, or write what is meant at another place",
    ),
    "a fragment with a chain of a limit's": (
        fragment("chain limit_0_0_tcp_v4 { accept; }", "table"),
        "all: site_fragments[0]: chain limit_0_0_tcp_v4: is a name of the ruleset's own; "
        "give it another one, or write what is meant at another place",
    ),
    "a fragment with a network that there is not": (
        fragment("iifname @interface(outsid) accept"),
        "all: site_fragments[0]: @interface(outsid): unknown network; did you mean outside?",
    ),
}


@pytest.mark.parametrize(("changes", "line"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_one_line(changed: Change, changes: dict[str, object], line: str) -> None:
    assert errors(changed(changes)) == [line]


def test_no_name_of_the_rulesets_own_is_free(changed: Change) -> None:
    """Whatever the ruleset declares is refused when a fragment declares it, too."""
    changes: dict[str, object] = {
        f"{PAIR}.replication": "external",
        "all:site_addresses": {"some": ["192.168.2.0/28"]},
        "all:site_policy.0.sources": ["some"],
        "all:site_policy.0.counter": "web",
        "all:site_policy.0.action": "reject",
    }
    hostvars = changed(changes)
    text = host_view(load_site(hostvars), "fw-1")["nftables"]["ruleset"]
    declared = re.findall(r"^    (chain|set|map|counter|flowtable) (\S+) \{", text, re.MULTILINE)
    assert len(declared) > 15
    for variables in hostvars.values():
        variables["site_fragments"] = [
            {"place": "table", "text": f"{kind} {name} {{\n}}"} for kind, name in declared
        ]
    assert len(errors(hostvars)) == len(declared)


def test_an_interface_that_stands_on_another_network_on_each_node(changed: Change) -> None:
    hostvars = changed(fragment('oifname "eth1" accept'))
    interfaces = hostvars["fw-2"]["node_interfaces"]
    interfaces["eth0"], interfaces["eth1"] = interfaces["eth1"], interfaces["eth0"]
    assert errors(hostvars) == [
        "all: site_fragments[0]: eth1: is on inside on fw-1 and on outside on fw-2; "
        "write @interface(NETWORK), which is each node's own interface there"
    ]
    for variables in hostvars.values():
        variables["site_fragments"][0]["text"] = "oifname @interface(inside) accept"
    site = load_site(hostvars)
    for node, device in (("fw-1", "eth1"), ("fw-2", "eth0")):
        assert f'\n        oifname "{device}" accept\n' in host_view(site, node)["nftables"]["ruleset"]
