# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions and answers of DNS."""

from __future__ import annotations

import struct

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.packets.dns import DnsError, addresses, question
from hypothesis import given
from hypothesis import strategies as st

ASKED = question("omarine.lab", 7)
A_RECORD = b"\xc0\x0c" + struct.pack("!2HIH", 1, 1, 60, 4) + bytes([192, 168, 0, 3])
AAAA_RECORD = b"\xc0\x0c" + struct.pack("!2HIH", 28, 1, 60, 16) + bytes(15) + b"\x01"
ALIAS_RECORD = b"\xc0\x0c" + struct.pack("!2HIH", 5, 1, 60, 2) + b"\xc0\x0c"


def answer(*records: bytes, number: int = 7, flags: int = 0x8180) -> bytes:
    return struct.pack("!6H", number, flags, 1, len(records), 0, 0) + ASKED[12:] + b"".join(records)


def test_question_is_as_rfc_1035_has_it() -> None:
    expected = "0007 0100 0001 0000 0000 0000 076f6d6172696e65 036c6162 00 0001 0001"
    assert bytes.fromhex(expected) == ASKED


@pytest.mark.parametrize(
    ("datagram", "expected"),
    [
        pytest.param(answer(A_RECORD), ["192.168.0.3"], id="one"),
        pytest.param(
            answer(ALIAS_RECORD, A_RECORD, AAAA_RECORD), ["192.168.0.3", "::1"], id="behind an alias"
        ),
        pytest.param(answer(), [], id="none"),
    ],
)
def test_addresses(datagram: bytes, expected: list[str]) -> None:
    assert addresses(datagram, 7) == expected


@pytest.mark.parametrize(
    ("datagram", "message"),
    [
        pytest.param(answer(A_RECORD, number=8), "not an answer", id="another question's"),
        pytest.param(ASKED, "not an answer", id="an echo"),
        pytest.param(answer(flags=0x8183), "answers with NXDOMAIN", id="no such name"),
        pytest.param(answer(A_RECORD)[:-2], "can't be read", id="cut off"),
        pytest.param(b"", "not an answer", id="empty"),
    ],
)
def test_what_is_no_answer(datagram: bytes, message: str) -> None:
    with pytest.raises(DnsError, match=message):
        addresses(datagram, 7)


@given(st.binary(max_size=80))
def test_any_datagram_is_read_or_refused(datagram: bytes) -> None:
    try:
        assert isinstance(addresses(datagram, 7), list)
    except DnsError as error:
        assert str(error)


@pytest.mark.parametrize("name", ["", "a..b", "x" * 64])
def test_no_domain_name(name: str) -> None:
    with pytest.raises(DnsError, match="no domain name"):
        question(name, 1)
