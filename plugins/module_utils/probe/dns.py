# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One DNS question for an address, and its answer (RFC 1035, section 4)."""

from __future__ import annotations

import ipaddress
import struct

TYPES = {4: 1, 6: 28}  # A, AAAA
CLASS_IN = 1
RECURSION_DESIRED = 0x0100


class DnsError(ValueError):
    """The answer is none, or says that there is none."""


def question(name: str, number: int, family: int = 4) -> bytes:
    """Return the datagram that asks for the addresses of `name`; `number` identifies it in the answer."""
    labels = [label.encode("ascii") for label in name.rstrip(".").split(".")]
    if not all(0 < len(label) < 64 for label in labels):
        raise DnsError(f"{name!r} is no domain name")
    encoded = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return (
        struct.pack("!6H", number, RECURSION_DESIRED, 1, 0, 0, 0)
        + encoded
        + struct.pack("!2H", TYPES[family], CLASS_IN)
    )


def addresses(datagram: bytes, number: int) -> list[str]:
    """Return the addresses in the answer to question `number`, in its order."""
    try:
        found, flags, questions, answers = struct.unpack_from("!4H", datagram)
        if found != number or not flags & 0x8000:
            raise DnsError("not an answer to the question")
        if flags & 0x000F:
            raise DnsError(f"the server answers with code {flags & 0x000F}")
        offset = 12
        for _index in range(questions):
            offset = _after_name(datagram, offset) + 4
        seen = []
        for _index in range(answers):
            offset = _after_name(datagram, offset)
            kind, _class, _ttl, length = struct.unpack_from("!2HIH", datagram, offset)
            offset += 10
            if kind in TYPES.values():
                seen.append(str(ipaddress.ip_address(datagram[offset : offset + length])))
            offset += length
    except (struct.error, IndexError, ValueError) as error:
        if isinstance(error, DnsError):
            raise
        raise DnsError(f"the answer can't be read: {error}") from error
    return seen


def _after_name(datagram: bytes, offset: int) -> int:
    while True:
        length = datagram[offset]
        if length >= 0xC0:
            return offset + 2
        offset += 1 + length
        if length == 0:
            return offset
