# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of a host that has balancers and is in no pair: it leads flows on, and forwards nothing else.

The host's own rules are in tables of their own, and are not touched. A packet has to pass theirs, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import get_args

from ansible_collections.ftfw.pair.plugins.module_utils.nft.names import BALANCER_TABLE
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.balancers import (
    asked_for,
    balancer_resets,
    balancer_sets,
    led,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.nft import (
    IP,
    Block,
    Chain,
    Table,
    blocks,
    quoted,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.balancers import Balanced, only_port
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Host, Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import Family

_DSTNAT = "-100"
"""Of the output hook, for which nft(8) has no name."""


def host_table(site: Site, host: Host, balanced: Sequence[Balanced]) -> Table:
    """Compile it. `balanced` are the host's balancers, one at least."""
    title = f"The balancers of {site.name} on {host.name}"
    balanced = by_rules(balanced)
    if not balanced:
        # IPVS leads all of them on, and nothing is forwarded for that
        return Table(BALANCER_TABLE, title, {}, ())
    others = any(one.balancer.forward_others for one in balanced)
    return Table(
        BALANCER_TABLE,
        title,
        {},
        (
            Chain("nat_prerouting", "nat", "prerouting", "dstnat", "accept", _led(balanced)),
            # what the host itself asks for
            Chain(
                "nat_output", "nat", "output", _DSTNAT, "accept", _led(list(filter(leads_itself, balanced)))
            ),
            Chain(
                "forward",
                "filter",
                "forward",
                "filter",
                "accept" if others else "drop",
                balancer_resets(balanced) + _forward(host, balanced, others),
            ),
            Chain("nat_postrouting", "nat", "postrouting", "srcnat", "accept", _source_nat(balanced)),
        ),
        balancer_sets(balanced),
    )


def by_rules(balanced: Iterable[Balanced]) -> list[Balanced]:
    """Those that the rules lead on, and not IPVS."""
    return [one for one in balanced if not one.balancer.by_ipvs]


def forwarded_families(balanced: Sequence[Balanced]) -> list[Family]:
    """The families that the host has to forward: of those that only the host itself answers none."""
    found = {one.virtual.version for one in by_rules(balanced) if _elsewhere(one)}
    return [family for family in get_args(Family) if family in found]


def _elsewhere(one: Balanced) -> bool:
    return any(each.host != one.balancer.host and each.address != one.virtual for each in one.answering)


def leads_itself(one: Balanced) -> bool:
    """Whether what the host itself asks for is led on.

    Where somebody answers at the very address, the check of that would be led to somebody else.
    """
    return not any(
        each.address == one.virtual and each.port in (None, only_port(one.service)) for each in one.answering
    )


def _led(balanced: Sequence[Balanced]) -> tuple[Block, ...]:
    return blocks(
        *((f"site_balancers.{one.name}: {one.service.name} on {one.virtual}", led(one)) for one in balanced)
    )


def _forward(host: Host, balanced: Sequence[Balanced], others: bool) -> tuple[Block, ...]:
    if others:
        return ()
    bridges = [
        f"iifname {quoted([bridge.name])} oifname {quoted([bridge.name])} accept" for bridge in host.bridges
    ]
    return blocks(
        *(
            (f"site_balancers.{one.name}: both directions", [f"{asked} accept" for asked in asked_for(one)])
            for one in balanced
        ),
        (
            "errors about these flows",
            [
                f"ct state related ct original {IP[address.version]} daddr {address} accept"
                for address in dict.fromkeys(one.virtual for one in balanced)
            ],
        ),
        ("bridged frames, where the kernel shows them to rules of IP", bridges),
    )


def _source_nat(balanced: Sequence[Balanced]) -> tuple[Block, ...]:
    return blocks(
        *(
            (
                f"site_balancers.{one.name}: servers see this host",
                [f"{asked} masquerade" for asked in asked_for(one)],
            )
            for one in balanced
            if one.balancer.source_nat
        )
    )
