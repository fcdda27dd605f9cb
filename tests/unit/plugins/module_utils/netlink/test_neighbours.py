# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages of the kernel about neighbours. Real ones are in tests/integration/test_probes.py."""

from __future__ import annotations

import struct

from ansible_collections.ftfw.pair.plugins.module_utils.netlink.neighbours import messages


def message(kind: int, body: bytes) -> bytes:
    length = 16 + len(body)
    return struct.pack("=IHHII", length, kind, 0, 1, 0) + body + bytes(-length % 4)


def test_messages_of_a_datagram() -> None:
    data = message(28, b"12345") + message(28, b"") + message(3, b"\0\0\0\0")
    assert list(messages(data)) == [(28, b"12345"), (28, b""), (3, b"\0\0\0\0")]


def test_a_length_of_nothing_does_not_hold_it_up() -> None:
    assert len(list(messages(bytes(32)))) == 2
