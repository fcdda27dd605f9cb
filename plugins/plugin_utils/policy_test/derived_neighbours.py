# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of neighbour discovery of IPv6, and of nothing else where a network has no prefix of it."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv6Address

from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.bench import Bench
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.cases import (
    FIREWALL,
    Options,
    PacketCase,
    case,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import Address, solicited_node

_NEIGHBOUR, _NODES = IPv6Address("fe80::a"), IPv6Address("ff02::1")
_KINDS = ("nd-neighbor-solicit", "nd-neighbor-advert")
_UNWANTED = ("echo-request", "nd-router-solicit", "nd-router-advert", "nd-redirect", "mld-listener-report")
_DATAGRAM: Options = {"protocol": "udp", "source_port": 9999, "port": 9999}


def neighbour_cases(bench: Bench) -> Iterator[PacketCase]:
    """It is no flow, and comes from the link itself."""
    for network in (name for name in bench.networks if bench.stands(name, 6)):
        own = bench.own(network, 6)
        yield from _own(bench, network)
        if bench.is_neighbourly(network):
            yield from _link_local(bench, network, own)
        else:
            more: Options = {"protocol": "icmp", "type": "nd-neighbor-advert"}
            name = f"{network}: no nd-neighbor-advert to all nodes"
            yield case(name, network, None, _NEIGHBOUR, _NODES, "drop", **more)
        if bench.is_neighbourly(network) and not bench.has(network, 6):
            yield from _nothing_else(bench, network)
        yield from _groups(bench, network)
        more = {"protocol": "icmp", "type": "nd-router-advert"}
        name = f"{network}: no nd-router-advert"
        yield case(name, network, None, bench.stranger(network, 6), own, "drop", **more)


def _own(bench: Bench, network: str) -> Iterator[PacketCase]:
    """What is asked of the node's addresses in the network's prefix, or of such a one where there is none."""
    sender, own, virtual = bench.stranger(network, 6), bench.own(network, 6), bench.virtual(network, 6)
    expected = "accept" if bench.has(network, 6) else "drop"
    for kind in _KINDS:
        more: Options = {"protocol": "icmp", "type": kind}
        yield case(f"{network}: {kind}", network, None, sender, own, expected, **more)
        name = f"{network}: no {kind} from beyond"
        yield case(name, network, None, sender, own, "drop", hops=254, **more)
        if virtual is not None:
            # RFC 4861, section 7.3: who knows an address asks it alone whether it is still there
            name = f"{network}: {kind} to {virtual}"
            yield case(name, network, FIREWALL, sender, virtual, "accept", **more)
    if bench.has(network, 6):
        more = {"protocol": "icmp", "type": "nd-neighbor-solicit"}
        # RFC 4862, section 5.4: who wants an address asks for it without having one
        for asks, whom in (("::", "ff02::1"), ("fe80::a", str(own)), ("fe80::a", str(virtual or own))):
            ends = network, FIREWALL, IPv6Address(asks), IPv6Address(whom)
            yield case(f"{network}: {asks} looks for {whom}", *ends, "accept", **more)


def _nothing_else(bench: Bench, network: str) -> Iterator[PacketCase]:
    """Of a network without a prefix of IPv6 nothing gets in but the link's own neighbour discovery."""
    sender, local = bench.stranger(network, 6), bench.link_local(network)
    for kind in _KINDS:
        more: Options = {"protocol": "icmp", "type": kind}
        name = f"{network}: no {kind} of {sender} to all nodes"
        yield case(name, network, None, sender, _NODES, "drop", **more)
        if local:
            name = f"{network}: no {kind} of {sender} to {local}"
            yield case(name, network, None, sender, local, "drop", **more)
    for kind in _UNWANTED:
        for address in (_NODES, *([local] if local else [])):
            more = {"protocol": "icmp", "type": kind, "hops": 255}
            name = f"{network}: no {kind} to {address}"
            yield case(name, network, None, _NEIGHBOUR, address, "drop", **more)


def _groups(bench: Bench, network: str) -> Iterator[PacketCase]:
    """A switch that is never told of a group does not forward neighbour discovery for it."""
    more: Options = {"protocol": "icmp", "type": "mld-listener-query"}
    expected, to = ("accept", FIREWALL) if bench.is_neighbourly(network) else ("drop", None)
    yield case(f"{network}: mld-listener-query", network, to, _NEIGHBOUR, _NODES, expected, **more)
    name = f"{network}: no mld-listener-query from beyond"
    yield case(name, network, None, _NEIGHBOUR, _NODES, "drop", hops=2, **more)
    sender = bench.stranger(network, 6)
    name = f"{network}: no mld-listener-query from {sender}"
    yield case(name, network, None, sender, _NODES, "drop", **more)
    more = {"protocol": "icmp", "type": "mld-listener-report", "hops": 1}
    yield case(f"{network}: no mld-listener-report", network, None, _NEIGHBOUR, _NODES, "drop", **more)


def _link_local(bench: Bench, network: str, own: Address) -> Iterator[PacketCase]:
    """What is asked of the groups of addresses, and of the address that is good on this link only."""
    routers = IPv6Address("ff02::2")
    asked, told = _KINDS
    local = bench.link_local(network)
    for address in (own, *([local] if local else [])):
        for asks in (IPv6Address("::"), _NEIGHBOUR):
            name = f"{network}: {asks} looks for {address} in its group"
            more: Options = {"protocol": "icmp", "type": asked}
            yield case(name, network, FIREWALL, asks, solicited_node(address), "accept", **more)
    for kind in (asked, told):
        more = {"protocol": "icmp", "type": kind}
        yield case(f"{network}: no {kind} to all routers", network, None, _NEIGHBOUR, routers, "drop", **more)
        if local:
            name = f"{network}: {kind} to {local}"
            yield case(name, network, FIREWALL, _NEIGHBOUR, local, "accept", **more)
            name = f"{network}: no {kind} to {local} from beyond"
            yield case(name, network, None, _NEIGHBOUR, local, "drop", hops=254, **more)
    more = {"protocol": "icmp", "type": told}
    yield case(f"{network}: {told} to all nodes", network, FIREWALL, _NEIGHBOUR, _NODES, "accept", **more)
    name = f"{network}: no {told} to all nodes from beyond"
    yield case(name, network, None, _NEIGHBOUR, _NODES, "drop", hops=254, **more)
    for more in (_DATAGRAM, {"protocol": "icmp", "type": "nd-router-advert", "hops": 255}):
        name = f"{network}: no {more.get('type', 'datagram')} to all nodes"
        yield case(name, network, None, _NEIGHBOUR, _NODES, "drop", **more)
    if local:
        for more in ({"protocol": "tcp", "port": 22}, _DATAGRAM):
            name = f"{network}: {more['protocol']}/{more['port']} of {local}"
            yield case(name, network, None, _NEIGHBOUR, local, "drop", **more)
