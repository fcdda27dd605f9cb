# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One DNS question, and its answer (RFC 1035, section 4)."""

from __future__ import annotations

import ipaddress
import struct

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "MX": 15, "TXT": 16, "AAAA": 28}
"""RFC 1035, section 3.2.2, and RFC 3596: the same that keepalived's DNS_CHECK knows."""
OF_FAMILY = {4: "A", 6: "AAAA"}
CLASS_IN = 1
RECURSION_DESIRED = 0x0100
_RESPONSE, _RCODE = 0x8000, 0x000F
_CODES = {1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}


class DnsError(ValueError):
    """The answer is none, or says that there is none."""


def question(name: str, number: int, record: str = "A") -> bytes:
    """Return the datagram that asks for a record of `name`; `number` identifies it in the answer."""
    # the root has no label
    labels = [] if name == "." else [label.encode("ascii") for label in name.rstrip(".").split(".")]
    if not all(0 < len(label) < 64 for label in labels):
        raise DnsError(f"{name!r} is no domain name")
    encoded = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return (
        struct.pack("!6H", number, RECURSION_DESIRED, 1, 0, 0, 0)
        + encoded
        + struct.pack("!2H", TYPES[record], CLASS_IN)
    )


def answered(datagram: bytes, number: int) -> bool:
    """Whether a datagram is the answer to question `number`. Raises DnsError where that says an error."""
    if len(datagram) < 12:
        return False
    found, flags = struct.unpack_from("!2H", datagram)
    if found != number or not flags & _RESPONSE:
        return False
    code = flags & _RCODE
    if code:
        raise DnsError(f"the server answers with {_CODES.get(code, f'code {code}')}")
    return True


def addresses(datagram: bytes, number: int) -> list[str]:
    """Return the addresses in the answer to question `number`, in its order."""
    try:
        if not answered(datagram, number):
            raise DnsError("not an answer to the question")
        questions, answers = struct.unpack_from("!2H", datagram, 4)
        offset = 12
        for _index in range(questions):
            offset = _after_name(datagram, offset) + 4
        seen = []
        for _index in range(answers):
            offset = _after_name(datagram, offset)
            kind, _class, _ttl, length = struct.unpack_from("!2HIH", datagram, offset)
            offset += 10
            if kind in (TYPES["A"], TYPES["AAAA"]):
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
