# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is a node's own in its ruleset. Pure code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def ruleset_names(view: Mapping[str, Any]) -> dict[str, str]:
    """What is a node's own in its ruleset, and what to call it so that both nodes call it the same.

    From the fact site_view: names of interfaces by their network, own addresses, and the peer's.
    """
    networks = {item["name"]: item["network"] for item in view["node_network"]["interfaces"]}
    names = dict(networks)
    for item in view["node_network"]["interfaces"]:
        for index, address in enumerate(item["addresses"]):
            names[address.partition("/")[0]] = f"own {item['network']} {index}"
    for instance in view["keepalived"]["instances"]:
        network = networks[instance["interface"]]
        names.update((peer, f"peer {network} {instance['family']}") for peer in instance["peers"])
    names.update((link["peer"], f"peer {link['network']}") for link in view["conntrackd"]["links"])
    return names
