# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What two digests of flows tell of the sets they were made of."""

from __future__ import annotations

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.conntrack.digest import (
    BUCKETS,
    Difference,
    Digest,
    DigestError,
    difference,
)
from hypothesis import given
from hypothesis import strategies as st

Flow = tuple[str, str, str]


def flows(first: int, last: int) -> list[Flow]:
    return [
        ("tcp", "", f"src=192.168.2.3 dst=192.168.0.3 sport={port} dport=80") for port in range(first, last)
    ]


def digest(*sets: list[Flow]) -> Digest:
    return Digest.of(flow for each in sets for flow in each)


def test_the_order_of_flows_does_not_matter() -> None:
    assert digest(flows(0, 3000)) == Digest.of(reversed(flows(0, 3000)))


def test_it_counts_and_survives_the_way() -> None:
    made = digest(flows(0, 5000))
    assert made.flows == 5000
    assert Digest.unpack(made.pack()) == made
    assert len(made.pack()) < 16384


@pytest.mark.parametrize(
    ("wanted", "present", "expected"),
    [
        pytest.param(flows(0, 0), flows(0, 0), Difference(0, 0), id="both-empty"),
        pytest.param(flows(0, 5000), flows(0, 5000), Difference(0, 0), id="equal"),
        pytest.param(flows(0, 5000), flows(0, 4999), Difference(1, 0), id="one-lacking"),
        pytest.param(flows(0, 4999), flows(0, 5000), Difference(0, 1), id="one-too-many"),
        pytest.param(flows(0, 5000), flows(0, 0), Difference(5000, 0), id="all-lacking"),
    ],
)
def test_difference(wanted: list[Flow], present: list[Flow], expected: Difference) -> None:
    assert difference(digest(wanted), digest(present)) == expected
    assert bool(expected) == (wanted != present)


def test_flows_that_were_under_way_are_no_difference() -> None:
    first = digest(flows(0, 1000)), digest(flows(0, 990))
    again = digest(flows(0, 1100)), digest(flows(0, 1095))
    assert difference(*first) == Difference(10, 0)
    assert difference(*first, again) == Difference(0, 0)


def test_flows_that_stay_away_are_found_among_those_under_way() -> None:
    lost = flows(60000, 60005)
    first = digest(flows(0, 1000), lost), digest(flows(0, 990))
    again = digest(flows(0, 1100), lost), digest(flows(0, 1095))
    assert difference(*first, again) == Difference(5, 0)


@given(st.sets(st.integers(0, 4000), max_size=40), st.sets(st.integers(0, 4000), max_size=40))
def test_sets_that_differ_are_told_from_equal_ones(one: set[int], other: set[int]) -> None:
    made = [Digest.of(("udp", "", f"src=10.0.0.{number}") for number in numbers) for numbers in (one, other)]
    found = difference(*made)
    assert bool(found) == (one != other)
    assert found.lacking <= len(one - other) or len(one - other) == 0
    assert found.surplus <= len(other - one) + BUCKETS


@pytest.mark.parametrize(
    "text", ["", "?", "eNoDAAAAAAE=", "AAAA"], ids=["empty", "no-base64", "short", "no-zlib"]
)
def test_what_is_no_digest(text: str) -> None:
    with pytest.raises(DigestError, match="not a digest of flows"):
        Digest.unpack(text)
