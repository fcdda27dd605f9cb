# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of web servers, as they come bit by bit."""

from __future__ import annotations

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.http import (
    LARGEST,
    HttpAnswer,
    read_answer,
    request,
)
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.messages import CorruptError

LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHello\r\n3\r\nyou\r\n0\r\n\r\n"
CLOSES = b"HTTP/1.1 503 Sorry\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno"
OLD = b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi"
EMPTY = b"HTTP/1.1 304 Not Modified\r\n\r\n"
OPEN_END = b"HTTP/1.1 200 OK\r\n\r\nHello"


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        pytest.param(LENGTH, HttpAnswer(200, False), id="length"),
        pytest.param(CHUNKED, HttpAnswer(200, False), id="chunked"),
        pytest.param(CLOSES, HttpAnswer(503, True), id="closes"),
        pytest.param(OLD, HttpAnswer(200, True), id="1.0"),
        pytest.param(EMPTY, HttpAnswer(304, False), id="no-content"),
    ],
)
def test_an_answer_is_whole_with_its_last_byte(data: bytes, answer: HttpAnswer) -> None:
    assert [read_answer(data[:length]) for length in range(len(data))] == [None] * len(data)
    assert read_answer(data) == answer


def test_one_without_a_length_lasts_until_the_connection_ends() -> None:
    assert read_answer(OPEN_END) is None
    assert read_answer(OPEN_END, ended=True) == HttpAnswer(200, True)
    assert read_answer(LENGTH[:-1], ended=True) is None
    assert read_answer(b"", ended=True) is None


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"220 mail.example ESMTP\r\n", id="another-protocol"),
        pytest.param(b"HTTP/1.1 OK\r\n\r\n", id="no-status"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n", id="too-many-headers"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * LARGEST, id="too-large"),
    ],
)
def test_what_is_no_answer(data: bytes) -> None:
    with pytest.raises(CorruptError):
        read_answer(data)


@pytest.mark.parametrize(
    ("address", "host"),
    [
        (("192.0.2.1", 80), "192.0.2.1"),
        (("192.0.2.1", 8080), "192.0.2.1:8080"),
        (("2001:db8::1", 80), "[2001:db8::1]"),
        (("2001:db8::1", 8080), "[2001:db8::1]:8080"),
    ],
)
def test_a_request_names_its_host(address: tuple[str, int], host: str) -> None:
    lines = request(address, "/a", keep=True).decode().split("\r\n")
    assert lines[0] == "GET /a HTTP/1.1"
    assert f"Host: {host}" in lines
    assert lines[-2:] == ["", ""]
    assert ("Connection: close" in lines, b"Connection: close" in request(address, "/", keep=False)) == (
        False,
        True,
    )
