# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Netlink attributes: packed, unpacked, and what is read out of an answer."""

from __future__ import annotations

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.conntrack.helper import (
    helper_of,
    injection,
    is_translated,
    tuple_attribute,
)
from ansible_collections.ftfw.pair.plugins.module_utils.netlink.codec import (
    attribute,
    nested,
    parse_attributes,
)
from ansible_collections.ftfw.pair.plugins.module_utils.netlink.ctnetlink import (
    CTA_HELP,
    CTA_HELP_NAME,
    CTA_TUPLE_REPLY,
)


@pytest.mark.parametrize(
    ("payload", "packed"),
    [
        pytest.param(b"", b"\x04\x00\x02\x00", id="empty"),
        pytest.param(b"a", b"\x05\x00\x02\x00a\0\0\0", id="padded"),
        pytest.param(b"abcd", b"\x08\x00\x02\x00abcd", id="aligned"),
    ],
)
def test_attribute(payload: bytes, packed: bytes) -> None:
    assert attribute(2, payload) == packed
    assert parse_attributes(packed) == {2: payload}


@pytest.mark.parametrize(
    ("data", "found"),
    [
        pytest.param(b"", {}, id="none"),
        pytest.param(b"\x04\x00", {}, id="short"),
        pytest.param(b"\xff\x00\x01\x00abcd", {}, id="longer-than-the-data"),
        pytest.param(b"\x00\x00\x01\x00abcd", {}, id="length-of-zero"),
        pytest.param(attribute(1, b"x") + attribute(2, b"yy"), {1: b"x", 2: b"yy"}, id="two"),
    ],
)
def test_parse_attributes(data: bytes, found: dict[int, bytes]) -> None:
    assert parse_attributes(data) == found


@pytest.mark.parametrize(
    ("answer", "helper"),
    [
        pytest.param(nested(CTA_HELP, attribute(CTA_HELP_NAME, b"ftp\0")), "ftp", id="kept"),
        pytest.param(attribute(1, b"else"), None, id="lost"),
        pytest.param(nested(CTA_HELP), None, id="empty"),
        pytest.param(injection("sip"), "sip", id="as-injected"),
    ],
)
def test_helper_of(answer: bytes, helper: str | None) -> None:
    assert helper_of(answer) == helper


@pytest.mark.parametrize(
    ("destination", "translated"),
    [pytest.param("198.51.100.100", True, id="virtual"), pytest.param("192.0.2.3", False, id="client")],
)
def test_is_translated(destination: str, translated: bool) -> None:
    reply = tuple_attribute(CTA_TUPLE_REPLY, "198.51.100.3", destination, 21, 40000)
    assert is_translated(reply) is translated
