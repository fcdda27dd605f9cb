# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `verify` asks of balancers, and who has answered by the tables of connections. Pure code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.balance.flows import read_flows
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.verify import VerifyRow

_EACH = 2
"""Requests for each server: one after the other, all have been asked then."""


def requests(verify: Mapping[str, Any]) -> list[VerifyRow]:
    """Checks from the client: each server's turn comes, and comes again."""
    return [
        {
            "name": f"balancer {one['name']}: request {number}",
            "kind": one["kind"],
            "target": one["address"],
            "port": one["port"],
            **({"path": one["path"]} if one["kind"] == "http" else {}),
        }
        for one in verify["balancers"]
        for number in range(1, _EACH * len(one["servers"]) + 1)
    ]


def asked_nodes(verify: Mapping[str, Any]) -> list[str]:
    """The hosts that know who answers."""
    return list(dict.fromkeys(node for one in verify["balancers"] for node in one["nodes"]))


def answered(verify: Mapping[str, Any], listings: Mapping[str, str]) -> list[VerifyRow]:
    """A row for each balancer: which servers have answered. One client may have one server, by a hash.

    `listings` has the flows of each host: another one sees the balancer's host answer itself.
    """
    rows: list[VerifyRow] = []
    for one in verify["balancers"]:
        flows = [flow for node in one["nodes"] for flow in read_flows(listings.get(node, ""))]
        names = {(each["address"], each["port"]): str(each["name"]) for each in one["servers"]}
        seen = {
            names.get(flow.server, flow.server[0])
            for flow in flows
            # a host that asks its own address checks what serves there
            if flow.asked == (one["address"], one["port"]) and flow.sender not in one["own"]
        }
        every = sorted(set(names.values()))
        alone = not one["together"] and len(seen) == 1 and seen.issubset(every)
        rows.append(
            {
                "name": f"balancer {one['name']}: servers that answer",
                "expected": ", ".join(every) if one["together"] else f"one of {', '.join(every)}",
                "seen": ", ".join(sorted(seen)) or "none",
                "ok": alone or (one["together"] and seen == set(every)),
                "detail": "",
            }
        )
    return rows
