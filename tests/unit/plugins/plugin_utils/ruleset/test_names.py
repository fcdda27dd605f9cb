# SPDX-License-Identifier: GPL-3.0-or-later
"""What is a node's own in its ruleset."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_view
from ansible_collections.ftfw.pair.tests.unit.plugins.plugin_utils.ruleset.rulesets import DUAL

Change = Callable[[dict[str, object]], dict[str, dict[str, Any]]]


def test_names_of_both_nodes_mean_the_same(changed: Change) -> None:
    site = load_site(changed({**DUAL, "all:site_probes": None}))
    one, two = (host_view(site, node)["pair_state"]["names"] for node in ("fw-1", "fw-2"))
    assert one == {
        "eth0": "outside",
        "eth1": "inside",
        "eth2": "sync",
        "mgmt0": "mgmt",
        "192.168.0.1": "own outside 0",
        "2001:db8::1": "own outside 1",
        "192.168.2.1": "own inside 0",
        "2001:db8:2::1": "own inside 1",
        "192.168.100.100": "own sync 0",
        "10.255.0.1": "own mgmt 0",
        "192.168.0.2": "peer outside 4",
        "2001:db8::2": "peer outside 6",
        "192.168.2.2": "peer inside 4",
        "2001:db8:2::2": "peer inside 6",
        "192.168.100.200": "peer sync",
    }
    assert sorted(one.values()) == sorted(two.values())
    assert (two["192.168.2.2"], two["192.168.2.1"]) == (one["192.168.2.1"], one["192.168.2.2"])


def test_another_name_of_an_interface_means_the_same(changed: Change, lab: dict[str, dict[str, Any]]) -> None:
    interfaces = dict(lab["fw-2"]["node_interfaces"])
    interfaces["lan0"] = interfaces.pop("eth1")
    site = load_site(changed({"fw-2:node_interfaces": interfaces}))
    assert host_view(site, "fw-2")["pair_state"]["names"]["lan0"] == "inside"
