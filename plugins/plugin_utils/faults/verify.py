# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `verify` sends, and where it listens: the same in each family of the site, side by side. Pure code.

`verify` is that section of a host's view, `served` what the server has: `sha256` of its files, `certificate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SMALL, LARGE = "small.bin", "large.bin"
CLOSED = (("tcp", 25), ("udp", 123), ("tcp", 8080))
"""What no policy of a verified site lets through, though somebody listens there."""
BACK = 8080
"""The client's own port, which the server must not reach."""

Row = dict[str, Any]


def families_row(verify: Mapping[str, Any]) -> Row:
    """Tell which families are verified; one that passes the pair and can't be measured is no success."""
    measured = [one["family"] for one in verify["families"]]
    wanted = sorted(measured + [one["family"] for one in verify["left_out"] if one["wanted"]])
    return {
        "name": "families that are verified",
        "expected": _families(wanted) if wanted else "IPv4 or IPv6",
        "seen": _families(measured) or "none",
        "ok": bool(measured) and measured == wanted,
        "detail": "; ".join(f"not IPv{one['family']}: {one['reason']}" for one in verify["left_out"]),
    }


def _families(families: list[int]) -> str:
    return ", ".join(f"IPv{family}" for family in families)


def services(verify: Mapping[str, Any], served: Mapping[str, Any]) -> dict[str, Any]:
    """Checks from either side, listeners where nothing may arrive, commands for routes by which it could."""
    client, server, families = verify["client"]["host"], verify["server"]["host"], verify["families"]
    # ip takes the family from the addresses
    routes = [f"{one['client']} via {one['outside']} proto static metric 7" for one in families]
    return {
        "from_client": [row for one in families for row in _from_client(one, server, served)],
        "from_server": [row for one in families for row in _from_server(one)],
        "listening": [
            {
                "host": server,
                "listeners": [
                    {"protocol": protocol, "address": one["server"], "port": port}
                    for one in families
                    for protocol, port in CLOSED
                ],
            },
            {
                "host": client,
                "listeners": [
                    {"protocol": "tcp", "address": one["client"], "port": BACK} for one in families
                ],
            },
        ],
        "route": " && ".join(f"ip route replace {one}" for one in routes),
        "unroute": "; ".join(f"ip route delete {one}" for one in routes),
    }


def _from_client(family: Mapping[str, Any], server: str, served: Mapping[str, Any]) -> list[Row]:
    target, sha256 = family["server"], served["sha256"][SMALL]
    rows: list[Row] = [
        {"name": "DNS", "kind": "dns", "query": server, "answer": target},
        {"name": "HTTP", "kind": "http", "path": f"/{SMALL}", "sha256": sha256},
        {
            "name": "HTTPS",
            "kind": "https",
            "path": f"/{SMALL}",
            "sha256": sha256,
            "certificate": served["certificate"],
        },
        {"name": "FTP with a passive download", "kind": "ftp", "path": SMALL, "sha256": sha256},
        {"name": "ssh", "kind": "ssh"},
        {"name": "ping", "kind": "ping"},
        {
            "name": "control: the virtual address answers the client's ping",
            "kind": "ping",
            "target": family["inside"],
        },
    ]
    rows += [
        {"name": f"{protocol.upper()} {port}", "kind": protocol, "port": port, "expected": "drop"}
        for protocol, port in CLOSED
    ]
    rows.append(
        {
            "name": "TCP to the virtual address itself",
            "kind": "tcp",
            "target": family["inside"],
            "port": BACK,
            "expected": "drop",
        }
    )
    return [{"target": target, **row, "name": row["name"] + family["name"]} for row in rows]


def _from_server(family: Mapping[str, Any]) -> list[Row]:
    return [
        {
            "name": f"control: the virtual address answers the server's ping{family['name']}",
            "kind": "ping",
            "target": family["outside"],
        },
        {
            "name": f"new connection from server to client{family['name']}",
            "kind": "tcp",
            "target": family["client"],
            "port": BACK,
            "expected": "drop",
        },
    ]


def sessions(
    verify: Mapping[str, Any], served: Mapping[str, Any], ssh: Mapping[str, Any], web: int
) -> list[Row]:
    """The sessions to hold; `ssh` has user, identity_file and host_key, `web` is their number per family."""
    checksums = served["sha256"]
    flows: list[Row] = [
        {"name": "ssh session", "kind": "ssh", **ssh},
        {"name": "HTTP download", "kind": "download", "path": f"/{LARGE}", "sha256": checksums[LARGE]},
        {"name": "FTP control session", "kind": "ftp", "path": SMALL, "sha256": checksums[SMALL]},
    ]
    flows += [{"name": f"web session {n}", "kind": "http", "path": "/echo"} for n in range(1, web + 1)]
    return [
        {**flow, "target": family["server"], "name": flow["name"] + family["name"]}
        for family in verify["families"]
        for flow in flows
    ]
