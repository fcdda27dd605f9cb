# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Netlink messages as bytes. Real ones are in the tests of their users, in namespaces of their own."""

from __future__ import annotations

import errno
import struct

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.netlink.codec import (
    attribute,
    dump,
    error_number,
    message,
    messages,
    nested,
    parse_attributes,
)


def test_messages_of_a_datagram() -> None:
    parts = [(28, 5, b"12345"), (28, 6, b""), (3, 6, bytes(4))]
    data = b"".join(
        each + bytes(-len(each) % 4)
        for each in (message(kind, 0, body, number) for kind, number, body in parts)
    )
    assert list(messages(data)) == parts


def test_a_message_is_packed_as_the_kernel_reads_it() -> None:
    assert message(22, 0x301, b"body") == struct.pack("=IHHII", 20, 22, 0x301, 1, 0) + b"body"


def test_a_length_of_nothing_does_not_hold_it_up() -> None:
    assert len(list(messages(bytes(32)))) == 2


def test_attributes_from_a_place_on_without_their_flags() -> None:
    data = b"head" + nested(3, attribute(1, b"x"), attribute(2, b"yy")) + attribute(4, b"")
    found = parse_attributes(data, 4)
    assert found == {3: attribute(1, b"x") + attribute(2, b"yy"), 4: b""}
    assert parse_attributes(found[3]) == {1: b"x", 2: b"yy"}


def test_error_number() -> None:
    assert error_number(struct.pack("=i", -errno.ENOENT)) == errno.ENOENT
    assert error_number(bytes(4)) == 0


def test_a_question_that_the_kernel_refuses_is_an_error() -> None:
    with pytest.raises(OSError) as raised:
        list(dump(0, 9999, 9999, b"", 1.0))
    assert raised.value.errno == errno.EOPNOTSUPP
