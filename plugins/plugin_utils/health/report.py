# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The health of a site's pairs as a table, as lines and as a document. Pure code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.health.pair import (
    PairFinding,
    SeenNode,
    SeenPair,
    find,
    under_way,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.health.hosts import BalancerHostHealth
from ansible_collections.ftfw.pair.plugins.plugin_utils.health.status import summary

COLUMNS = [
    "node",
    "state",
    "since",
    "virtual addresses",
    "kernel",
    "internal",
    "external",
    "replication lag",
    "lost",
    "last error",
]
WIDTH = 70
"""Characters of the last error in the table; the document has all of it."""


def report(site: str, pairs: Sequence[SeenPair], hosts: Sequence[BalancerHostHealth] = ()) -> dict[str, Any]:
    """What `status` prints and writes. The first pair's keys stand at the top of the document as well.

    `hosts` have balancers and are in no pair.
    """
    found = [(pair.last(), find(pair)) for pair in pairs]
    documents = [_document(pair, findings) for pair, findings in found]
    problems = [
        f"{pair.name}: {finding.sentence}" if len(pairs) > 1 else finding.sentence
        for pair, findings in found
        for finding in findings
    ]
    problems += [sentence for host in hosts for sentence in host.sentences]
    several = ["pair"] if len(pairs) > 1 else []
    return {
        "columns": [*several, *COLUMNS],
        "rows": [{"pair": pair.name, **_row(node)} for pair, _findings in found for node in pair.nodes],
        "lines": _lines(found) + [line for host in hosts for line in _host_lines(host)],
        "problems": problems,
        "document": {
            "site": site,
            "healthy": not problems,
            **(documents[0] if documents else {}),
            "problems": problems,
            "pairs": documents,
            "hosts": [host.document for host in hosts],
        },
    }


def _lines(found: Sequence[tuple[SeenPair, Sequence[PairFinding]]]) -> list[str]:
    lines = []
    for pair, findings in found:
        lines += [f"{finding.severity.upper():7}  {pair.name}: {finding.sentence}" for finding in findings]
        lines += [] if findings else [f"OK       {pair.name}: no findings"]
        lines += [f"NOTE     {pair.name}: {words}" for words in _under_way(pair)]
        lines += [f"BALANCER {pair.name}: {words}" for words in _balancers(pair)]
    return lines


def _under_way(pair: SeenPair) -> list[str]:
    told = []
    for node in pair.nodes:
        left, vrrp = under_way(node), (node.health or {}).get("vrrp") or {}
        if left is not None:
            change = f"the transition of '{vrrp['pending']}' to {vrrp['state']}"
            words = f"began at {_iso(vrrp['since']) or '?'}, is under way, and over in {left:.0f} s at most"
            told.append(f"{node.name}: {change} {words}")
    return told


def _balancers(pair: SeenPair) -> list[str]:
    """Who answers, by the node that has the virtual address."""
    told = []
    for node in pair.nodes:
        for one in (node.health or {}).get("balancers") or ():
            if node.look and one["address"] in node.look["virtual_addresses"]:
                told.append(_balancer(one))
    return told


def _host_lines(host: BalancerHostHealth) -> list[str]:
    return [
        *host.lines(),
        *(f"BALANCER {host.name}: {_balancer(one)}" for one in host.document["balancers"]),
    ]


def _balancer(one: Mapping[str, Any]) -> str:
    servers = ", ".join(_server(each) for each in one["servers"])
    instead = f"; {one['sorry']} answers" if one["sorry"] else ""
    sorry = one.get("sorry_server")
    if sorry and not sorry["up"]:
        instead += f"; sorry server {sorry['address']} down, {sorry['reason']} since {_iso(sorry['since'])}"
    return f"{one['name']} at {one['address']}: {servers}{instead}"


def _well(server: Mapping[str, Any]) -> str:
    """An earlier version of the program says nothing of limits."""
    return f"full, with {server['flows']} flows," if server.get("full") else "well"


def _server(server: Mapping[str, Any]) -> str:
    state = _well(server) if server["up"] else f"down, {server['reason']}"
    state = "taken out" if server["drained"] else state
    return f"{server['name']} (weight {server['weight']}) {state} since {_iso(server['since'])}"


def _document(pair: SeenPair, findings: Sequence[PairFinding]) -> dict[str, Any]:
    known = summary({node.name: node.look for node in pair.nodes}, pair.virtual_addresses)
    return {
        "pair": pair.name,
        "primary": known["primary"],
        "nodes": [{**known["nodes"][node.name], **_node(node)} for node in pair.nodes],
        "findings": [asdict(finding) for finding in findings],
    }


def _node(node: SeenNode) -> dict[str, Any]:
    """What the health check adds to what `pair_status` tells; null for what is not known."""
    health = node.health or {}
    vrrp, error = health.get("vrrp") or {}, health.get("last_error")
    offset = node.look["clock_offset"] if node.look else None
    return {
        "since": _iso(vrrp.get("since")),
        "transition_incomplete": vrrp["pending"] is not None if vrrp else None,
        "transition_under_way": under_way(node) is not None if vrrp else None,
        "table_maximum": (health.get("entries") or {}).get("maximum"),
        "replication": health.get("replication"),
        "links": health.get("links"),
        "balancers": health.get("balancers"),
        "conntrackd_counters": health.get("conntrackd"),
        "last_error": {**error, "time": _iso(error["time"])} if error else None,
        "failed_units": health.get("failed_units"),
        "ruleset": health.get("ruleset"),
        "boot": health.get("boot"),
        "counters": health.get("counters"),
        "versions": health.get("versions"),
        "clock_offset": None if offset is None else round(sum(offset) / 2, 3),
    }


def _row(node: SeenNode) -> dict[str, str]:
    if node.look is None:
        return {"node": node.name, "state": "unreachable"}
    entries, health = node.look["entries"], node.health or {}
    replication, error = health.get("replication"), health.get("last_error")
    since = (health.get("vrrp") or {}).get("since")
    return {
        "node": node.name,
        "state": node.look["vrrp_state"],
        "since": _iso(since) or "?",
        "virtual addresses": ", ".join(node.look["virtual_addresses"]) or "none",
        **{table: _count(entries[table]) for table in ("kernel", "internal")},
        "external": "off" if _without_cache(health) else _count(entries["external"]),
        "replication lag": _lag(replication),
        "lost": _count(replication["lost"] if replication else None),
        "last error": _error(error) if error else "none" if health else "?",
    }


def _without_cache(health: Mapping[str, Any]) -> bool:
    known = health.get("conntrackd")
    return bool(known and known["general"]["external"]["kind"] != "cache")


def _count(number: int | None) -> str:
    return "?" if number is None else str(number)


def _lag(replication: Mapping[str, Any] | None) -> str:
    """Since when nothing has come from the peer, and how many messages it has not confirmed."""
    if replication is None or replication["silent_seconds"] is None:
        return "?"
    return f"{replication['silent_seconds']:g} s, {replication['unconfirmed']} unconfirmed"


def _error(error: Mapping[str, Any]) -> str:
    text = f"{_iso(error['time'])} {error['unit'].removesuffix('.service')}: {error['message']}"
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"


def _iso(moment: float | None) -> str | None:
    """Seconds since the epoch as ISO 8601, in UTC."""
    if moment is None:
        return None
    return datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
