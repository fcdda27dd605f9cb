# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers of balancers that are taken out and let in again, and who answers, as a table. Pure code."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.balance.config import AskedPorts
from ansible_collections.ftfw.pair.plugins.module_utils.balance.flows import count_flows, flows_of
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import nearest

COLUMNS = ["node", "balancer", "server", "address", "weight", "flows", "state", "since", "reason"]
Balancers = Sequence[Mapping[str, Any]]


class DrainError(Exception):
    """What can't be taken out or let in; its text says why, and what would be right."""


def changed(
    known: Mapping[str, str], of: Mapping[str, Balancers], out: Sequence[str], back: Sequence[str]
) -> dict[str, str]:
    """Change each node's file of servers that are out: balancer → names. A name is BALANCER/SERVER.

    A balancer with several addresses is several, such as web and web.2: its own name is for all of them.
    What the site no longer has leaves the file.
    """
    servers = {node: _servers(balancers) for node, balancers in of.items()}
    known_names = set().union(*servers.values())
    every = known_names | set(map(_declared, known_names))
    for name in (*out, *back):
        if name not in every:
            raise DrainError(f"{name}: no balancer has this server; {nearest(name, every)}")
        if name in out and name in back:
            raise DrainError(f"{name}: is to be taken out and let in again; name it once")
    return {
        node: _written(((_read(known.get(node, "")) & own) | _named(out, own)) - _named(back, own))
        for node, own in servers.items()
    }


def _named(names: Sequence[str], own: set[str]) -> set[str]:
    return {one for one in own if one in names or _declared(one) in names}


def _declared(name: str) -> str:
    """How the site calls the balancer of a server: a name has no dot."""
    balancer, _slash, server = name.partition("/")
    return f"{balancer.partition('.')[0]}/{server}"


def _servers(balancers: Balancers) -> set[str]:
    return {f"{one['name']}/{each['name']}" for one in balancers for each in one["servers"]}


def _read(text: str) -> set[str]:
    try:
        return {f"{one}/{each}" for one, names in json.loads(text or "{}").items() for each in names}
    except (ValueError, AttributeError, TypeError):
        # somebody has written something else there
        return set()


def _written(names: set[str]) -> str:
    found: dict[str, list[str]] = {}
    for balancer, _slash, server in (name.partition("/") for name in sorted(names)):
        found.setdefault(balancer, []).append(server)
    return json.dumps(found) + "\n"


def agrees(state: str, wanted: str) -> bool:
    """Whether the program has taken in which servers are out."""
    try:
        said = json.loads(state)["balancers"]
        out = {(one["name"], each["name"]) for one in said for each in one["servers"] if each["drained"]}
    except (ValueError, KeyError, TypeError):
        return False
    return out == {(one, each) for one, names in json.loads(wanted).items() for each in names}


def rows(node: str, state: str, listed: str | None = None) -> list[dict[str, str]]:
    """What a node's program says, a row for each server. `listed` has the node's flows through balancers."""
    try:
        said = json.loads(state)["balancers"]
    except (ValueError, KeyError, TypeError):
        return [{"node": node, "state": "pair-balance says nothing"}]
    return [
        {
            "node": node,
            "balancer": one["name"],
            "server": each["name"],
            "address": f"{each['address']} port {each['port']}" if each.get("port") else each["address"],
            "weight": str(each["weight"]),
            "flows": _open(one, each, listed),
            "state": _state(each),
            "since": datetime.fromtimestamp(each["since"], timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "reason": each["reason"],
        }
        for one in said
        for each in (*one["servers"], *_sorry(one))
    ]


def _state(server: Mapping[str, Any]) -> str:
    if server["drained"] or not server["up"]:
        return "taken out" if server["drained"] else "down"
    return "full" if server.get("full") else "well"


def _sorry(balancer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The sorry server, where there is one; an earlier version of the program says nothing of it."""
    return [balancer["sorry_server"]] if balancer.get("sorry_server") else []


def _open(balancer: Mapping[str, Any], server: Mapping[str, Any], listed: str | None) -> str:
    """How many flows a node has that have not ended; empty where it was not asked."""
    if listed is None:
        return ""
    if balancer.get("ipvs"):
        # which has a table of its own
        return str(server.get("flows") or 0)
    # an earlier version of the program says nothing of ports
    asked = [AskedPorts(one["protocol"], one["first"], one["last"]) for one in balancer.get("asked", ())]
    known = count_flows(listed, balancer["address"], asked)
    return str(flows_of(known, server["address"], server.get("port")))


def problems(states: Mapping[str, str], files: Mapping[str, str]) -> list[str]:
    """What is wrong, for the exit code: a node that says nothing, or has not taken in what it was told, and
    a quorum that is lost."""
    found = []
    for node, state in states.items():
        try:
            said = json.loads(state)["balancers"]
        except (ValueError, KeyError, TypeError):
            found.append(f"{node}: pair-balance says nothing; journalctl -u pair-balance may tell why")
            continue
        if node in files and not agrees(state, files[node]):
            found.append(f"{node}: pair-balance has not taken in which servers are out; does it run?")
        found += [f"{node}: balancer {one['name']} has lost its quorum" for one in said if not one["quorum"]]
    return found
