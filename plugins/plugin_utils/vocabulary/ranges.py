# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses as ranges of whole numbers: a list may have a million, and address objects would be slow."""

from __future__ import annotations

import socket
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

Range = tuple[int, int]
"""First and last address, both inside."""

_BITS = {4: 32, 6: 128}
_FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
_AFTER = 1 << 128


class PrefixError(ValueError):
    """A text that is no prefix: what is wrong, and what would be right."""

    def __init__(self, wrong: str, right: str) -> None:
        super().__init__(f"{wrong}; {right}")
        self.wrong = wrong
        self.right = right


def parse_prefix(text: str) -> tuple[int, Range]:
    """Read an address or a prefix as its family and its range, or raise PrefixError."""
    address, slash, length = text.partition("/")
    family = 6 if ":" in address else 4
    try:
        first = int.from_bytes(socket.inet_pton(_FAMILY[family], address), "big")
    except (OSError, ValueError):
        raise _no_prefix() from None
    if not slash:
        return family, (first, first)
    bits = _BITS[family]
    if not (length.isascii() and length.isdigit() and len(length) < 4 and int(length) <= bits):
        raise _no_prefix()
    mask = (1 << (bits - int(length))) - 1
    if first & mask:
        network = written((first & ~mask, first | mask), family)
        raise PrefixError("has host bits set", f"write {network}, or the address alone")
    return family, (first, first | mask)


def _no_prefix() -> PrefixError:
    return PrefixError(
        "is no address or prefix", "write one such as 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32"
    )


def merge(ranges: Iterable[Range]) -> tuple[tuple[Range, ...], int]:
    """Sort ranges and make one of those that overlap or touch; count those that overlap an earlier one."""
    merged: list[Range] = []
    overlapping = 0
    for one in sorted(ranges):
        if merged and one[0] <= merged[-1][1] + 1:
            overlapping += one[0] <= merged[-1][1]
            if one[1] > merged[-1][1]:
                merged[-1] = (merged[-1][0], one[1])
        else:
            merged.append(one)
    return tuple(merged), overlapping


def covers(outer: Sequence[Range], inner: Iterable[Range]) -> bool:
    """Whether merged ranges have every address of others."""
    return all(_holds(outer, one) for one in inner)


def meet(some: Sequence[Range], others: Sequence[Range]) -> bool:
    """Whether merged ranges have an address in common."""
    few, many = sorted((some, others), key=len)
    for first, last in few:
        # of those that begin before its end only the last one can reach it
        place = bisect_right(many, (last, _AFTER))
        if place > 0 and many[place - 1][1] >= first:
            return True
    return False


def _holds(outer: Sequence[Range], inner: Range) -> bool:
    # (first, infinity) sorts after every range that begins there
    place = bisect_right(outer, (inner[0], _AFTER))
    return place > 0 and inner[1] <= outer[place - 1][1]


def elements(ranges: Iterable[Range], family: int) -> Iterator[str]:
    return (written(one, family) for one in ranges)


def written(one: Range, family: int) -> str:
    """Write a range as nft reads it: an address, a prefix, or FIRST-LAST."""
    first, last = one
    size = last - first + 1
    if size == 1:
        return _address(first, family)
    if size & (size - 1) == 0 and first % size == 0:
        return f"{_address(first, family)}/{_BITS[family] - size.bit_length() + 1}"
    return f"{_address(first, family)}-{_address(last, family)}"


def _address(number: int, family: int) -> str:
    return socket.inet_ntop(_FAMILY[family], number.to_bytes(_BITS[family] // 8, "big"))
