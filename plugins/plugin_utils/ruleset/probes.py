# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a firewall lets through for the site's probe: rules on sets that are empty while no probe runs.

An element is added with a time-out, so it goes by itself, even when nobody is left to take it away.
"""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.firewall import Firewall
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.nft import Counter, Set
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.probes import ProbePath

PORTS, FTP, PINGS, FORWARDS = "probe_ports", "probe_ftp", "probe_pings", "probe_forwards"
COUNTER = "probed"
SECONDS = "SECONDS"
"""Stands in a command where its time-out goes: in a map that has its place before the colon."""
_IP = {4: "ip", 6: "ip6"}
_TYPE = {4: "ipv4_addr", 6: "ipv6_addr"}
_ICMP = {4: "icmp", 6: "icmpv6"}
_PORT = "meta l4proto . th dport"
_SYN = "tcp flags & (fin | syn | rst | ack) == syn"


def probe_sets(firewall: Firewall) -> tuple[Set, ...]:
    if not firewall.probes:
        return ()
    found = [
        Set(PORTS, "what a probe opens while it runs", "inet_proto . inet_service"),
        Set(FTP, "control connections of a probe's downloads", "inet_service"),
    ]
    for path in firewall.probes:
        address = _TYPE[path.family]
        pings, forwards = _of_family(firewall.probes, path)
        found += [
            Set(pings, "from where to where a probe pings", f"{address} . {address}"),
            Set(
                forwards,
                "where a probe is forwarded to",
                f"{address} . inet_proto . inet_service : {address}",
            ),
        ]
    return tuple(found)


def _of_family(paths: Sequence[ProbePath], path: ProbePath) -> tuple[str, str]:
    """Name the set of pings and the map of forwards; a second family has its own."""
    ending = "" if path == paths[0] else f"_v{path.family}"
    return f"{PINGS}{ending}", f"{FORWARDS}{ending}"


def probe_counters(firewall: Firewall) -> tuple[Counter, ...]:
    return (Counter(COUNTER, "flows that a probe has opened"),) if firewall.probes else ()


def probe_destination_nat(firewall: Firewall) -> list[str]:
    rules = []
    for path in firewall.probes:
        ip = _IP[path.family]
        incoming = f'iifname "{firewall.device(path.outside)}" {ip} saddr {path.server}'
        _pings, forwards = _of_family(firewall.probes, path)
        rules.append(f"{incoming} dnat {ip} to {ip} daddr . {_PORT} map @{forwards}")
    return rules


def probe_helpers(firewall: Firewall) -> list[str]:
    return [
        f'iifname "{firewall.device(path.inside)}" {_ends(path)} '
        f'tcp dport @{FTP} ct state new ct helper set "ftp"'
        for path in firewall.probes
    ]


def probe_pings(firewall: Firewall) -> list[str]:
    rules = []
    for path in firewall.probes:
        ip = _IP[path.family]
        pings, _forwards = _of_family(firewall.probes, path)
        rules.append(
            f"{_outwards(firewall, path)} {ip} saddr . {ip} daddr @{pings} "
            f"{_ICMP[path.family]} type echo-request accept"
        )
    return rules


def probe_forward(firewall: Firewall) -> list[str]:
    """Accept what the probe opens, from client to server and, forwarded, from server to client."""
    rules = []
    for path in firewall.probes:
        ip = _IP[path.family]
        incoming, outgoing = firewall.device(path.outside), firewall.device(path.inside)
        out = f"{_outwards(firewall, path)} {_ends(path)}"
        back = (
            f'iifname "{incoming}" oifname "{outgoing}" '
            f"{ip} saddr {path.server} {ip} daddr {path.client} ct status dnat"
        )
        rules += [
            f'{matches} {protocol} {_PORT} @{PORTS} ct state new counter name "{COUNTER}" accept'
            for matches in (out, back)
            for protocol in (_SYN, "meta l4proto udp")
        ]
    return rules


def _outwards(firewall: Firewall, path: ProbePath) -> str:
    return f'iifname "{firewall.device(path.inside)}" oifname "{firewall.device(path.outside)}"'


def _ends(path: ProbePath) -> str:
    ip = _IP[path.family]
    return f"{ip} saddr {path.client} {ip} daddr {path.server}"


def probe_commands(paths: Sequence[ProbePath]) -> tuple[list[str], list[str]]:
    """Write nft's commands that let the probe through, and those that end that at once."""
    timeout = f"timeout {SECONDS}s"
    probes = paths[0].probes
    elements = {
        PORTS: [f"{protocol} . {port} {timeout}" for protocol, port in paths[0].ports()],
        FTP: [f"{probes.ftp} {timeout}"],
    }
    maps = []
    for path in paths:
        pings, forwards = _of_family(paths, path)
        maps.append(forwards)
        elements[pings] = [f"{path.client} . {path.server} {timeout}"]
        elements[forwards] = [
            f"{path.virtual} . {protocol} . {port} {timeout} : {path.client}"
            for protocol, port in probes.forwards()
        ]
    opening = [f"add element inet ftfw {name} {{ {', '.join(all_)} }}" for name, all_ in elements.items()]
    closing = [f"flush {'map' if name in maps else 'set'} inet ftfw {name}" for name in elements]
    return opening, closing
