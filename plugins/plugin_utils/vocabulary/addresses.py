# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of either family, as objects and never as texts."""

from __future__ import annotations

from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from typing import Literal, Union

Address = Union[IPv4Address, IPv6Address]
InterfaceAddress = Union[IPv4Interface, IPv6Interface]
Prefix = Union[IPv4Network, IPv6Network]

Family = Literal[4, 6]
FAMILIES = (4, 6)


def of_family(addresses: tuple[Address, ...], family: int) -> tuple[Address, ...]:
    return tuple([address for address in addresses if address.version == family])


def solicited_node(address: Address) -> IPv6Address:
    """Give the group in which an address of IPv6 is looked for (RFC 4291, section 2.7.1)."""
    return IPv6Address(b"\xff\x02" + bytes(9) + b"\x01\xff" + address.packed[-3:])
