# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses that stand for a list: its ends, and what is just outside of it."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address

from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import Addresses
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import (
    Address,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.ranges import Range, covers

_MOST_RANGES = 32
"""Ranges of a list of addresses that are tested one by one."""


def samples(addresses: Addresses, family: int) -> list[Address]:
    """The first address of each range of a list, as far as they are few, and the last of all."""
    ranges = addresses.of_family(family)
    numbers = [first for first, _last in ranges[:_MOST_RANGES]] + [last for _first, last in ranges[-1:]]
    usable = (_usable(number, family, ranges) for number in numbers)
    return list(dict.fromkeys(usable))


def _usable(number: int, family: int, ranges: Sequence[Range]) -> Address:
    """The address, or a neighbour in the list where it is likely to be a network's own or its broadcast."""
    inner = {0: 1, 255: -1}.get(number & 255, 0) if family == 4 else int(number & 0xFFFF == 0)
    if inner and covers(ranges, [(number + inner, number + inner)]):
        number += inner
    return _address(number, family)


def neighbours(addresses: Addresses, family: int) -> list[Address]:
    """What is just outside of the ends of a list."""
    ranges = addresses.of_family(family)
    last = (1 << (32 if family == 4 else 128)) - 1
    numbers = [ranges[0][0] - 1, ranges[-1][1] + 1] if ranges else []
    return [_address(number, family) for number in numbers if 0 <= number <= last]


def _address(number: int, family: int) -> Address:
    return IPv4Address(number) if family == 4 else IPv6Address(number)


def is_special(address: Address) -> bool:
    """Whether no router forwards packets from or to it."""
    zero = address.version == 4 and int(address) >> 24 == 0
    special = (address.is_multicast, address.is_loopback, address.is_unspecified, address.is_link_local)
    return zero or any(special) or address == IPv4Address("255.255.255.255")
