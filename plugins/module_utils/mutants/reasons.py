# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mutants that no packet can tell from the ruleset, each with the argument why."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.ftfw.pair.plugins.module_utils.mutants.mutants import Mutant


@dataclass(frozen=True)
class Reason:
    """Patterns for chain, change and rule, all of which fit as a whole; and the argument."""

    chain: str
    change: str
    rule: str
    because: str

    def fits(self, mutant: Mutant) -> bool:
        return all(
            re.fullmatch(pattern, text)
            for pattern, text in (
                (self.chain, mutant.chain),
                (self.change, mutant.change),
                (self.rule, mutant.rule),
            )
        )


_ONE_ADDRESS = r"[0-9a-f.:]+"

REASONS: tuple[Reason, ...] = (
    Reason(
        "raw_(prerouting|output)",
        "without ([io]ifname|ip6? [sd]addr|udp [sd]port) .*",
        "[io]ifname .* udp dport [0-9]+ notrack",
        "only the nodes send to each other's ports; what else would come to them is dropped",
    ),
    Reason(
        "prerouting",
        ".*",
        ".* ct event set .*",
        "it decides what conntrackd is told, and nothing about a packet",
    ),
    Reason(
        "forward",
        ".*",
        r".* update @balancer\.\S+\.last .*",
        "it remembers who has answered, for a later flow, and decides nothing about a packet",
    ),
    Reason(
        ".*",
        "without meta l4proto tcp",
        ".* ct original proto-dst .* tcp (flags|dport) .*",
        "that it is TCP is said once more; nft 1.0.6 can't do without, and 1.1.3 can",
    ),
    Reason(
        "nat_postrouting",
        "without meta l4proto (tcp|udp|sctp)",
        "ct original .* ct original proto-dst .* snat ip6? to .*",
        "what asks there by another protocol is led on where it has a test; nft 1.0.6 can't do without",
    ),
    Reason(
        "offload_shut",
        ".*",
        ".*",
        "it decides which way the packets of a flow take, and nothing about them",
    ),
    Reason(
        ".*_to_.*",
        ".*",
        '.* log prefix "[^"]*"',
        "it writes into the log, and decides nothing about a packet",
    ),
    Reason(
        ".*_to_.*",
        "without (?!element |limit ).*",
        ".* drop",
        "it drops more, which is dropped at the end anyhow; a later entry that lets it through has a test",
    ),
    Reason(
        "prerouting|.*_to_.*",
        "without ct state new",
        ".* ct helper set .*",
        "the kernel gives a helper to a flow with its first packet only",
    ),
    Reason(
        "prerouting|.*_to_.*",
        "without (iifname|(ct original )?ip6? [sd]addr|(tcp|udp|sctp) dport|meta day|meta hour) .*",
        ".* ct helper set .*",
        "what else would get it is dropped; where a later entry lets it through, it has a test",
    ),
    Reason(
        "nat_prerouting",
        "without (iifname|ip6? saddr|(tcp|udp|sctp) dport) .*",
        "iifname .* dnat ip6? to .*",
        "the forward chain asks for the same once more; what an entry lets through from there has a test",
    ),
    Reason(
        "input",
        "without iifname .*",
        rf"iifname .* ip6? saddr {_ONE_ADDRESS} ip6? daddr {_ONE_ADDRESS} (udp|tcp) .* accept",
        "where its address stands apart, a rule before it has dropped what comes by another link",
    ),
    Reason(
        "input",
        "without iifname .*",
        "iifname .* icmp(v6)? type echo-request drop",
        "on other links the policy drops pings, or a rule before it has accepted them",
    ),
    Reason(
        "input|forward",
        "without ct state related",
        "ct state related icmp(v6)? type .* accept",
        "the kernel takes an ICMP error for related or for invalid, and invalid ones were dropped",
    ),
    Reason(
        "forward",
        "without ct state related",
        "ct state related ct helper .* accept",
        "the kernel matches the helper of the flow that has announced this one; others have no such flow",
    ),
    Reason(
        "forward",
        "removed|without ([io]ifname|element) .*",
        "[io]ifname .* meta nfproto ipv[46] drop",
        "a packet has two interfaces, and where both lack the family the other rule drops it",
    ),
    Reason(
        "input",
        "removed|without .*",
        "iifname .* meta nfproto ipv[46] drop",
        "what comes after it lets such a packet in by the site's own fragment only",
    ),
    Reason(
        "input",
        "without meta nfproto ipv4",
        "iifname .* udp sport 67 udp dport 68 accept",
        "where the network has no IPv6, a rule before it has dropped that; where it has, there is a test",
    ),
    Reason(
        "forward",
        "removed",
        "ct state invalid drop",
        "each rule that accepts a flow asks for its state, and invalid is none of them",
    ),
    Reason(
        "forward",
        "with element .* : jump .*_pings",
        r"iifname \. oifname vmap .*",
        "the chain only drops pings over a limit, and no entry lets any pass on the way back",
    ),
    Reason(
        "forward",
        "without oifname .*",
        r".* (ip6? daddr [0-9a-f.:]+|ip6? saddr \. ip6? daddr @probe_pings) .*accept",
        "the addresses are on that network only",
    ),
    Reason(
        "forward|.*_to_.*",
        "without ct state new",
        ".* ct state new( .*)?",
        "what is invalid was dropped before, and what is established accepted",
    ),
    Reason(
        "forward",
        "without (iifname|ip6? [sd]addr|(tcp|udp|sctp) dport|meta l4proto . th dport) .*",
        ".* ct status dnat .* accept",
        "destination NAT has asked for the same interface, sender and port, and leads to this address only",
    ),
)


def reason_for(mutant: Mutant, reasons: Sequence[Reason] = REASONS) -> str:
    """The argument why the mutant is no mistake; empty for one without."""
    return next((reason.because for reason in reasons if reason.fits(mutant)), "")
