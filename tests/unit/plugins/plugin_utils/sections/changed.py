# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of the lab's variables, and the errors that they lead to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SiteError

HostVars = dict[str, dict[str, Any]]
Change = Callable[[dict[str, object]], HostVars]
PAIR = "all:site_pairs.ftfw"
FW1, FW2 = "fw-1:node_interfaces", "fw-2:node_interfaces"
PROBES = {"client": "client", "server": "omarine"}
OUT = {"from": "inside", "to": "outside", "services": ["ssh"]}
DUAL: dict[str, object] = {
    "all:site_networks.inside.prefixes": ["192.168.2.0/24", "2001:db8:2::/64"],
    "all:site_networks.outside.prefixes": ["192.168.0.0/24", "2001:db8::/64"],
}
FORWARD = {"to": "outside", "service": "http", "host": "client"}
DUAL_OUTSIDE: dict[str, object] = {
    "all:site_networks.outside.prefixes": ["192.168.0.0/24", "2001:db8::/64"],
    f"{FW1}.eth0.addresses": ["192.168.0.1", "2001:db8::1"],
    f"{FW2}.eth0.addresses": ["192.168.0.2", "2001:db8::2"],
}
SPARE = {"network": "outside", "mac": "12:34:56:78:9a:41", "tap": "net41"}
TWO_PREFIXES: dict[str, object] = {
    "all:site_networks.outside.prefixes": ["192.168.0.0/24", "203.0.113.0/24"],
}


def gateways(*found: object) -> dict[str, object]:
    return {f"{node}.eth0.gateway": one for node, one in zip((FW1, FW2), found) if one}


def fragment(text: str, place: str = "input") -> dict[str, object]:
    return {"all:site_fragments": [{"place": place, "text": text}]}


def another(node: str, network: str, **more: object) -> dict[str, object]:
    """One interface more on a node."""
    return {f"{node}:node_interfaces.eth4": {**SPARE, "network": network, **more}}


def errors(hostvars: HostVars, **more: Any) -> list[str]:
    # a whole inventory says nothing beside the one line that is looked for
    __tracebackhide__ = True
    try:
        load_site(hostvars, **more)
    except SiteError as error:
        return error.problems.lines()
    pytest.fail("no error is found in this inventory")


WEB = {"network": "outside", "service": "http", "servers": ["client", "192.168.2.5"], "check": "tcp"}
LETS_IN = [
    {"from": "outside", "to": "inside", "services": ["http"], "destinations": ["192.168.0.100"]},
    {"from": "inside", "to": "outside", "services": ["http"]},
]


def balanced(**changes: object) -> dict[str, object]:
    """Changes of the lab's variables; a key with None is left out."""
    one = {key: value for key, value in {**WEB, **changes}.items() if value is not None}
    return {
        "all:site_balancers": {"web": one},
        "all:site_policy": LETS_IN,
        "all:site_services": {"dns-and-more": {"tcp": [53, 853]}},
    }
