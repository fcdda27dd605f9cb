# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Balancers in the table: a map of slots for each, from which new flows are sent on.

The elements of maps and sets come and go at run time (pair-balance): the rules never change for a server that
fails. What a map is loaded with lets all servers answer. What may pass is the entries' matter.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_network

from ansible_collections.ftfw.pair.plugins.module_utils.balance.jhash import MODULUS, SEED
from ansible_collections.ftfw.pair.plugins.module_utils.balance.maps import (
    elements,
    gone_set,
    last_map,
    last_port_map,
    member,
    slots_map,
)
from ansible_collections.ftfw.pair.plugins.module_utils.balance.slots import (
    BY_SOURCE,
    IN_TURN,
    LEAST,
    share,
    slots_for,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.firewall import Firewall
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.match import (
    OPENS,
    asked_port,
    ports_by_protocol,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.nft import (
    IP,
    Block,
    Set,
    blocks,
    merged,
    ports,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.balancers import Balanced
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import of_family

_REMEMBERED = 262144
"""Flows that have ended, of each balancer: 1,700 a second. Of more than that some are forgotten."""
_LAST_SECONDS = 150
"""Each node keeps a flow that has ended for 120 s (nf_conntrack_tcp_timeout_time_wait)."""
_TYPE = {4: "ipv4_addr", 6: "ipv6_addr"}


def slots_of(one: Balanced) -> int:
    weights = [each.server.weight for each in one.servers if each.server]
    return slots_for(one.balancer.scheduler, weights, one.balancer.dynamic)


def first_members(one: Balanced) -> list[str]:
    """Who is in each slot while all servers are well."""
    weights = {member(each.address, each.port): each.server.weight for each in one.servers if each.server}
    return share(one.balancer.scheduler, weights, slots_of(one))


def balancer_sets(balanced: Iterable[Balanced]) -> tuple[Set, ...]:
    found: list[Set] = []
    for one in balanced:
        # nft 1.0.6 holds it against the protocol of the first rule that asks for it
        port = f" . {one.service.protocols[0]} dport"
        family, with_port = one.virtual.version, port if one.translates else ""
        found.append(
            Set(
                slots_map(one.name),
                f"site_balancers.{one.name}: who answers, by the number of the slot",
                f"numgen inc mod {slots_of(one)} : {IP[family]} daddr{with_port}",
                tuple(elements(first_members(one))),
                keyword="typeof",
            )
        )
        comment = f"site_balancers.{one.name}: servers that have failed"
        kind = _TYPE[family] + (" . inet_service" if one.translates else "")
        found.append(Set(gone_set(one.name), comment, kind))
        if remembers(one):
            comment = f"site_balancers.{one.name}: who has answered whom last, while a port may come again"
            # by a hash: nft 1.0.6 mixes up registers where a key and what it leads to are that long
            kind = f"numgen inc mod {MODULUS} : {IP[family]} daddr"
            found.append(Set(last_map(one.name), comment, kind, keyword="typeof", size=_REMEMBERED))
            if one.translates:
                # apart, for the same reason
                comment = f"site_balancers.{one.name}: at which port"
                kind = f"numgen inc mod {MODULUS} : tcp dport"
                name = last_port_map(one.name)
                found.append(Set(name, comment, kind, keyword="typeof", size=_REMEMBERED))
    return tuple(found)


def remembers(one: Balanced) -> bool:
    """Whether a client that comes again from the same port could get another server than a moment before.

    The peer still has the flow that has ended, and conntrackd changes its state, not its server: after a
    takeover the new flow would go astray. A host without a pair has no peer.
    """
    return one.pair is not None and one.balancer.scheduler in (*IN_TURN, *LEAST) and bool(one.service.tcp)


def balancer_nat(firewall: Firewall) -> tuple[Block, ...]:
    """New flows to a virtual address go to whoever has the next slot, or that of the sender."""
    return blocks(
        *(
            (
                f"site_balancers.{one.name}: {one.service.name} on {one.virtual}",
                [f'iifname "{firewall.device(one.balancer.network)}" {rule}' for rule in led(one)],
            )
            for one in firewall.balanced
        )
    )


def led(one: Balanced) -> list[str]:
    """The rules that lead what asks for a balancer to whoever answers."""
    ip = IP[one.virtual.version]
    return [
        f"{ip} daddr {one.virtual} {protocol} dport {ports(ranges)} dnat {ip} to {whom}"
        for protocol, ranges in ports_by_protocol([one.service])
        for whom in _whom(one, protocol)
    ]


def _whom(one: Balanced, protocol: str) -> list[str]:
    """Who gets a flow: he who had the one before from the same port, or whose turn it is."""
    found = [f"{_slot(one)} map @{slots_map(one.name)}"]
    if protocol == "tcp" and remembers(one):
        client = _client("sport", IP[one.virtual.version], "saddr")
        port = f" : {client} map @{last_port_map(one.name)}" if one.translates else ""
        found.insert(0, f"{client} map @{last_map(one.name)}{port}")
    return found


def _client(port: str, ip: str, address: str) -> str:
    """A client's port and address as one number."""
    return f"jhash tcp {port} . {ip} {address} mod {MODULUS} seed {SEED:#x}"


def _slot(one: Balanced) -> str:
    if one.balancer.scheduler in BY_SOURCE:
        # both nodes have the same seed, so that a client finds its server by either
        length, family = one.balancer.persistence_granularity, one.virtual.version
        # "0.0.0.0/24" and "::/64": of both the mask is a number of that family
        mask = f" & {ip_network((bytes(one.virtual.max_prefixlen // 8), length)).netmask}" if length else ""
        return f"jhash {IP[family]} saddr{mask} mod {slots_of(one)} seed 0x1"
    return f"numgen inc mod {slots_of(one)}"


def balancer_source_nat(firewall: Firewall) -> tuple[Block, ...]:
    """Servers that see the pair answer to it, whatever routes they have."""
    return blocks(
        *(
            (f"site_balancers.{one.name}: servers see the pair", _shown(firewall, one))
            for one in firewall.balanced
            if one.balancer.source_nat
        )
    )


def _shown(firewall: Firewall, one: Balanced) -> list[str]:
    family = one.virtual.version
    ip, networks = IP[family], list(dict.fromkeys(each.network for each in one.answering))
    return [
        f"{where}{asked} snat {ip} to {of_family(firewall.pair.virtual_addresses(network), family)[0]}"
        for network in networks
        # where all servers are on one network, there is no other way out
        for where in [f'oifname "{firewall.device(network)}" ' if len(networks) > 1 else ""]
        for asked in asked_for(one)
    ]


def asked_for(one: Balanced) -> list[str]:
    """What matches the flows of a balancer, wherever they have been led."""
    return [
        f"ct original {IP[one.virtual.version]} daddr {one.virtual} {asked_port(protocol, ports_asked)}"
        for protocol, ranges in ports_by_protocol([one.service])
        for ports_asked in merged(ranges)
    ]


def balancer_resets(balanced: Iterable[Balanced]) -> tuple[Block, ...]:
    """What is open to a server that has failed is refused at once: a client would wait for it in vain."""
    return blocks(
        *((f"site_balancers.{one.name}: flows to a server that has failed", _resets(one)) for one in balanced)
    )


def _resets(one: Balanced) -> list[str]:
    ip = IP[one.virtual.version]
    flow, gone = f"ct original {ip} daddr {one.virtual}", gone_set(one.name)
    found = []
    for protocol, ranges in ports_by_protocol([one.service]):
        if one.translates:
            match = f"{flow} {asked_port(protocol, ranges[0])} {ip} daddr . {protocol} dport @{gone}"
        else:
            match = f"{flow} {ip} daddr @{gone} {protocol} dport {ports(ranges)}"
        found.append(f"{match} reject{' with tcp reset' if protocol == 'tcp' else ''}")
    return found


def balancer_refusals(firewall: Firewall) -> tuple[Block, ...]:
    """Who asks while nobody is left is told so: what was led to nobody is still for the address itself.

    Of TCP it is only what opens a flow: another packet may be of one that a takeover is about to make known.
    """
    return blocks(
        *(
            (f"site_balancers.{one.name}: nobody is left", _refusals(firewall, one))
            for one in firewall.balanced
        )
    )


def _refusals(firewall: Firewall, one: Balanced) -> list[str]:
    asked = f'iifname "{firewall.device(one.balancer.network)}" {IP[one.virtual.version]} daddr {one.virtual}'
    opens = {"tcp": f"{OPENS} reject with tcp reset"}
    return [
        f"{asked} {protocol} dport {ports(ranges)} {opens.get(protocol, 'ct state new reject')}"
        for protocol, ranges in ports_by_protocol([one.service])
    ]


def balancer_memory(firewall: Firewall) -> tuple[Block, ...]:
    """Who has answered a flow that ends, known by the client's address and port."""
    return blocks(
        *(
            (f"site_balancers.{one.name}: who has answered a flow that ends", _memory(one))
            for one in firewall.balanced
            if remembers(one)
        )
    )


def _memory(one: Balanced) -> list[str]:
    ip, tcp = IP[one.virtual.version], ports(one.service.tcp)
    flow = f"ct original {ip} daddr {one.virtual} tcp flags & (fin | rst) != 0"
    gone = gone_set(one.name)
    found = []
    for direction, port, address, other, server in (
        ("original", "dport", "saddr", "sport", "daddr"),
        ("reply", "sport", "daddr", "dport", "saddr"),
    ):
        client = f"{_client(other, ip, address)} timeout {_LAST_SECONDS}s"
        # one that has failed may still say its last word, and must not get anything new
        if one.translates:
            match = f"ct direction {direction} {asked_port('tcp', one.service.tcp[0])} {flow}"
            match += f" {ip} {server} . tcp {port} != @{gone}"
            more = f" update @{last_port_map(one.name)} {{ {client} : tcp {port} }}"
        else:
            match, more = f"ct direction {direction} tcp {port} {tcp} {flow} {ip} {server} != @{gone}", ""
        found.append(f"{match} update @{last_map(one.name)} {{ {client} : {ip} {server} }}{more}")
    return found
