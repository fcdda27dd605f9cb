# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A case: a test as the module policy_check takes it."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.services import (
    ICMP_REQUESTS,
    Service,
)

PacketCase = dict[str, Any]
Options = dict[str, Any]
"""A part of a case: what it says of its packets."""
FIREWALL = "firewall"
"""In the place of a network: the firewall itself."""
ERRORS = {
    4: ("destination-unreachable", "time-exceeded", "parameter-problem"),
    6: ("destination-unreachable", "packet-too-big", "time-exceeded", "parameter-problem"),
}
"""ICMP errors that a flow needs (RFC 1122, section 3.2.2; RFC 4890, section 4.3.1)."""


def ports_of(service: Service) -> Iterator[tuple[str, int]]:
    """The first and the last port of each range, with its protocol."""
    for protocol in service.protocols:
        for first, last in service.ports(protocol):
            for port in dict.fromkeys((first, last)):
                yield protocol, port


def types_of(service: Service, family: int) -> list[str]:
    """The ICMP requests of a service that there are in a family, by their names there."""
    return [ICMP_REQUESTS[kind][family] for kind in service.icmp if family in ICMP_REQUESTS.get(kind, {})]


def case(
    name: str,
    source: str,
    destination: str | None,
    sender: object,
    receiver: object,
    *expected: str,
    **more: Any,
) -> PacketCase:
    """Make a test from network to network, where `destination` is where it has to come out."""
    if "at" in more:
        name = f"{name}, on {more['at']}"
    made: PacketCase = {
        "name": f"{name} (IPv{ip_address(str(receiver)).version})",
        "from": source,
        "source": str(sender),
        "destination": str(receiver),
        "expected": list(expected),
        **more,
    }
    return made if destination is None else {**made, "to": destination}
