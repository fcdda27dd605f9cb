# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Offloaded flows: once they are established, their packets go past the rules, by a flowtable of the kernel.

The rules that offload them decide about nothing: a packet that they match goes on to those that do.

Of a flow that is there the kernel tells neither state nor timeout (ctnetlink_dump_info() in the kernel's
nf_conntrack_netlink.c), and without them the peer can't be given its entry. So conntrackd has to know a flow
before: by the event that it is assured; and on a new primary, which has its flows from the peer, by reading
the kernel's table. Until that is done the program pair-state lets no flow be offloaded.
"""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.ftfw.pair.plugins.module_utils.nft.contents import Flowtable
from ansible_collections.ftfw.pair.plugins.module_utils.nft.names import OFFLOAD_SHUT
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.firewall import Firewall
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.match import (
    address_matches,
    port_matches,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.nft import (
    Counter,
    Set,
    one_of,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import EXPECTED, PolicyEntry, Way
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.services import helpers_of_flows

NAME, COUNTER = "fastpath", "offloaded"
_OFFLOADED = ("tcp", "udp")
"""What the kernel's flow tables take (nft_flow_offload.c), of what has ports."""
_ADD = f'ct status assured iifname != @{OFFLOAD_SHUT} flow add @{NAME} counter name "{COUNTER}"'


def offload_interfaces(firewall: Firewall) -> list[str]:
    """Name the devices of the networks whose flows may be offloaded."""
    used = {network for entry in _entries(firewall) for way in firewall.ways_of(entry) for network in way}
    return list(firewall.on(used))


def flowtables(firewall: Firewall) -> tuple[Flowtable, ...]:
    """One for all."""
    devices = offload_interfaces(firewall)
    return (Flowtable(NAME, tuple(devices)),) if devices else ()


def offload_sets(firewall: Firewall) -> tuple[Set, ...]:
    names = tuple(f'"{name}"' for name in offload_interfaces(firewall))
    comment = "where flows keep to the long way: everywhere, until conntrackd knows them"
    return (Set(OFFLOAD_SHUT, comment, "ifname", names),) if names else ()


def offload_counters(firewall: Firewall) -> tuple[Counter, ...]:
    if not _entries(firewall):
        return ()
    return (Counter(COUNTER, "flows that were put on the short way"),)


def offload_rules(firewall: Firewall) -> list[str]:
    return [
        rule
        for entry in _entries(firewall)
        for way in firewall.ways_of(entry)
        for rule in (_expected if entry.offload == EXPECTED else _flows)(firewall, entry, way)
    ]


def _entries(firewall: Firewall) -> list[PolicyEntry]:
    return [entry for entry in firewall.entries if entry.offload]


def _flows(firewall: Firewall, entry: PolicyEntry, way: Way) -> Iterator[str]:
    """The flows of an entry, by what their first packets were. The kernel leaves those of a helper out."""
    incoming, outgoing = map(firewall.device, way)
    services = [service for service in firewall.services(entry) if not service.helper]
    for addresses in address_matches(firewall, entry, way):
        matches = [match for protocol, match in port_matches(services, addresses) if protocol in _OFFLOADED]
        if entry.any_service:
            both = [protocol for protocol in _OFFLOADED if protocol in addresses.protocols]
            matches = [f"meta l4proto {one_of(both)}"]
        for match in matches:
            yield (
                f'iifname "{incoming}" oifname "{outgoing}" {addresses.text}{match} '
                f"ct state established ct direction original {_ADD}"
            )


def _expected(firewall: Firewall, entry: PolicyEntry, way: Way) -> Iterator[str]:
    """What the helpers of an entry's services expect, from either side."""
    ends = [f'"{firewall.device(network)}"' for network in way]
    ways = f"{{ {' . '.join(ends)}, {' . '.join(reversed(ends))} }}"
    helpers = dict.fromkeys(
        name
        for service in firewall.services(entry)
        if service.helper
        for name in helpers_of_flows(service.helper)
    )
    for name in helpers:
        yield (f'iifname . oifname {ways} ct helper "{name}" ct status expected ct state established {_ADD}')
