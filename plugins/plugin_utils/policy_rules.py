# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one firewall lets through: the chains of its table, compiled from the site's policy.

What a rule is for stands in the comment above it in the compiled text; the reasons for the order of rules
stand here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_events import events
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_firewall import Firewall
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_gate import gate_blocks, gate_sets
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_nft import (
    ERRORS,
    ICMP,
    IP,
    NFPROTO,
    Block,
    Chain,
    Table,
    blocks,
    one_of,
    ports,
    quoted,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_own import own_input, untracked
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_probes import (
    probe_destination_nat,
    probe_forward,
    probe_helpers,
    probe_pings,
    probe_sets,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_services import HELPERS, ICMP_REQUESTS
from ansible_collections.ftfw.pair.plugins.plugin_utils.site_types import (
    FAMILIES,
    PolicyEntry,
    Service,
    of_family,
)

TABLE = "ftfw"
_OPENS = "tcp flags & (fin | syn | rst | ack) == syn ct state new"


@dataclass(frozen=True)
class Forwarded:
    """A port forward with its interfaces and addresses found."""

    comment: str
    service: Service
    family: int
    incoming: str
    outgoing: str
    virtual: str
    target: str


def compile_policy(firewall: Firewall) -> Table:
    """Compile the table of one firewall."""
    forwards = _port_forwards(firewall)
    helpers = {s.helper for entry in firewall.entries for s in firewall.services(entry) if s.helper}
    helpers |= {forward.service.helper for forward in forwards if forward.service.helper}
    helpers |= {"ftp"} if firewall.probe else set()
    return Table(
        TABLE,
        f"The policy of {firewall.site.name} on {firewall.host.name}, firewall of pair {firewall.pair.name}",
        {helper: HELPERS[helper] for helper in helpers},
        (
            Chain(
                "raw_prerouting",
                "filter",
                "prerouting",
                "raw",
                "accept",
                untracked(firewall, "iifname") + gate_blocks(firewall),
            ),
            Chain("raw_output", "filter", "output", "raw", "accept", untracked(firewall, "oifname")),
            Chain(
                "nat_prerouting",
                "nat",
                "prerouting",
                "dstnat",
                "accept",
                _destination_nat(firewall, forwards),
            ),
            Chain(
                "prerouting",
                "filter",
                "prerouting",
                "filter",
                "accept",
                events() + _helpers(firewall, forwards),
            ),
            Chain("input", "filter", "input", "filter", "drop", own_input(firewall)),
            Chain("forward", "filter", "forward", "filter", "drop", _forward(firewall, forwards, helpers)),
            Chain("nat_postrouting", "nat", "postrouting", "srcnat", "accept", _source_nat(firewall)),
        ),
        gate_sets(firewall) + probe_sets(firewall),
    )


def _port_forwards(firewall: Firewall) -> list[Forwarded]:
    found = []
    for forward in firewall.site.port_forwards:
        target, virtual = firewall.site.forward_target(forward), firewall.site.forward_address(forward)
        if target is None or virtual is None or firewall.site.forward_pair(forward) != firewall.pair:
            continue
        network, address = target
        found.append(
            Forwarded(
                f"{forward} on {virtual} is answered by {forward.host}",
                firewall.site.services[forward.service],
                virtual.version,
                firewall.device(forward.network),
                firewall.device(network),
                str(virtual),
                str(address),
            )
        )
    return found


def _destination_nat(firewall: Firewall, forwards: list[Forwarded]) -> tuple[Block, ...]:
    return blocks(
        *(
            (
                forward.comment,
                [
                    f'iifname "{forward.incoming}" {IP[forward.family]} daddr {forward.virtual} '
                    f"{protocol} dport {ports(ranges)} dnat {IP[forward.family]} to {forward.target}"
                    for protocol, ranges in _protocols([forward.service])
                ],
            )
            for forward in forwards
        ),
        ("the probe, while it runs", probe_destination_nat(firewall)),
    )


def _helpers(firewall: Firewall, forwards: list[Forwarded]) -> tuple[Block, ...]:
    """Helpers are set explicitly: the kernel's automatic assignment by port is off, and was unsafe."""
    found = []
    for entry in firewall.entries:
        incoming = firewall.device(entry.source)
        rules = [_helper_rule(f'iifname "{incoming}"', service) for service in firewall.services(entry)]
        found.append((f"{entry}: helpers", [rule for rule in rules if rule]))
    for forward in forwards:
        # destination NAT has the hook before this one: the packet has its new address
        matches = f'iifname "{forward.incoming}" {IP[forward.family]} daddr {forward.target}'
        rule = _helper_rule(matches, forward.service)
        found.append((f"{forward.comment}: helper", [rule] if rule else []))
    found.append(("the probe, while it runs: helper", probe_helpers(firewall)))
    return blocks(*found)


def _helper_rule(matches: str, service: Service) -> str:
    if service.helper is None:
        return ""
    protocol = HELPERS[service.helper]
    ranges = service.tcp if protocol == "tcp" else service.udp
    return f'{matches} {protocol} dport {ports(ranges)} ct state new ct helper set "{service.helper}"'


def _protocols(services: list[Service]) -> list[tuple[str, list[tuple[int, int]]]]:
    tcp = [port for service in services for port in service.tcp]
    udp = [port for service in services for port in service.udp]
    return [(protocol, ranges) for protocol, ranges in (("tcp", tcp), ("udp", udp)) if ranges]


def _forward(firewall: Firewall, forwards: list[Forwarded], helpers: Iterable[str]) -> tuple[Block, ...]:
    families = [family for family in FAMILIES if firewall.with_family(family)]
    apart = quoted(firewall.apart)
    lacking = [
        f"{direction} {quoted(names)} meta nfproto {NFPROTO[family]} drop"
        for family in FAMILIES
        if (names := firewall.without(family))
        for direction in ("iifname", "oifname")
    ]
    return blocks(
        (
            "management and replication stand apart",
            [f"iifname {apart} drop", f"oifname {apart} drop"] if firewall.apart else [],
        ),
        ("a family that a network does not have", lacking),
        ("what belongs to no known flow", ["ct state invalid drop"]),
        # before the limits, which are not meant for them
        ("pings of the probe, while it runs", probe_pings(firewall)),
        # before the established ones, because an echo's later packets belong to them
        *((f"{e}: at most {e.limit}", _icmp_over_limit(firewall, e)) for e in firewall.entries),
        ("both directions of what was let in", ["ct state established accept"]),
        (
            "what a helper expects",
            [f'ct state related ct helper "{helper}" accept' for helper in sorted(helpers)],
        ),
        (
            "errors about known flows",
            [f"ct state related {ICMP[f]} type {ERRORS[f]} accept" for f in families],
        ),
        *((f"{entry}: {', '.join(entry.services)}", _entry(firewall, entry)) for entry in firewall.entries),
        *((forward.comment, _forwarded(forward)) for forward in forwards),
        ("the probe, while it runs", probe_forward(firewall)),
    )


def _between(firewall: Firewall, entry: PolicyEntry) -> str:
    incoming, outgoing = firewall.device(entry.source), firewall.device(entry.destination)
    return f'iifname "{incoming}" oifname "{outgoing}"'


def _icmp_matches(firewall: Firewall, entry: PolicyEntry) -> list[str]:
    """Match the requests that an entry allows, in each family that both its networks have."""
    types = [kind for service in firewall.services(entry) for kind in service.icmp]
    matches = []
    for family in FAMILIES:
        names = dict.fromkeys(ICMP_REQUESTS[kind][family] for kind in types if family in ICMP_REQUESTS[kind])
        if names and firewall.both(entry, family):
            matches.append(f"{_between(firewall, entry)} {ICMP[family]} type {one_of(names)}")
    return matches


def _icmp_over_limit(firewall: Firewall, entry: PolicyEntry) -> list[str]:
    if entry.limit is None:
        return []
    return [f"{matches} limit rate over {entry.limit} drop" for matches in _icmp_matches(firewall, entry)]


def _entry(firewall: Firewall, entry: PolicyEntry) -> list[str]:
    limit = f" limit rate {entry.limit}" if entry.limit else ""
    rules = [
        f"{_between(firewall, entry)} {protocol} dport {ports(ranges)} "
        f"{_OPENS if protocol == 'tcp' else 'ct state new'}{limit} accept"
        for protocol, ranges in _protocols(firewall.services(entry))
    ]
    return rules + [f"{matches} ct state new accept" for matches in _icmp_matches(firewall, entry)]


def _forwarded(forward: Forwarded) -> list[str]:
    return [
        f'iifname "{forward.incoming}" oifname "{forward.outgoing}" '
        f"{IP[forward.family]} daddr {forward.target} {protocol} dport {ports(ranges)} ct status dnat "
        f"{_OPENS if protocol == 'tcp' else 'ct state new'} accept"
        for protocol, ranges in _protocols([forward.service])
    ]


def _source_nat(firewall: Firewall) -> tuple[Block, ...]:
    if not firewall.site.source_nat:
        return ()
    found = []
    for source, destination in dict.fromkeys((e.source, e.destination) for e in firewall.entries):
        virtual = firewall.pair.virtual_addresses(destination)
        rules = [
            f'oifname "{firewall.device(destination)}" {IP[family]} saddr {one_of(prefixes)} '
            f"snat {IP[family]} to {addresses[0]}"
            for family in FAMILIES
            if (prefixes := firewall.site.networks[source].prefixes_of_family(family))
            and (addresses := of_family(virtual, family))
        ]
        found.append((f"{source} shows itself to {destination} as the pair", rules))
    return blocks(*found)
