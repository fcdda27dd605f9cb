# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts of a drill, as a playbook has them, in the form that its pure code has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.balanced import SPARE_SECONDS, seconds
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.document import fault, timeline
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.holders import read
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.judge import (
    ADVERTISED,
    Counts,
    FaultSeen,
    for_site,
    judge,
    passed,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.steps import (
    FaultNode,
    FaultSite,
    announced,
    stamp,
    stamps,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.table import FaultRow
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import PROFILES


def site(facts: Mapping[str, Any]) -> FaultSite:
    """`facts`: nodes (each with name, view, and what disturbs it), hosts, open (a command) and lab."""
    nodes = tuple(map(_node, facts["nodes"]))
    return FaultSite(
        # priorities may say otherwise than the order of the nodes
        nodes=tuple(sorted(nodes, key=lambda node: not node.view["pair"]["preferred"])),
        hosts=tuple(facts["hosts"]),
        open=facts["open"],
        is_lab=bool(facts["lab"]),
        balancers=(nodes[0].view["verify"]["probes"] or {"balancers": ()})["balancers"],
    )


def _node(facts: Mapping[str, Any]) -> FaultNode:
    view = facts["view"]
    return FaultNode(
        name=facts["name"],
        view=view,
        hypervisor=view["verify"]["pair"]["guests"].get(facts["name"]),
        container=facts["container"] or None,
        lab=facts["lab"],
        kill=facts["kill"] or None,
        start=facts["start"] or None,
    )


def result(row: FaultRow, where: FaultSite, known: Mapping[str, Any]) -> dict[str, Any]:
    """Judge what the tasks of a row have registered, and make its entry of the document.

    `known`: before, warned (findings), nodes_before (of the document of then), health (a document of
    `pair_health`), healthy (after each time: `after` in seconds or null, and `findings`), client, server,
    late, late_count, watches ({node: text}), injected and undone (registered results, one for each step),
    seconds.
    """
    virtual = [item["address"].partition("/")[0] for item in where.nodes[0].view["pair_state"]["addresses"]]
    ways = list(announced(where.nodes[0]))
    health, probes = known["health"], where.nodes[0].view["verify"]["probes"]
    # clocks are compared where the containers of a lab share one, and by the health check elsewhere
    offsets = {node["node"]: _sure(node.get("clock_offset")) for node in health["nodes"]}
    silent = [node.name for node in where.choose(row.silent, known["before"])] if row.silent else []
    seen = FaultSeen(
        nodes=[node.name for node in where.nodes],
        before=known["before"],
        primary=health["primary"],
        holders=_holders(health),
        findings=[one["findings"] for one in known["healthy"]],
        warned=known["warned"],
        healthy=[one["after"] for one in known["healthy"]],
        client=known["client"],
        server=known["server"],
        held={
            name: read(text, virtual, offsets.get(name, 0.0))
            for name, text in known["watches"].items()
            if text
        },
        fault_at=_first(known["injected"], "fault", offsets),
        undo_at=end_of(row, known["undone"], offsets),
        silent=silent,
        gone=row.returns,
        preferred=where.nodes[0].name,
        preempts=where.nodes[0].view["pair_state"]["preempt"] != "never",
        late=known["late"],
        late_count=int(known["late_count"]),
        announcements={name: _frames(text, ways[0]) for name, text in known["watches"].items()},
        announced_by=ways[0],
        advertisements={name: _frames(text, ways[1]) for name, text in known["watches"].items()}
        if len(ways) > 1
        else None,
        counts=_counts(known["nodes_before"], health["nodes"]),
        rate=probes["rate"],
        known_after=seconds(where.balancers) + SPARE_SECONDS * probes["slack"],
    )
    expect = for_site(
        row.expect,
        interval=where.nodes[0].view["keepalived"]["advert_interval"],
        usual=PROFILES["default"].advert_interval,
        rate=probes["rate"],
        slack=probes["slack"],
    )
    checks = judge(expect, seen)
    # of faults that were drawn there are many: what went well needs no picture
    drawn = None if row.parts and passed(checks) else timeline(seen)
    return fault(row.name, row.title, checks, known["seconds"], drawn)


def _sure(offset: float | None) -> float:
    """A clock's offset in seconds, as far as it is more than what asking for it takes."""
    return offset if offset is not None and abs(offset) > 1 else 0.0


def _stamps(told: list[Mapping[str, Any]], what: str, offsets: Mapping[str, float]) -> list[float]:
    return [
        at - offsets.get(one["item"]["host"], 0.0)
        for one in told
        for at in stamps(one.get("stdout", ""), what)
    ]


def _first(told: list[Mapping[str, Any]], what: str, offsets: Mapping[str, float]) -> float | None:
    return min(_stamps(told, what, offsets), default=None)


def end_of(row: FaultRow, told: list[Mapping[str, Any]], offsets: Mapping[str, float]) -> float | None:
    """When a row was undone. Of faults that were made together all have to be over."""
    return (max if row.parts else min)(_stamps(told, "undo", offsets), default=None)


def _holders(health: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{node['node']}: {', '.join(node['virtual_addresses'] or []) or 'none'}" for node in health["nodes"]
    )


def _counts(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]
) -> dict[str, tuple[Counts, Counts]]:
    """The counters of the nodes that have not started anew; a look that has failed is no proof of that."""
    earlier = {node["node"]: node for node in before}
    return {
        node["node"]: (earlier[node["node"]]["counters"], node["counters"])
        for node in after
        if node["boot"] is None or node["boot"] == earlier[node["node"]]["boot"]
    }


def _frames(text: str, way: str) -> int | None:
    found = stamp(text, "advert" if way == ADVERTISED else "arp")
    return None if found is None else int(found)
