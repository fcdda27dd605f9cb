# SPDX-License-Identifier: GPL-3.0-or-later
"""Rulesets of changed labs, their chains, and what nft says to them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.nft.text import without_flowtables
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_view

Change = Callable[[dict[str, object]], dict[str, dict[str, Any]]]

OPENS = "tcp flags & (fin | syn | rst | ack) == syn ct state new"
FORWARD = {"to": "outside", "service": "http", "host": "client"}
DUAL: dict[str, object] = {
    "all:site_networks.inside.prefixes": ["192.168.2.0/24", "2001:db8:2::/64"],
    "all:site_networks.outside.prefixes": ["192.168.0.0/24", "2001:db8::/64"],
    "all:site_pairs.ftfw.virtual_routers.inside.addresses": ["192.168.2.100", "2001:db8:2::100"],
    "all:site_pairs.ftfw.virtual_routers.outside.addresses": ["192.168.0.100", "2001:db8::100"],
    "fw-1:node_interfaces.eth1.addresses": ["192.168.2.1", "2001:db8:2::1"],
    "fw-2:node_interfaces.eth1.addresses": ["192.168.2.2", "2001:db8:2::2"],
    "fw-1:node_interfaces.eth0.addresses": ["192.168.0.1", "2001:db8::1"],
    "fw-2:node_interfaces.eth0.addresses": ["192.168.0.2", "2001:db8::2"],
}
IRC = {"from": "inside", "to": "outside", "services": ["irc"]}
PROBES = {"client": "client", "server": "omarine"}
OUT = {"from": "inside", "to": "outside"}
ADDRESSES = {
    "servers": ["omarine", "192.168.0.10"],
    "admins": ["client", "2001:db8:2::7"],
    "nobody": [],
}
DROPS: list[dict[str, object]] = [
    {"from": "outside", "to": "inside", "services": "any", "action": "drop", "log": True},
    {**OUT, "services": ["telnet"], "action": "reject"},
]


def ruleset(hostvars: dict[str, dict[str, Any]], host: str = "fw-1") -> str:
    text: str = host_view(load_site(hostvars), host)["nftables"]["ruleset"]
    return text


def nft(text: str, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of bash on the text, its first argument, in a network namespace of its own."""
    return subprocess.run(
        ["/usr/bin/unshare", "--map-root-user", "--net", "/bin/bash", "-c", command, "bash", text],
        capture_output=True,
        text=True,
        check=False,
    )


def check(text: str, *, twice: bool = False) -> None:
    """Let nft check the text; `twice` loads it first. Not every kernel has flowtables."""
    done = nft(
        without_flowtables(text),
        'nft -f - <<< "$1" && nft -c -f - <<< "$1"' if twice else 'nft -c -f - <<< "$1"',
    )
    assert (done.returncode, done.stderr) == (0, "")


def chain(text: str, name: str = "inside_to_outside") -> list[str]:
    """The lines of a chain, or none."""
    _before, found, rest = text.partition(f"    chain {name} {{\n")
    return (
        [line.strip() for line in rest.partition("\n    }")[0].splitlines() if line.strip()] if found else []
    )


def compiled(changed: Change, *entries: dict[str, object], **variables: object) -> str:
    changes = {**DUAL, "all:site_addresses": ADDRESSES, "all:site_probes": None}
    changes["all:site_policy"] = [{**OUT, **entry} for entry in entries]
    text = ruleset(changed({**changes, **{f"all:{key}": value for key, value in variables.items()}}))
    check(text, twice=True)
    return text
