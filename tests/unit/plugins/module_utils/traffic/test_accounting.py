# SPDX-License-Identifier: GPL-3.0-or-later
"""Counting what arrives, and coding a series."""

from __future__ import annotations

import json

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.accounting import (
    Sender,
    Series,
    Track,
    decode,
    encode,
)
from hypothesis import given
from hypothesis import strategies as st

MS = 1_000_000


@pytest.mark.parametrize(
    ("numbers", "sent", "expected"),
    [
        pytest.param([0, 1, 2, 3], 4, (4, 0, 0, 0), id="all"),
        pytest.param([0, 1, 3], 4, (3, 1, 0, 0), id="one lost"),
        pytest.param([0, 1], 4, (2, 2, 0, 0), id="the last ones lost"),
        pytest.param([2, 3], 4, (2, 2, 0, 0), id="the first ones lost"),
        pytest.param([], 4, (0, 4, 0, 0), id="all lost"),
        pytest.param([0, 2, 1, 3], 4, (4, 0, 0, 1), id="out of order"),
        pytest.param([0, 1, 1, 2, 0], 3, (3, 0, 2, 0), id="twice"),
        pytest.param([0, 3, 1, 1], 4, (3, 1, 1, 1), id="late, and twice"),
        pytest.param([], 0, (0, 0, 0, 0), id="nothing sent"),
    ],
)
def test_track(numbers: list[int], sent: int, expected: tuple[int, int, int, int]) -> None:
    track = Track(0)
    for at, number in enumerate(numbers):
        track.arrive(number, at)
    assert (track.received, track.lost(sent), track.duplicated, track.reordered) == expected


@given(st.lists(st.integers(0, 60), max_size=80))
def test_track_counts_what_a_set_counts(numbers: list[int]) -> None:
    track = Track(0)
    for number in numbers:
        track.arrive(number, 0)
    assert track.received == len(set(numbers))
    assert track.duplicated == len(numbers) - len(set(numbers))
    assert track.lost(100) == 100 - len(set(numbers))


@pytest.mark.parametrize(
    ("arrivals", "end", "gap", "at"),
    [
        pytest.param([1, 2, 3], 4, 1, 0, id="none longer than another"),
        pytest.param([1, 2, 502, 503], 504, 500, 2, id="in the middle"),
        pytest.param([300, 301], 302, 300, 0, id="at the beginning"),
        pytest.param([1, 2], 900, 898, 2, id="up to the end"),
        pytest.param([], 700, 700, 0, id="all the time"),
    ],
)
def test_gap(arrivals: list[int], end: int, gap: int, at: int) -> None:
    track = Track(0)
    for number, when in enumerate(arrivals):
        track.arrive(number, when)
    track.close(end)
    assert (track.gap, track.gap_at) == (gap, at)


def test_a_duplicate_ends_no_gap() -> None:
    track = Track(0)
    for number, at in ((0, 1), (0, 250), (1, 501)):
        track.arrive(number, at)
    assert (track.gap, track.gap_at) == (500, 1)


def test_sender_stall() -> None:
    sender = Sender()
    for at in (1000, 1001, 1041, 1041, 1042):
        sender.note(at)
    assert (sender.sent, sender.stall) == (5, 40)


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        pytest.param([], "", id="empty"),
        pytest.param([10], "10", id="one"),
        pytest.param([10, 10, 9, 0, 0, 0, 11], "10*2 9 0*3 11", id="runs"),
    ],
)
def test_encode(counts: list[int], text: str) -> None:
    assert encode(counts) == text
    assert decode(text) == counts


@given(st.lists(st.one_of(st.integers(0, 12), st.just(0)), max_size=200))
def test_decode_reads_what_encode_writes(counts: list[int]) -> None:
    assert decode(encode(counts)) == counts


def test_two_minutes_of_a_jittering_stream_are_short() -> None:
    # no two bins alike is the worst case
    text = encode([9 + place % 3 for place in range(12000)])
    assert len(json.dumps(text)) < 50_000


def test_series_has_empty_bins_to_its_end() -> None:
    series = Series(1000 * MS, 10 * MS)
    for at in (1000, 1009, 1010, 1035):
        series.add(at * MS)
    # stamped by the kernel a little before the probe's clock was read
    series.add(999 * MS)
    assert series.counts(1060 * MS) == [3, 1, 0, 1, 0, 0]
