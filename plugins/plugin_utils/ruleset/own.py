# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a firewall takes for itself, VRRP, replication, path tracking and management, and what it answers."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.balancers import balancer_refusals
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.firewall import Firewall
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.nft import (
    ERRORS,
    ICMP,
    IP,
    NFPROTO,
    Block,
    blocks,
    one_of,
    quoted,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.link_local import LINK_LOCAL
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.pair_links import (
    FLOWS_PORT,
    HEALTH_PORT,
    PATH_PORT,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import (
    FAMILIES,
    Address,
    of_family,
)

# a number, because the name needs /etc/protocols
_VRRP = 112
_PROTOCOL = {4: "ip protocol", 6: "ip6 nexthdr"}
_NEIGHBOURS = "ip6 hoplimit 255 icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept"
_GROUPS = "ff02::1, ff02::1:ff00:0/104"
"""All nodes, and the groups in which addresses are looked for."""
_ECHO_LIMIT = "limit rate 10/second burst 20 packets"


def untracked(firewall: Firewall, direction: str) -> tuple[Block, ...]:
    rules = [
        f'{direction} "{firewall.device(router.network)}" {_PROTOCOL[family]} {_VRRP} notrack'
        for router, family in firewall.instances()
    ]
    # with both addresses: what is forwarded may have one of the ports by chance
    for network in firewall.pair.sync:
        local, remote = _sync_ends(firewall, network)
        ip = IP[local.version]
        source, destination = (remote, local) if direction == "iifname" else (local, remote)
        rules.append(
            f'{direction} "{firewall.device(network)}" {ip} saddr {source} {ip} daddr {destination} '
            f"udp dport {firewall.sync_port} notrack"
        )
    rules += [
        f'{direction} "{link.interface}" {_between(*ends)} notrack'
        for link in firewall.links
        for ends in [(link.peer, link.local) if direction == "iifname" else (link.local, link.peer)]
    ]
    return blocks(
        ("the pair's own traffic is not tracked, and so not replicated", list(dict.fromkeys(rules)))
    )


def redirects(firewall: Firewall) -> tuple[Block, ...]:
    """Send none: a host would go round the pair, or by one of its nodes for good."""
    return blocks(
        (
            "nobody is sent another way (the kernel sees to that for IPv4: send_redirects)",
            ["icmpv6 type nd-redirect drop"] if firewall.with_family(6) else [],
        )
    )


def reverse_path(firewall: Firewall) -> tuple[Block, ...]:
    """Drop what is sent by somebody who is not behind this device (RFC 3704)."""
    key = {"strict": "saddr . iif", "loose": "saddr"}.get(firewall.site.reverse_path)
    # of a link the kernel knows the way whatever the address; an interface may have no such address itself
    rule = f"ip6 saddr != {{ ::, fe80::/10 }} fib {key} oif missing drop"
    return blocks(
        (
            "what comes in where its answer would not go out (the kernel sees to that for IPv4: rp_filter)",
            [rule] if key and firewall.with_family(6) else [],
        )
    )


def own_input(firewall: Firewall) -> tuple[Block, ...]:
    virtual = firewall.pair.virtual_addresses()
    families = [family for family in FAMILIES if firewall.with_family(family)]
    dhcp = [interface.name for interface in firewall.host.interfaces if interface.dhcp]
    before = blocks(
        ("the firewall itself", ['iifname "lo" accept']),
        ("an address that stands apart answers on its own link only", list(_strong_host(firewall))),
        ("VRRP from the peer", _vrrp(firewall)),
        ("replication from the peer", _replication(firewall)),
        ("path tracking from the peer", _path_tracking(firewall)),
        ("the preferred node asks for the flows", _flows(firewall)),
        ("the peer's health check asks", _health(firewall)),
        # by address, not by state: a session from before the first load has no state, and must not die of it
        ("management, known by its address", management(firewall)),
        ("what belongs to no known flow", ["ct state invalid drop"]),
        # before the established ones, because an echo's later packets belong to them
        ("ping, within measure", _pings(firewall)),
        (
            "replies, and errors about flows of the firewall's own",
            [
                "ct state established accept",
                *(f"ct state related {ICMP[f]} type {ERRORS[f]} accept" for f in families),
            ],
        ),
        (
            # before what is for a virtual address: whoever knows it asks it alone whether it is still there
            # (RFC 4861, section 7.3)
            "neighbour discovery, and whoever asks for the groups that it needs (RFC 2710, section 3)",
            _neighbour_discovery(firewall),
        ),
        (
            # a fragment that names no family opens nothing of the one that nobody thought of
            "a family that a network does not have",
            [
                f"iifname {quoted(names)} meta nfproto {NFPROTO[family]} drop"
                for family in FAMILIES
                if (names := firewall.lacking(family))
            ],
        ),
    )
    after = blocks(
        (
            # a virtual address may arrive before the flows that it serves: a reset would kill them
            "to a virtual address nothing is opened, and nothing is refused aloud",
            [
                f"{IP[family]} daddr {one_of(addresses)} drop"
                for family in families
                if (addresses := of_family(virtual, family))
            ],
        ),
        (
            "leases",
            [f"iifname {quoted(dhcp)} meta nfproto ipv4 udp sport 67 udp dport 68 accept"] if dhcp else [],
        ),
    )
    return before + firewall.fragments("input") + balancer_refusals(firewall) + after


def _pings(firewall: Firewall) -> list[str]:
    found = []
    for family in (family for family in FAMILIES if firewall.with_family(family)):
        names = [name for name in firewall.data if name in firewall.with_family(family)]
        if names:
            matches = f"iifname {quoted(names)} {ICMP[family]} type echo-request"
            found += [f"{matches} {_ECHO_LIMIT} accept", f"{matches} drop"]
    return found


def _neighbour_discovery(firewall: Firewall) -> list[str]:
    names = firewall.with_family(6)
    # without a prefix there is nobody but on the link
    only = [name for name in firewall.neighbourly if name not in names]
    rules = []
    if names:
        # to an address of the node's own, be it link-local; to the groups of such (RFC 4291, section 2.7.1);
        # and to all nodes, as who announces himself does
        rules += [
            f"iifname {quoted(names)} ip6 daddr != ff00::/8 {_NEIGHBOURS}",
            f"iifname {quoted(names)} ip6 daddr {{ {_GROUPS} }} {_NEIGHBOURS}",
        ]
    if only:
        rules.append(
            f"iifname {quoted(only)} ip6 saddr {{ ::, {LINK_LOCAL} }} "
            f"ip6 daddr {{ {LINK_LOCAL}, {_GROUPS} }} {_NEIGHBOURS}"
        )
    if firewall.neighbourly:
        rules.append(
            f"iifname {quoted(firewall.neighbourly)} ip6 saddr {LINK_LOCAL} ip6 hoplimit 1 "
            "icmpv6 type mld-listener-query accept"
        )
    return rules


def _vrrp(firewall: Firewall) -> list[str]:
    rules = [
        f'iifname "{firewall.device(router.network)}" '
        f"{IP[family]} saddr {firewall.peer_address(router.network, family)} "
        f"{_PROTOCOL[family]} {_VRRP} accept"
        for router, family in firewall.instances()
    ]
    return list(dict.fromkeys(rules))


def _replication(firewall: Firewall) -> list[str]:
    return [_from_peer(firewall, name, f"udp dport {firewall.sync_port}") for name in firewall.pair.sync]


def _from_peer(firewall: Firewall, network: str, port: str) -> str:
    """Accept what the peer sends to a port on a replication network."""
    local, remote = _sync_ends(firewall, network)
    ip = IP[local.version]
    return f'iifname "{firewall.device(network)}" {ip} saddr {remote} {ip} daddr {local} {port} accept'


def _sync_ends(firewall: Firewall, network: str) -> tuple[Address, Address]:
    """The node's own address on a replication network, and the peer's."""
    family = firewall.site.networks[network].first_family
    return firewall.address(network, family), firewall.peer_address(network, family)


def _path_tracking(firewall: Firewall) -> list[str]:
    return [f'iifname "{link.interface}" {_between(link.peer, link.local)} accept' for link in firewall.links]


def _between(source: Address, destination: Address) -> str:
    """Match what path tracking sends from one node to the other."""
    ip = IP[source.version]
    ports = f"udp sport {PATH_PORT} udp dport {PATH_PORT}"
    return f"{ip} saddr {source} {ip} daddr {destination} {ports}"


def _flows(firewall: Firewall) -> list[str]:
    """Only of the node that has to tell."""
    if firewall.pair.preempt == "never" or firewall.pair.preferred() == firewall.host.name:
        return []
    return [_from_peer(firewall, firewall.pair.sync[0], f"tcp dport {FLOWS_PORT}")]


def _health(firewall: Firewall) -> list[str]:
    return [_from_peer(firewall, name, f"tcp dport {HEALTH_PORT}") for name in firewall.pair.sync]


def _strong_host(firewall: Firewall) -> Iterator[str]:
    """Linux answers for any of its addresses on any link (RFC 1122, 3.3.4.2); not for these."""
    for interface in firewall.host.interfaces:
        if interface.name in firewall.apart:
            for family in FAMILIES:
                if addresses := of_family(interface.addresses, family):
                    yield f'iifname != "{interface.name}" {IP[family]} daddr {one_of(addresses)} drop'


def management(firewall: Firewall) -> list[str]:
    """Only hypervisors may log in; where no hypervisor stands on the network, whoever is on it."""
    rules = []
    for interface in firewall.management:
        network = firewall.site.networks[interface.network]
        grounded = [
            address.ip
            for _host, bridge in firewall.site.bridges()
            if bridge.network == network.name
            for address in bridge.addresses
        ]
        for family in FAMILIES:
            sources: list[object] = [address for address in grounded if address.version == family]
            if not grounded:
                sources = list(network.prefixes_of_family(family))
            if sources:
                matches = f'iifname "{interface.name}" {IP[family]} saddr {one_of(sources)}'
                rules += [
                    f"{matches} tcp dport 22 accept",
                    f"{matches} {ICMP[family]} type echo-request accept",
                ]
    return rules
