# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages, streams of them, and the content of files."""

from __future__ import annotations

import hashlib

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.messages import (
    DATA,
    PATTERN,
    STREAM,
    CorruptError,
    content,
    digest,
    pack,
    split,
    unpack,
)
from hypothesis import given
from hypothesis import strategies as st


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
