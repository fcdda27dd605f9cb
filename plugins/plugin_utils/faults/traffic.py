# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drill sends through the pair, as options of the module `flow_probe`. Pure code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

FEW = 10
"""Sessions, and new connections a second, of what is only sampled."""
DOWNLOAD_BYTES = 262_144
DOWNLOAD_SPARE_SECONDS = 8
"""How much longer than a fault the download lasts."""

Options = dict[str, Any]


def listeners(probes: Mapping[str, Any]) -> list[Options]:
    """What listens at both ends: `host`, `listeners`.

    `probes` is `verify.probes` of a view: `client` and `server`, each with `host`; `families`, each with
    `name`, `client`, `server` and `forward`; the ports `tcp`, `udp`, `ftp` and `forward`; `rate`, `slack`;
    `balancers`.
    """
    at_server = [
        {"kind": kind, "address": each["server"], "port": probes[kind]}
        for each in probes["families"]
        for kind in ("tcp", "udp", "ftp")
    ]
    at_client = [
        {"kind": kind, "address": each["client"], "port": probes["forward"][kind]}
        for each in probes["families"]
        for kind in ("tcp", "udp")
    ]
    return [
        {"host": probes["server"]["host"], "listeners": at_server},
        {"host": probes["client"]["host"], "listeners": at_client},
    ]


def flows(probes: Mapping[str, Any], sessions: int, seconds: float) -> list[Options]:
    """What each end sends in each family, `host` and `flows`, around a fault of `seconds`."""
    families: Sequence[Mapping[str, Any]] = probes["families"]
    # one download lasts through the fault, and the control connection has another one at the end of the row
    download = (seconds + DOWNLOAD_SPARE_SECONDS) * probes["slack"]
    return [
        {
            "host": probes["client"]["host"],
            "flows": [
                *(one for each in families for one in _from_client(probes, each, sessions, download)),
                *(one for each in probes["balancers"] for one in _through_balancer(probes, each, sessions)),
            ],
        },
        {
            "host": probes["server"]["host"],
            "flows": [one for each in families for one in _from_server(probes, each, sessions)],
        },
    ]


def late(probes: Mapping[str, Any], sessions: int) -> list[Options]:
    """What begins at the client while the fault lasts."""
    return [
        {
            "name": f"late{each['name']}",
            "kind": "tcp",
            "target": each["server"],
            "port": probes["tcp"],
            "count": sessions,
        }
        for each in probes["families"]
    ]


def _few(probes: Mapping[str, Any]) -> float:
    # a host that can't keep up the usual stream is spared the rest of it, too
    return min(float(FEW), int(probes["rate"]) / 10)


def _from_client(
    probes: Mapping[str, Any], family: Mapping[str, Any], sessions: int, download: float
) -> list[Options]:
    name, to = family["name"], {"target": family["server"]}
    return [
        {"name": f"sessions{name}", "kind": "tcp", "count": sessions, **to, "port": probes["tcp"]},
        {
            "name": f"new connections{name}",
            "kind": "connect",
            "rate": _few(probes),
            **to,
            "port": probes["tcp"],
        },
        {"name": f"stream{name}", "kind": "udp", **to, "port": probes["udp"], "rate": probes["rate"]},
        {"name": f"ping{name}", "kind": "ping", **to},
        {
            "name": f"download{name}",
            "kind": "ftp",
            **to,
            "port": probes["ftp"],
            "size": DOWNLOAD_BYTES,
            "seconds": float(download),
        },
    ]


def _through_balancer(probes: Mapping[str, Any], balancer: Mapping[str, Any], sessions: int) -> list[Options]:
    """Its own servers answer: a listener of the probe would not be found well."""
    to = {"target": balancer["address"], "port": balancer["port"], "path": balancer["path"]}
    name = balancer["name"]
    # so that each server has one, where others come in between
    count = max(min(FEW, sessions), 2 * len(balancer["servers"]))
    return [
        {"name": f"sessions through {name}", "kind": "http", "count": count, **to},
        {"name": f"new connections through {name}", "kind": "http_connect", "rate": _few(probes), **to},
    ]


def _from_server(probes: Mapping[str, Any], family: Mapping[str, Any], sessions: int) -> list[Options]:
    name, to, port = family["name"], {"target": family["forward"]}, probes["forward"]
    return [
        {"name": f"sessions{name}", "kind": "tcp", "count": min(FEW, sessions), **to, "port": port["tcp"]},
        {
            "name": f"new connections{name}",
            "kind": "connect",
            "rate": _few(probes) / 2,
            **to,
            "port": port["tcp"],
        },
        {"name": f"stream{name}", "kind": "udp", **to, "port": port["udp"], "rate": probes["rate"]},
    ]
