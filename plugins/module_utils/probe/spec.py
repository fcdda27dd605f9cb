# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a flow probe is asked to do: defaults of each kind, and a check of all values before it starts."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any

KINDS = ("tcp", "connect", "udp", "ping", "ftp", "http", "http_connect")
LISTENER_KINDS = ("tcp", "udp", "ftp")

DEFAULTS: dict[str, dict[str, float]] = {
    "tcp": {"rate": 5, "size": 64},
    "connect": {"rate": 10, "size": 64},
    "udp": {"rate": 1000, "size": 64},
    "ping": {"rate": 10, "size": 64},
    "ftp": {"rate": 1, "size": 1 << 20},
    "http": {"rate": 1, "size": 0},
    "http_connect": {"rate": 10, "size": 0},
}
SIZES = {
    "tcp": (36, 65536),
    "connect": (36, 65536),
    "udp": (36, 1472),
    "ping": (36, 1472),
    "ftp": (1, 1 << 30),
    # the server says how large a page is
    "http": (0, 0),
    "http_connect": (0, 0),
}
NEW = ("connect", "http_connect")
PATH = re.compile(r"/[!-~]*")
RATES = (0.1, 20000.0)
"""Messages per second, of all flows of one entry together."""
COUNTS = (1, 2000)


def complete(flow: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in what a flow leaves out."""
    defaults = {"count": 1, "port": None, "source_port": None, "seconds": 20.0, "down": True, "path": "/"}
    given = {key: value for key, value in flow.items() if value is not None}
    return {**defaults, **DEFAULTS.get(str(flow.get("kind")), {}), **given}


def problems(spec: Mapping[str, Any]) -> list[str]:
    """Find every value that makes no sense; each line names its place, the value, and what would be right."""
    return [*_timing(spec), *_listeners(spec), *_flows(spec)]


def _timing(spec: Mapping[str, Any]) -> Iterator[str]:
    if not 1 <= spec["bin_ms"] <= 1000:
        yield f"bin_ms: {spec['bin_ms']}: use 1 to 1000"
    if not spec["timeout"] > 0:
        yield f"timeout: {spec['timeout']}: use more than 0 seconds"
    if not spec["timeout"] < spec["lifetime"] <= 86400:
        yield f"lifetime: {spec['lifetime']}: use more than timeout ({spec['timeout']}), up to 86400 seconds"
    if not (spec["listeners"] or spec["flows"]):
        yield "neither listeners nor flows: name one at least"


def _listeners(spec: Mapping[str, Any]) -> Iterator[str]:
    seen: dict[tuple[str, str, int], int] = {}
    for index, listener in enumerate(spec["listeners"]):
        place = f"listeners[{index}]"
        kind, port = listener["kind"], listener["port"]
        if kind not in LISTENER_KINDS:
            yield f"{place}.kind: {kind}: is none of {', '.join(LISTENER_KINDS)}"
        yield from _address(f"{place}.address", listener["address"])
        yield from _port(f"{place}.port", port)
        protocol = "udp" if kind == "udp" else "tcp"
        first = seen.setdefault((protocol, listener["address"], port), index)
        if first != index:
            yield f"{place}.port: {port}: listeners[{first}] has this {protocol} port too"


def _flows(spec: Mapping[str, Any]) -> Iterator[str]:
    seen: dict[str, int] = {}
    for index, flow in enumerate(spec["flows"]):
        place, kind = f"flows[{index}]", flow["kind"]
        first = seen.setdefault(flow["name"], index)
        if first != index:
            yield f"{place}.name: {flow['name']}: flows[{first}] has this name too"
        if kind not in KINDS:
            yield f"{place}.kind: {kind}: is none of {', '.join(KINDS)}"
            continue
        yield from _address(f"{place}.target", flow["target"])
        if kind != "ping":
            yield from _port(f"{place}.port", flow["port"])
        elif flow["port"] is not None:
            yield f"{place}.port: {flow['port']}: a ping has no port, leave it out"
        yield from _numbers(place, flow)


def _numbers(place: str, flow: Mapping[str, Any]) -> Iterator[str]:
    kind, count, rate, size = flow["kind"], flow["count"], flow["rate"], flow["size"]
    if not COUNTS[0] <= count <= COUNTS[1]:
        yield f"{place}.count: {count}: use {COUNTS[0]} to {COUNTS[1]}"
    elif kind in NEW and count != 1:
        yield f"{place}.count: {count}: new connections have a rate, leave it out"
    elif not (RATES[0] <= rate and rate * count <= RATES[1]):
        lowest, highest = RATES
        yield f"{place}.rate: {rate:g}: use {lowest:g} a second or more, and up to {highest:g} with all flows"
    smallest, largest = SIZES[kind]
    if size and not largest:
        yield f"{place}.size: {size}: of {kind} the server says it, leave it out"
    elif not smallest <= size <= largest:
        yield f"{place}.size: {size}: use {smallest} to {largest} bytes for {kind}"
    if kind == "ftp" and not 0 <= flow["seconds"] <= 3600:
        yield f"{place}.seconds: {flow['seconds']:g}: use 0 to 3600"
    if not PATH.fullmatch(flow["path"]):
        yield f"{place}.path: {flow['path']}: is no path; begin with a slash, and write blanks as %20"
    port = flow["source_port"]
    if port is not None:
        if kind not in ("tcp", "udp", "ftp"):
            yield f"{place}.source_port: {port}: {kind} can't keep one, leave it out"
        elif not 1 <= port <= 65536 - count:
            yield f"{place}.source_port: {port}: use 1 to {65536 - count}, for {count} ports from there on"


def _address(place: str, value: str) -> Iterator[str]:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        yield f"{place}: {value}: is no IP address"


def _port(place: str, value: int | None) -> Iterator[str]:
    if value is None:
        yield f"{place}: is missing"
    elif not 1 <= value <= 65535:
        yield f"{place}: {value}: use 1 to 65535"
