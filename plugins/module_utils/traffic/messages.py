# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbered messages with a checksum, and the content of files that are downloaded."""

from __future__ import annotations

import functools
import hashlib
import os
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

# magic, kind, key of the flow, number, length of the whole, when it was due, when it was sent
HEADER = struct.Struct("!2sBxIIIQQ")
CHECK = struct.Struct("!I")
OVERHEAD = HEADER.size + CHECK.size
LARGEST = 65536
STREAM, SHORT, DATA, HELLO, HELLO_ACK, FIN, FIN_ACK = range(1, 8)


class Message(NamedTuple):
    kind: int
    key: int
    number: int
    due: int
    sent: int
    body: bytes


class CorruptError(Exception):
    """The stream holds something else than messages."""


def new_key() -> int:
    """What tells a flow from all others, 32 random bits. The module secrets has them, but loads long."""
    return int.from_bytes(os.urandom(4), "big")


def pack(kind: int, key: int, number: int = 0, due: int = 0, sent: int = 0, body: bytes = b"") -> bytes:
    data = HEADER.pack(b"fp", kind, key, number, OVERHEAD + len(body), due, sent) + body
    return data + CHECK.pack(zlib.crc32(data))


def unpack(data: bytes) -> Message | None:
    """Read one whole message; None when a bit of it is wrong."""
    if len(data) < OVERHEAD or CHECK.unpack_from(data, len(data) - 4)[0] != zlib.crc32(data[:-4]):
        return None
    magic, kind, key, number, length, due, sent = HEADER.unpack_from(data)
    if magic != b"fp" or length != len(data):
        return None
    return Message(kind, key, number, due, sent, data[HEADER.size : -4])


def split(buffer: bytearray) -> Iterator[bytes]:
    """Take the messages that are complete from the front of a stream's buffer."""
    while len(buffer) >= HEADER.size:
        length = int.from_bytes(buffer[12:16], "big")
        if buffer[:2] != b"fp" or not OVERHEAD <= length <= LARGEST:
            raise CorruptError
        if len(buffer) < length:
            return
        yield bytes(buffer[:length])
        del buffer[:length]


PATTERN = b"".join(hashlib.sha256(str(number).encode()).digest() for number in range(256))


def content(offset: int, length: int) -> bytes:
    """Part of the file that an FTP listener serves: the same 8 KiB again and again."""
    begin = offset % len(PATTERN)
    return (PATTERN * ((begin + length) // len(PATTERN) + 1))[begin : begin + length]


@functools.lru_cache(maxsize=8)
def digest(size: int) -> str:
    """The SHA-256 of such a file."""
    whole = hashlib.sha256()
    for offset in range(0, size, 1 << 20):
        whole.update(content(offset, min(1 << 20, size - offset)))
    return whole.hexdigest()
