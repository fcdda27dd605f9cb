# SPDX-License-Identifier: GPL-3.0-or-later
"""What chains are called: short enough for the kernel, and each by a name of its own."""

from __future__ import annotations

from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.entries import ping_names
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.ruleset.rulesets import (
    Change,
    check,
    ruleset,
)


def test_long_names_of_networks_make_shorter_names_of_chains(changed: Change) -> None:
    names = {"inside": "1" * 63, "outside": "x" * 63}
    policy = [{"from": names["inside"], "to": names["outside"], "services": ["ssh"]}]
    hostvars = changed({"all:site_policy": policy, "all:site_probes": None})
    for variables in hostvars.values():
        for old, new in names.items():
            variables["site_networks"][new] = variables["site_networks"].pop(old)
            variables["site_pairs"]["ftfw"]["virtual_routers"][old]["network"] = new
            for part in ("node_interfaces", "hypervisor_bridges"):
                for item in variables.get(part, {}).values():
                    item["network"] = new if item["network"] == old else item["network"]
    text = ruleset(hostvars)
    assert f"    chain from_{'1' * 63}_to_{'x' * 28}_0 {{\n" in text
    check(text)


def test_a_chain_of_pings_is_no_other_networks_chain() -> None:
    names = {("lan", "wan"): "lan_to_wan", ("lan", "wan_pings"): "lan_to_wan_pings"}
    assert ping_names(names) == {
        ("lan", "wan"): "lan_to_wan_pings_",
        ("lan", "wan_pings"): "lan_to_wan_pings_pings",
    }
