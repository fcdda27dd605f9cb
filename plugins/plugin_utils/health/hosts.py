# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The health of hosts that have balancers and are in no pair: what is asked, and what it means. Pure code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.health.findings import (
    ERROR,
    Finding,
    balancer_findings,
)
from ansible_collections.ftfw.pair.plugins.module_utils.health.parse import parse_balancers
from ansible_collections.ftfw.pair.plugins.module_utils.nft.names import BALANCER_TABLE

LOOK = f"""\
echo "load $(systemctl show --property=LoadState --value pair-balance.service)"
echo "unit $(systemctl is-active pair-balance.service)"
nft list table inet {BALANCER_TABLE} >/dev/null 2>&1 && echo "table loaded"
echo "4 $(cat /proc/sys/net/ipv4/ip_forward 2>/dev/null)"
echo "6 $(cat /proc/sys/net/ipv6/conf/all/forwarding 2>/dev/null)"
echo "state $(tr -d '\\n' </run/pair-balance/state.json 2>/dev/null)"
"""
"""What the host's shell runs; `look` reads what it prints."""
_KEYS = {4: "net.ipv4.ip_forward", 6: "net.ipv6.conf.all.forwarding"}


@dataclass(frozen=True)
class BalancerHost:
    """A host as the site has it, and what it has said: None where it could not be reached."""

    name: str
    balancers: Sequence[str]
    families: Sequence[int]
    """Which it has to forward."""
    said: str | None


@dataclass(frozen=True)
class BalancerHostHealth:
    name: str
    document: Mapping[str, Any]
    findings: Sequence[Finding]

    @property
    def sentences(self) -> list[str]:
        return [f"{self.name}: {finding.message}" for finding in self.findings]

    def lines(self) -> Iterator[str]:
        for finding in self.findings:
            yield f"{finding.severity.upper():7}  {self.name}: {finding.message}"
        if not self.findings:
            yield f"OK       {self.name}: no findings"


def look(host: BalancerHost) -> BalancerHostHealth:
    """Judge what a host has said."""
    said = dict(_said(host.said or ""))
    state = said.get("state", "")
    known = parse_balancers(state) if said.get("unit") == "active" else []
    document = {
        "host": host.name,
        "reachable": host.said is not None,
        "unit": said.get("unit"),
        "table": "table" in said if host.said is not None else None,
        "forwards": [family for family in _KEYS if said.get(str(family)) == "1"],
        "balancers": known,
    }
    findings = list(_findings(host, said, known))
    shown = [asdict(finding) for finding in findings]
    return BalancerHostHealth(host.name, {**document, "findings": shown}, findings)


def _said(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        key, _blank, value = line.strip().partition(" ")
        yield key, value


def _findings(
    host: BalancerHost, said: Mapping[str, str], known: Sequence[Mapping[str, Any]]
) -> Iterator[Finding]:
    if host.said is None:
        yield Finding("host-unreachable", ERROR, "can't be reached")
        return
    if said.get("load") == "not-found":
        yield Finding("balancer-unit", ERROR, "has none of its balancers yet; run site.yml")
        return
    if "table" not in said:
        words = f"the kernel has no table inet {BALANCER_TABLE}, so nothing is balanced"
        yield Finding("balancer-table", ERROR, f"{words}; systemctl restart ftfw-balancer loads it")
    for family in host.families:
        if said.get(str(family)) != "1":
            words = f"does not forward IPv{family}: {_KEYS[family]} is not 1"
            yield Finding("balancer-forwarding", ERROR, f"{words}; run site.yml")
    if said.get("unit") != "active":
        words = f"pair-balance.service is {said.get('unit') or 'unknown'}, so nobody asks the servers"
        yield Finding("balancer-unit", ERROR, f"{words}; journalctl -u pair-balance may tell why")
        return
    for name in sorted({*host.balancers} ^ {one["name"] for one in known}):
        words = "the host does not have it yet" if name in host.balancers else "the site no longer has it"
        yield Finding("balancer-unknown", ERROR, f"balancer {name}: {words}; run site.yml")
    yield from balancer_findings(known)
