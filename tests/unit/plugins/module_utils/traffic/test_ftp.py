# SPDX-License-Identifier: GPL-3.0-or-later
"""The dialogue of FTP."""

from __future__ import annotations

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.ftp import (
    parse_file,
    parse_passive,
    parse_reply,
)
from ansible_collections.ftfw.pair.plugins.module_utils.traffic.messages import CorruptError


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
