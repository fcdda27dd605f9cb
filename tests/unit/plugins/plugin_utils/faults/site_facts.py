# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pair of firewalls as the playbooks tell the filters of faults."""

from __future__ import annotations

import copy
from typing import Any

ADDRESSES = {"eth0": "192.168.0", "eth1": "192.168.2", "eth2": "192.168.100"}
ADDRESSES_6 = {"eth0": "2001:db8", "eth1": "2001:db8:2", "eth2": "2001:db8:100"}


def view(number: int) -> dict[str, Any]:
    networks = {"eth0": "outside", "eth1": "inside", "eth2": "sync"}
    return {
        "pair": {"preferred": number == 1},
        "node_network": {
            "interfaces": [
                {"name": name, "mac": f"12:34:56:78:9a:{number}{name[-1]}", "network": network}
                | {"addresses": [f"{ADDRESSES[name]}.{number}/24", f"{ADDRESSES_6[name]}::{number}/64"]}
                for name, network in networks.items()
            ]
        },
        "conntrackd": {"links": [{"network": "sync", "interface": "eth2"}]},
        "pair_state": {
            "addresses": [
                {"interface": "eth1", "address": "192.168.2.100/32"},
                {"interface": "eth0", "address": "192.168.0.100/32"},
                {"interface": "eth1", "address": "2001:db8:2::100/128"},
                {"interface": "eth0", "address": "2001:db8::100/128"},
            ]
        },
        "verify": {
            "pair": {"guests": {}},
            "probes": {
                "client": {"host": "client", "address": "192.168.2.3"},
                "server": {"host": "server", "address": "192.168.0.3"},
                "families": [
                    {
                        "name": "",
                        "client": "192.168.2.3",
                        "server": "192.168.0.3",
                        "forward": "192.168.0.100",
                    },
                    {
                        "name": " (IPv6)",
                        "client": "2001:db8:2::3",
                        "server": "2001:db8::3",
                        "forward": "2001:db8::100",
                    },
                ],
                "balancers": [],
                **{"tcp": 5001, "udp": 5002, "ftp": 21, "forward": {"tcp": 5003, "udp": 5004}},
                **{"rate": 200, "slack": 1, "sessions": 20},
            },
        },
    }


def served(*addresses: str) -> list[dict[str, Any]]:
    return [{"address": one, "port": 8080} for one in addresses]


BALANCERS = [
    {"name": "web", "address": "192.168.2.100", "servers": served("192.168.0.4", "192.168.0.5")},
    {"name": "web-6", "address": "2001:db8:2::100", "servers": served("2001:db8::4", "2001:db8::5")},
]


def with_balancers(known: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """Facts of a pair that has a balancer of each family."""
    usual = {"port": 80, "path": "/", "shows": True, "seconds": 11.5}
    for node in known["nodes"]:
        node["view"]["verify"]["probes"]["balancers"] = [{**usual, **one, **changed} for one in BALANCERS]
    return known


def facts(kind: str = "container") -> dict[str, Any]:
    lab = {"prefix": "ftfw-native", "wires_name": "wires", "wires": "ftfw-native-wires"}
    lab |= {"directory": "/srv/native", "script": "/srv/wire-nodes"}
    nodes = []
    for number in (1, 2):
        name = f"fw-{number}"
        seen = copy.deepcopy(view(number))
        if kind == "guest":
            seen["verify"]["pair"]["guests"] = {"fw-1": "omarine", "fw-2": "omarine"}
        container = f"ftfw-native-{name}" if kind == "container" else ""
        kill, start = (f"power off {name}", f"power on {name}") if kind == "command" else ("", "")
        nodes.append(
            {"name": name, "view": seen, "container": container, "kill": kill, "start": start, "lab": lab}
        )
    hosts = ["fw-1", "fw-2", "client", "server", "omarine"]
    return {
        "nodes": nodes,
        "hosts": hosts,
        "open": "nft 'add element x'",
        "lab": kind in ("container", "guest"),
    }
