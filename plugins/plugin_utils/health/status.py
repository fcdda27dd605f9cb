# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A firewall's state by one shell command, and a pair's by both. Pure code apart from the command's text."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.conntrack.tuples import OutputError
from ansible_collections.ftfw.pair.plugins.module_utils.conntrackd.stats import parse_general
from ansible_collections.ftfw.pair.plugins.module_utils.health.pair import primary_of
from ansible_collections.ftfw.pair.plugins.module_utils.system.terminals import plain

MASTER, UNKNOWN = "MASTER", "UNKNOWN"
MARK = "@@ "
ADDRESS = re.compile(r"\sinet6? ([0-9a-f:.]+)[/ ]")

SECTIONS = {
    "addresses": "ip -color=never -oneline address show",
    "units": "systemctl is-active keepalived.service conntrackd.service pair-state.service",
    "transitions": "cat /run/pair-state/state.json",
    "kernel": "cat /proc/sys/net/netfilter/nf_conntrack_count",
    # a daemon that is stopped takes the question and never answers
    "conntrackd": "timeout 10 conntrackd -s",
}
"""What is asked of a node, in the order of the answer. Any of it may be absent on a node that is ill."""


def command() -> str:
    asked = [f"echo {shlex.quote(MARK + name)}; {text} 2>/dev/null" for name, text in SECTIONS.items()]
    return "; ".join([*asked, "true"])


def parse_status(text: str, virtual_addresses: Sequence[str]) -> dict[str, Any]:
    """Make a node's status of what the command has printed there. What the node didn't tell is None."""
    told = _sections(text)
    present = set(ADDRESS.findall(told["addresses"]))
    active = [line == "active" for line in told["units"].split()] + [False] * 3
    caches = _caches(told["conntrackd"])
    return {
        "virtual_addresses": [address for address in virtual_addresses if address in present],
        "vrrp_state": _vrrp_state(told["transitions"]) if active[0] else "STOP",
        "keepalived": active[0],
        "conntrackd": active[1] and caches["internal"] is not None,
        "pair_state": active[2],
        "entries": {"kernel": _number(told["kernel"]), **caches},
    }


def summary(
    nodes: Mapping[str, Mapping[str, Any] | None], virtual_addresses: Sequence[str]
) -> dict[str, Any]:
    """Tell a pair's state from its nodes' (None for one that can't be reached)."""
    held = {name: (status or {}).get("virtual_addresses", []) for name, status in nodes.items()}
    holders = [name for name, addresses in held.items() if addresses]
    primary = primary_of(held, virtual_addresses)
    return {
        "primary": primary,
        "holders": ", ".join(f"{name}: {', '.join(held[name]) or 'none'}" for name in nodes),
        "problems": list(_problems(nodes, holders, primary)),
        "nodes": {name: {"node": name, **_told(status)} for name, status in nodes.items()},
        "rows": [_row(name, status) for name, status in nodes.items()],
    }


KEYS = ["virtual_addresses", "vrrp_state", "keepalived", "conntrackd", "pair_state", "entries"]
COLUMNS = ["node", "VRRP state", "virtual addresses", "kernel", "internal", "external", "conntrackd"]


def _told(status: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"reachable": status is not None, **{key: (status or {}).get(key) for key in KEYS}}


def _row(name: str, status: Mapping[str, Any] | None) -> dict[str, str]:
    if status is None:
        return {"node": name, "VRRP state": "unreachable"}
    entries = status["entries"]
    return {
        "node": name,
        "VRRP state": status["vrrp_state"],
        "virtual addresses": ", ".join(status["virtual_addresses"]) or "none",
        **{table: "?" if entries[table] is None else str(entries[table]) for table in COLUMNS[3:6]},
        "conntrackd": "up" if status["conntrackd"] else "down",
    }


def _problems(
    nodes: Mapping[str, Mapping[str, Any] | None], holders: Sequence[str], primary: str | None
) -> Iterable[str]:
    for name, status in nodes.items():
        if status is None:
            yield f"{name} can't be reached"
        else:
            yield from (
                f"{service} does not run on {name}"
                for service in ("keepalived", "conntrackd")
                if not status[service]
            )
    if not holders:
        yield "no node has the virtual addresses"
    elif primary is None:
        yield f"not all virtual addresses are on one node: {' and '.join(holders)} have some"


def _sections(text: str) -> dict[str, str]:
    told = dict.fromkeys(SECTIONS, "")
    for part in text.split(MARK)[1:]:
        name, _newline, body = part.partition("\n")
        if name.strip() in told:
            told[name.strip()] = plain(body)
    return told


def _vrrp_state(text: str) -> str:
    try:
        return str(json.loads(text)["state"])
    except (ValueError, KeyError, TypeError):
        return UNKNOWN


def _caches(text: str) -> dict[str, int | None]:
    try:
        values = parse_general(text, "conntrackd -s")
        # without an external cache the peer's flows are in the kernel's table
        return {side: values[side].get("active") for side in ("internal", "external")}
    except OutputError:
        return {"internal": None, "external": None}


def _number(text: str) -> int | None:
    return int(text) if text.strip().isdigit() else None
