# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one firewall lets through: the chains of its table, compiled from the site's policy.

What a rule is for stands in the comment above it in the compiled text; the reasons for the order of rules
stand here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ansible_collections.ftfw.pair.plugins.module_utils.nft.names import TABLE
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.balancers import (
    balancer_memory,
    balancer_nat,
    balancer_resets,
    balancer_sets,
    balancer_source_nat,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.entries import (
    dispatch,
    entry_chains,
    entry_counters,
    helper_rule,
    helpers_of_entries,
    limit_chains,
    ping_chains,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.events import events
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.firewall import Firewall
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.gate import gate_blocks, gate_sets
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.match import OPENS, operand, ports_by_protocol
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.nft import (
    ERRORS,
    ICMP,
    IP,
    NFPROTO,
    Block,
    Chain,
    Table,
    Verdicts,
    blocks,
    one_of,
    ports,
    quoted,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.offload import (
    flowtables,
    offload_counters,
    offload_rules,
    offload_sets,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.own import (
    own_input,
    redirects,
    reverse_path,
    untracked,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.probes import (
    probe_counters,
    probe_destination_nat,
    probe_forward,
    probe_helpers,
    probe_pings,
    probe_sets,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.sets import entry_sets, forward_sets
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.verdict_maps import REFUSED, uses_refused
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import Way
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import MASQUERADE, PortForward
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import FAMILIES, of_family
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.services import (
    HELPERS,
    Service,
    helper_families,
    helper_type,
    helpers_of_flows,
)


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
    hairpin: bool
    sources: str
    """A match for those whom it is for, with a blank after it."""

    @property
    def helper(self) -> str | None:
        """The service's helper, where the kernel has it in this family."""
        helper = self.service.helper
        return helper if helper and self.family in helper_families(helper) else None

    @property
    def asked_from(self) -> str:
        """Devices behind which it can be asked for."""
        return quoted([self.incoming, self.outgoing] if self.hairpin else [self.incoming])


def compile_policy(firewall: Firewall) -> Table:
    """Compile the table of one firewall."""
    forwards = _port_forwards(firewall)
    helpers = helpers_of_entries(firewall)
    helpers |= {forward.helper for forward in forwards if forward.helper}
    helpers |= {"ftp"} if firewall.probe else set()
    sets = entry_sets(firewall)
    pings, entries = ping_chains(firewall), entry_chains(firewall)
    return Table(
        TABLE,
        f"The policy of {firewall.site.name} on {firewall.host.name}, firewall of pair {firewall.pair.name}",
        {helper: (helper_type(helper), HELPERS[helper], helper_families(helper)) for helper in helpers},
        _before_routing(firewall, forwards) + _of_routes(firewall, forwards, helpers, pings, entries),
        gate_sets(firewall)
        + offload_sets(firewall)
        + probe_sets(firewall)
        + balancer_sets(firewall.balanced)
        + sets
        + forward_sets(firewall, sets),
        entry_counters(firewall) + offload_counters(firewall) + probe_counters(firewall),
        flowtables(firewall),
        firewall.fragments("table"),
    )


def _before_routing(firewall: Firewall, forwards: list[Forwarded]) -> tuple[Chain, ...]:
    return (
        Chain(
            "raw_prerouting",
            "filter",
            "prerouting",
            "raw",
            "accept",
            untracked(firewall, "iifname")
            + gate_blocks(firewall)
            + reverse_path(firewall)
            + firewall.fragments("raw_prerouting"),
        ),
        Chain(
            "raw_output",
            "filter",
            "output",
            "raw",
            "accept",
            untracked(firewall, "oifname") + redirects(firewall),
        ),
        Chain(
            "helpers_of_forwards",
            "filter",
            "prerouting",
            "mangle",
            "accept",
            _forward_helpers(forwards),
        ),
        Chain(
            "nat_prerouting",
            "nat",
            "prerouting",
            "dstnat",
            "accept",
            firewall.fragments("nat_prerouting")
            + _destination_nat(firewall, forwards)
            + balancer_nat(firewall),
        ),
        Chain(
            "prerouting",
            "filter",
            "prerouting",
            "filter",
            "accept",
            events()
            + blocks(("the probe, while it runs: helper", probe_helpers(firewall)))
            + firewall.fragments("prerouting"),
        ),
    )


def _of_routes(
    firewall: Firewall,
    forwards: list[Forwarded],
    helpers: Iterable[str],
    pings: Mapping[Way, Verdicts],
    entries: Mapping[Way, Verdicts],
) -> tuple[Chain | Verdicts, ...]:
    """What is for the node itself, and what is forwarded."""
    return (
        Chain("input", "filter", "input", "filter", "drop", own_input(firewall)),
        *([REFUSED] if uses_refused(entries.values()) else []),
        *limit_chains(firewall),
        *pings.values(),
        *entries.values(),
        Chain(
            "forward",
            "filter",
            "forward",
            "filter",
            "drop",
            _forward(firewall, forwards, helpers, pings, entries),
        ),
        Chain(
            "nat_postrouting",
            "nat",
            "postrouting",
            "srcnat",
            "accept",
            firewall.fragments("nat_postrouting") + _source_nat(firewall, forwards),
        ),
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
                forward.hairpin,
                _sources(forward, virtual.version),
            )
        )
    return found


def _sources(forward: PortForward, family: int) -> str:
    if forward.sources is None:
        return ""
    return f"{IP[family]} saddr {operand(forward.sources, family, f'forward_{forward.index}.sources')} "


def _destination_nat(firewall: Firewall, forwards: list[Forwarded]) -> tuple[Block, ...]:
    return blocks(
        *(
            (
                forward.comment,
                [
                    f"iifname {forward.asked_from} {forward.sources}"
                    f"{IP[forward.family]} daddr {forward.virtual} {protocol} dport {ports(ranges)} "
                    f"dnat {IP[forward.family]} to {forward.target}"
                    for protocol, ranges in ports_by_protocol([forward.service])
                ],
            )
            for forward in forwards
        ),
        ("the probe, while it runs", probe_destination_nat(firewall)),
    )


def _forward_helpers(forwards: list[Forwarded]) -> tuple[Block, ...]:
    """Before destination NAT: where that finds a helper, it makes room for other sequence numbers.

    What a helper rewrites may change in length (nf_nat_setup_info() in the kernel's nf_nat_core.c).
    """
    return blocks(
        *(
            (
                f"{forward.comment}: helper",
                [
                    f"iifname {forward.asked_from} {forward.sources}"
                    f"{IP[forward.family]} daddr {forward.virtual} {helper_rule(forward.service)}"
                ],
            )
            for forward in forwards
            if forward.helper
        )
    )


def _forward(
    firewall: Firewall,
    forwards: list[Forwarded],
    helpers: Iterable[str],
    pings: Mapping[Way, Verdicts],
    entries: Mapping[Way, Verdicts],
) -> tuple[Block, ...]:
    families = [family for family in FAMILIES if firewall.with_family(family)]
    apart = quoted(firewall.apart)
    lacking = [
        f"{direction} {quoted(names)} meta nfproto {NFPROTO[family]} drop"
        for family in FAMILIES
        if (names := firewall.without(family))
        for direction in ("iifname", "oifname")
    ]
    expecting = {name for helper in helpers for name in helpers_of_flows(helper)}
    before = blocks(
        (
            "management and replication stand apart",
            [f"iifname {apart} drop", f"oifname {apart} drop"] if firewall.apart else [],
        ),
        ("a family that a network does not have", lacking),
        ("what belongs to no known flow", ["ct state invalid drop"]),
        # before the limits, which are not meant for them
        ("pings of the probe, while it runs", probe_pings(firewall)),
        # before the established ones, because an echo's later packets belong to them
        ("pings within their limits", dispatch(firewall, pings)),
    )
    offload = tuple(
        replace(block, offloads=True)
        for block in blocks(("what takes the short way from now on", offload_rules(firewall)))
    )
    known = (
        balancer_resets(firewall.balanced)
        + balancer_memory(firewall)
        + blocks(
            ("both directions of what was let in", ["ct state established accept"]),
            (
                "what a helper expects",
                [f'ct state related ct helper "{name}" accept' for name in sorted(expecting)],
            ),
            (
                "errors about known flows",
                [f"ct state related {ICMP[f]} type {ERRORS[f]} accept" for f in families],
            ),
            # before the entries, which may drop or refuse it
            ("the probe, while it runs", probe_forward(firewall)),
        )
    )
    after = blocks(
        ("site_policy, by the networks of a packet", dispatch(firewall, entries)),
        *((forward.comment, _forwarded(forward)) for forward in forwards),
    )
    return before + offload + known + firewall.fragments("forward") + after


def _forwarded(forward: Forwarded) -> list[str]:
    return [
        f'iifname {forward.asked_from} oifname "{forward.outgoing}" '
        f"{IP[forward.family]} daddr {forward.target} {protocol} dport {ports(ranges)} ct status dnat "
        f"{OPENS if protocol == 'tcp' else 'ct state new'} accept"
        for protocol, ranges in ports_by_protocol([forward.service])
    ]


def _source_nat(firewall: Firewall, forwards: list[Forwarded]) -> tuple[Block, ...]:
    hairpins, ways = _hairpins(firewall, forwards), []
    shown: set[Way] = set()
    for source, destination in firewall.ways:
        if not any(entry.accepts for entry in firewall.ways[source, destination]):
            continue
        rules = []
        for family in FAMILIES:
            prefixes = firewall.site.networks[source].prefixes_of_family(family)
            address = firewall.site.shown_as(firewall.pair, destination, family)
            if prefixes and address is not None:
                matches = f'oifname "{firewall.device(destination)}" {IP[family]} saddr {one_of(prefixes)}'
                to = MASQUERADE if address == MASQUERADE else f"snat {IP[family]} to {address}"
                rules.append(f"{matches} {to}")
                shown.add((source, destination))
        ways.append((f"{source} shows itself to {destination} as the pair", rules))
    true = ["ct status dnat accept"] if shown & _forwarded_ways(firewall, forwards) else []
    whom = "a balancer leads to" if not forwards and firewall.balanced else "a port forward leads to"
    return (
        blocks(("of a port forward seen from its own network the answers come by way of the pair", hairpins))
        + balancer_source_nat(firewall)
        + blocks((f"whom {whom} sees the true source", true), *ways)
    )


def _forwarded_ways(firewall: Firewall, forwards: list[Forwarded]) -> set[Way]:
    """From and to which networks destination NAT leads, that of a probe as well."""
    networks = {interface.name: interface.network for interface in firewall.host.interfaces}
    found = {(networks[one.incoming], networks[one.outgoing]) for one in forwards}
    found |= {way for one in firewall.balanced if not one.balancer.source_nat for way in one.ways()}
    return found | ({(firewall.probe.outside, firewall.probe.inside)} if firewall.probe else set())


def _hairpins(firewall: Firewall, forwards: list[Forwarded]) -> list[str]:
    rules = []
    for family, device in dict.fromkeys((one.family, one.outgoing) for one in forwards if one.hairpin):
        network = next(i.network for i in firewall.host.interfaces if i.name == device)
        prefixes = firewall.site.networks[network].prefixes_of_family(family)
        virtual = of_family(firewall.pair.virtual_addresses(network), family)[0]
        matches = f'oifname "{device}" {IP[family]} saddr {one_of(prefixes)} ct status dnat'
        rules.append(f"{matches} snat {IP[family]} to {virtual}")
    return rules
