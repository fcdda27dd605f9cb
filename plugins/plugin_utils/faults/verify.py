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

VerifyRow = dict[str, Any]


def families_row(verify: Mapping[str, Any]) -> VerifyRow:
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


def _from_client(family: Mapping[str, Any], server: str, served: Mapping[str, Any]) -> list[VerifyRow]:
    target, sha256 = family["server"], served["sha256"][SMALL]
    rows: list[VerifyRow] = [
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


def _from_server(family: Mapping[str, Any]) -> list[VerifyRow]:
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
) -> list[VerifyRow]:
    """The sessions to hold; `ssh` has user, identity_file and host_key, `web` is their number per family."""
    checksums = served["sha256"]
    flows: list[VerifyRow] = [
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


def failover_rows(known: Mapping[str, Any]) -> list[VerifyRow]:
    """Judge where the addresses were before a failover and are after it, around the sessions' own rows.

    `known`: phase, backup, before and after (of the pair, as `pair_summary` has them), sessions (rows).
    """
    before, after = known["before"], known["after"]
    return [
        {
            "name": f"{known['phase']}: virtual addresses before the failover",
            "expected": "all on one node",
            "seen": "all on one node" if before["primary"] else before["holders"],
            "ok": before["primary"] is not None,
            "detail": before["holders"],
        },
        *known["sessions"],
        _addresses(known, after, "after the failover", after["holders"]),
    ]


def return_rows(known: Mapping[str, Any]) -> list[VerifyRow]:
    """Judge how the former primary has come back: as backup, with all flows.

    `known`: phase, expected (survives, dies), primary and backup (who they were, and are), after (of the
    pair), and the registered results of vrrp_info, of conntrack_sync (`synced`) and of the probe that has
    opened sessions to learn of (`opened`). A result of a host that did not answer has a `msg` alone.
    """
    former, backup, vrrp, synced = (known[key] for key in ("primary", "backup", "vrrp", "synced"))
    states = list(dict.fromkeys(one["state"] for one in vrrp.get("instances", {}).values()))
    missing = str(synced.get("missing_count", synced.get("msg", "unknown")))
    replicated = synced.get("replicated", 0)
    opened = known["opened"]
    why = [f"sessions could not be opened: {opened['msg'].strip()}"] if "msg" in opened else []
    return [
        {
            "name": f"{known['phase']}: {former} is back",
            "expected": "BACKUP",
            "seen": ", ".join(states) or vrrp.get("msg", "nothing"),
            "ok": states == ["BACKUP"],
        },
        {
            "name": f"{known['phase']}: flows of {backup} that {former} does not have",
            "expected": "0",
            "seen": missing,
            # with nothing to replicate nothing would be proved
            "ok": missing == "0" and (known["expected"] == "dies" or int(replicated) > 0),
            "detail": "; ".join([f"{replicated} flows replicated", *why]),
        },
        _addresses(known, known["after"], "when both nodes are back", "; ".join(known["after"]["problems"])),
    ]


def _addresses(known: Mapping[str, Any], pair: Mapping[str, Any], when: str, detail: str) -> VerifyRow:
    return {
        "name": f"{known['phase']}: virtual addresses {when}",
        "expected": f"all on {known['backup']}",
        "seen": f"all on {pair['primary']}" if pair["primary"] else pair["holders"],
        "ok": pair["primary"] == known["backup"],
        "detail": detail,
    }
