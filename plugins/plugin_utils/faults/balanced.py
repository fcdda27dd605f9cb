# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults of balancers: how a server is made to answer no more, and what becomes of flows to it. Pure code."""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.checks import (
    FaultCheck,
    at_most,
    check,
    flows,
)

TABLE = "ftfw_drill_server"
FLAP_UNIT = "ftfw-drill-flap"
FLAP_SECONDS = 2
"""So long a flapping server is away, and so long it is there."""
SPARE_SECONDS = 2
"""How much longer than its time a check may take, on hardware."""
LACKING = (
    "needs a balancer of the pair on the network of the probe's client, with a check by HTTP of two servers "
    "at least, which answer in turn; not with inhibit_on_failure"
)

Balancers = Sequence[Mapping[str, Any]]
"""`balancers` of a view's probes."""


def words(balancers: Balancers, interfaces: Sequence[str]) -> dict[str, str]:
    """Commands on a firewall: `cut_server` cuts off one server of each balancer, `cut_servers` all of them.

    What else the servers' hosts serve is not touched.
    """
    cut = _cut([server for one in balancers for server in one["servers"][:1]], interfaces)
    uncut = f"nft delete table netdev {TABLE} 2>/dev/null; true"
    flap = f"while :; do sleep {FLAP_SECONDS}; {uncut}; sleep {FLAP_SECONDS}; {cut}; done"
    unit = f"systemd-run --quiet --collect --unit={FLAP_UNIT} /bin/sh -c {shlex.quote(flap)}"
    return {
        "cut_server": cut,
        "cut_servers": _cut([server for one in balancers for server in one["servers"]], interfaces),
        # the first time tells whether it works
        "flap_server": f"{cut} && {unit}",
        "uncut_server": f"systemctl stop {FLAP_UNIT}.service 2>/dev/null; {uncut}",
    }


def _cut(servers: Balancers, interfaces: Sequence[str]) -> str:
    """What goes to them leaves no more. It is the egress of a link, where addresses are the servers' own."""
    rules = [
        f"{'ip6' if ':' in one['address'] else 'ip'} daddr {one['address']} tcp dport {one['port']} drop"
        for one in servers
    ]
    lines = [f"add table netdev {TABLE}"]
    for number, interface in enumerate(interfaces):
        chain = f"{TABLE} leg_{number}"
        hook = f'type filter hook egress device "{interface}" priority -500; policy accept;'
        lines += [f"add chain netdev {chain} {{ {hook} }}"]
        lines += [f"add rule netdev {chain} {rule}" for rule in rules]
    return "nft " + shlex.quote("; ".join(lines))


def seconds(balancers: Balancers) -> int:
    """How long it takes at most until a server that answers no more is known, by the slowest check."""
    return math.ceil(max((one["seconds"] for one in balancers), default=0))


def judge_balanced(
    wanted: Mapping[str, Any], client: Mapping[str, Any], known_after: float
) -> Iterator[FaultCheck]:
    """Judge one family's flows through a balancer. `known_after`: so long a dead server may be asked."""
    sessions = [flow for flow in flows(client, kind="http") if flow["kept"]]
    fresh = flows(client, kind="http_connect")
    if sessions and wanted.get("flows") == "all":
        yield _sessions(wanted.get("balanced"), sessions)
    if not fresh:
        return
    name = "new connections through a balancer"
    if wanted.get("until_checked"):
        yield _until_checked(name, fresh, known_after)
    elif "failed_connections" in wanted and not wanted.get("balanced"):
        failed = sum(flow["lost"] for flow in fresh)
        yield at_most(f"{name} that fail", wanted["failed_connections"], failed)
    if wanted.get("reachable"):
        through = all(flow["survivors"] for flow in fresh)
        yield check(f"{name} at the end", "pass", "pass" if through else "do not pass", through)


def _sessions(wanted: str | None, sessions: Sequence[Mapping[str, Any]]) -> FaultCheck:
    """One that hangs neither survives nor has ended."""
    count, alive, ended = (sum(flow[key] for flow in sessions) for key in ("count", "survivors", "ended"))
    expected, ok = {
        None: ("all survive", alive == count),
        "each": ("each survives or ends", True),
        "some": ("some survive, the others end", alive > 0 and ended > 0),
        "none": ("all end", ended == count),
    }[wanted]
    told = f"{alive} of {count} survive, {ended} have ended"
    return check(
        "HTTP sessions through a balancer", expected, told, ok and count > 0 and alive + ended == count
    )


def _until_checked(name: str, fresh: Sequence[Mapping[str, Any]], known_after: float) -> FaultCheck:
    """They fail for at most one check, and some have to: the server was away. Both times are the client's."""
    began = [flow["first_failed_at"] for flow in fresh if flow["first_failed_at"] is not None]
    name = f"{name} fail until the server is known to be away"
    if not began:
        return check(name, f"for at most {known_after:g} s", "none has failed", False)
    last = max(flow["last_failed_at"] for flow in fresh if flow["last_failed_at"] is not None)
    ends: Counter[str] = Counter()
    for flow in fresh:
        ends.update(flow["happened"])
    told = ", ".join(f"{count} {how}" for how, count in sorted(ends.items()))
    return at_most(name, known_after, round(last - min(began), 1), " s", f" ({told})")
