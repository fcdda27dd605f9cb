# SPDX-License-Identifier: GPL-3.0-or-later
"""Counting what arrives, coding a series, messages, and the dialogue of FTP."""

from __future__ import annotations

import errno
import hashlib
import json
import socket

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.probe.flow_probe import (
    DATA,
    PATTERN,
    STREAM,
    CorruptError,
    Sender,
    Series,
    Track,
    content,
    decode,
    digest,
    encode,
    internet_checksum,
    pack,
    parse_file,
    parse_passive,
    parse_reply,
    split,
    unpack,
    what_happened,
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


def test_a_message_comes_back_as_it_was() -> None:
    message = unpack(pack(DATA, 7, 12, 100, 101, b"body"))
    assert message is not None
    assert tuple(message) == (DATA, 7, 12, 100, 101, b"body")


@given(st.binary(max_size=40), st.data())
def test_any_changed_bit_is_found(body: bytes, data: st.DataObject) -> None:
    whole = bytearray(pack(DATA, 7, 12, 100, 101, body))
    bit = data.draw(st.integers(0, len(whole) * 8 - 1))
    whole[bit // 8] ^= 1 << bit % 8
    assert unpack(bytes(whole)) is None


@pytest.mark.parametrize("data", [b"", b"fp", b"x" * 100], ids=["empty", "short", "foreign"])
def test_what_is_no_message(data: bytes) -> None:
    assert unpack(data) is None


@given(st.lists(st.binary(max_size=30), max_size=6), st.integers(1, 50))
def test_split_finds_messages_wherever_the_stream_is_cut(bodies: list[bytes], size: int) -> None:
    whole = b"".join(pack(STREAM, 1, number, body=body) for number, body in enumerate(bodies))
    buffer, found = bytearray(), []
    for offset in range(0, len(whole), size):
        buffer += whole[offset : offset + size]
        found += [unpack(raw) for raw in split(buffer)]
    assert [message and message.body for message in found] == bodies
    assert not buffer


@pytest.mark.parametrize("data", [b"x" * 40, b"fp" + b"\xff" * 40, b"fp" + b"\0" * 40])
def test_split_refuses_what_is_no_stream_of_messages(data: bytes) -> None:
    with pytest.raises(CorruptError):
        list(split(bytearray(data)))


def test_content_is_the_same_wherever_it_is_cut() -> None:
    size = 3 * len(PATTERN) + 100
    parts = [content(offset, min(1000, size - offset)) for offset in range(0, size, 1000)]
    assert b"".join(parts) == content(0, size)
    assert digest(size) == hashlib.sha256(b"".join(parts)).hexdigest()


@pytest.mark.parametrize(
    ("text", "reply", "rest"),
    [
        pytest.param(b"220 ready\r\n", (220, "ready"), b"", id="one line"),
        pytest.param(b"220 rea", None, b"220 rea", id="half a line"),
        pytest.param(b"230-welcome\r\n to this\r\n230 done\r\n", (230, "done"), b"", id="several lines"),
        pytest.param(b"230-welcome\r\n 230 no\r\n", None, b"230-welcome\r\n 230 no\r\n", id="not yet all"),
        pytest.param(b"150 here\r\n226 done\r\n", (150, "here"), b"226 done\r\n", id="two replies"),
    ],
)
def test_parse_reply(text: bytes, reply: tuple[int, str] | None, rest: bytes) -> None:
    buffer = bytearray(text)
    assert parse_reply(buffer) == reply
    assert bytes(buffer) == rest


def test_what_is_no_reply() -> None:
    with pytest.raises(CorruptError):
        parse_reply(bytearray(b"SSH-2.0-OpenSSH\r\n"))


@pytest.mark.parametrize(
    ("code", "text", "place"),
    [
        pytest.param(227, "Entering Passive Mode (192,168,0,3,156,64).", ("192.168.0.3", 40000), id="PASV"),
        pytest.param(227, "=10,0,0,1,0,21", ("10.0.0.1", 21), id="PASV without parentheses"),
        pytest.param(229, "Entering Extended Passive Mode (|||40000|)", ("host", 40000), id="EPSV"),
    ],
)
def test_parse_passive(code: int, text: str, place: tuple[str, int]) -> None:
    assert parse_passive(code, text, "host") == place


@pytest.mark.parametrize(("code", "text"), [(425, "no"), (227, "(1,2,3)"), (229, "(none)")])
def test_parse_passive_refuses(code: int, text: str) -> None:
    with pytest.raises(CorruptError):
        parse_passive(code, text, "host")


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("probe-20-1048576", (20.0, 1048576)),
        ("/probe-0.5-1", (0.5, 1)),
        ("probe-20", None),
        ("../etc/passwd", None),
        ("probe--1-5", None),
    ],
)
def test_parse_file(name: str, file: tuple[float, int] | None) -> None:
    assert parse_file(name) == file


def test_internet_checksum_of_rfc_1071() -> None:
    # the example of its section 3, complemented
    assert internet_checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (None, "closed by the peer"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "refused"),
        (BrokenPipeError(errno.EPIPE, "x"), "reset"),
        (OSError(errno.ENETUNREACH, "x"), "no route"),
        (OSError(errno.EPERM, "Operation not permitted"), "Operation not permitted"),
        (socket.gaierror("odd"), "odd"),
    ],
)
def test_what_happened(error: OSError | None, words: str) -> None:
    assert what_happened(error) == words
