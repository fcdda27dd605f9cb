# SPDX-License-Identifier: GPL-3.0-or-later
"""Ranges of addresses: read, merged, compared and written, also against Python's own address objects."""

from __future__ import annotations

from ipaddress import collapse_addresses, ip_network, summarize_address_range
from ipaddress import ip_address as ip

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.ranges import (
    PrefixError,
    covers,
    meet,
    merge,
    parse_prefix,
    written,
)
from hypothesis import given
from hypothesis import strategies as st

TEXTS = {
    "an address": ("192.0.2.1", 4, "192.0.2.1"),
    "an IPv6 address": ("2001:DB8::1", 6, "2001:db8::1"),
    "a prefix": ("192.0.2.0/24", 4, "192.0.2.0/24"),
    "a host as a prefix": ("192.0.2.1/32", 4, "192.0.2.1"),
    "an IPv6 prefix": ("2001:db8::/32", 6, "2001:db8::/32"),
    "everything": ("0.0.0.0/0", 4, "0.0.0.0/0"),
}


@pytest.mark.parametrize(("text", "family", "expected"), TEXTS.values(), ids=TEXTS)
def test_parse(text: str, family: int, expected: str) -> None:
    found, one = parse_prefix(text)
    assert (found, written(one, found)) == (family, expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "10.0.0",
        "10.0.0.256",
        "10.0.0.01",
        "10.0.0.0/33",
        "10.0.0.0/",
        "::/129",
        "fe80::1%eth0",
        "1.2.3.4/²",
        f"::/{'9' * 5000}",
    ],
)
def test_what_is_no_prefix(text: str) -> None:
    with pytest.raises(PrefixError, match="is no address or prefix"):
        parse_prefix(text)


def test_host_bits_are_told_with_what_would_be_right() -> None:
    with pytest.raises(PrefixError, match=r"has host bits set; write 192\.0\.2\.0/24, or the address alone"):
        parse_prefix("192.0.2.1/24")


MERGED = {
    "nothing": ([], (), 0),
    "side by side": ([(4, 7), (0, 3)], ((0, 7),), 0),
    "apart": ([(0, 2), (4, 7)], ((0, 2), (4, 7)), 0),
    "twice": ([(0, 3), (0, 3), (0, 3)], ((0, 3),), 2),
    "inside": ([(0, 9), (4, 5)], ((0, 9),), 1),
    "crossing": ([(0, 5), (4, 9)], ((0, 9),), 1),
}


@pytest.mark.parametrize(("ranges", "expected", "overlapping"), MERGED.values(), ids=MERGED)
def test_merge(ranges: list[tuple[int, int]], expected: object, overlapping: int) -> None:
    assert merge(ranges) == (expected, overlapping)


PREFIXES = st.builds(
    lambda number, length: ip_network((number, length), strict=False),
    st.integers(0, (1 << 32) - 1),
    st.integers(8, 32),
)


@given(st.lists(PREFIXES, max_size=20))
def test_merged_ranges_are_the_collapsed_prefixes(prefixes: list[object]) -> None:
    ranges, _overlapping = merge(parse_prefix(str(prefix))[1] for prefix in prefixes)
    summarized = [
        prefix
        for first, last in ranges
        for prefix in summarize_address_range(ip(first), ip(last))  # type: ignore[type-var]
    ]
    assert summarized == list(collapse_addresses(prefixes))  # type: ignore[type-var]
    assert covers(ranges, [parse_prefix(str(prefix))[1] for prefix in prefixes])


@pytest.mark.parametrize(
    ("one", "text"),
    [
        pytest.param((1, 1), "0.0.0.1", id="address"),
        pytest.param((256, 511), "0.0.1.0/24", id="prefix"),
        pytest.param((256, 512), "0.0.1.0-0.0.2.0", id="no power of two"),
        pytest.param((128, 383), "0.0.0.128-0.0.1.127", id="not aligned"),
    ],
)
def test_written(one: tuple[int, int], text: str) -> None:
    assert written(one, 4) == text


@pytest.mark.parametrize(
    ("inner", "expected"),
    [((2, 3), True), ((0, 4), True), ((4, 5), False), ((5, 5), False), ((8, 9), True), ((9, 10), False)],
)
def test_covers(inner: tuple[int, int], expected: bool) -> None:
    assert covers(((0, 4), (8, 9)), [inner]) is expected


SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 6)).map(lambda of: (of[0], sum(of))))


@given(SPANS, SPANS)
def test_ranges_meet_where_they_have_an_address_in_common(
    some: list[tuple[int, int]], others: list[tuple[int, int]]
) -> None:
    def numbers(ranges: list[tuple[int, int]]) -> set[int]:
        return {number for first, last in ranges for number in range(first, last + 1)}

    assert meet(merge(some)[0], merge(others)[0]) is bool(numbers(some) & numbers(others))
