# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A digest of a set of flows, small enough to travel, that tells how two sets on two nodes differ.

Each flow's original tuple is hashed to 64 bits, which choose one of 1,024 buckets. A bucket keeps the number
of its flows and the XOR of their hashes, so that the order in which flows are listed does not matter, and the
difference of two buckets is made by the flows alone that are on one side only.

Two nodes are never read at the same instant: on a busy pair flows begin and end in between. So both are read
twice. A flow that is missing all the time makes the same difference both times; one that was under way makes
none, or another one. A bucket whose difference is the same both times is counted, and no other.
"""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

BUCKETS = 1024
MASK = BUCKETS - 1
LAYOUT = struct.Struct(f"<{BUCKETS}I{BUCKETS}Q")
FlowIdentity = Sequence[str]
"""What a flow is known by: protocol, zone, original tuple."""


class DigestError(Exception):
    """This is not a digest that `Digest.pack` made."""


@dataclass(frozen=True)
class Digest:
    counts: tuple[int, ...]
    hashes: tuple[int, ...]

    @classmethod
    def of(cls, flows: Iterable[FlowIdentity]) -> Digest:
        """Make the digest of a set: a flow that is listed twice, as a dump may do, must be given once."""
        counts, hashes = [0] * BUCKETS, [0] * BUCKETS
        for flow in flows:
            value = int.from_bytes(blake2b("\t".join(flow).encode(), digest_size=8).digest(), "little")
            counts[value & MASK] += 1
            hashes[value & MASK] ^= value
        return cls(tuple(counts), tuple(hashes))

    @property
    def flows(self) -> int:
        return sum(self.counts)

    def pack(self) -> str:
        """As text, 13 KB at most."""
        return base64.b64encode(zlib.compress(LAYOUT.pack(*self.counts, *self.hashes))).decode("ascii")

    @classmethod
    def unpack(cls, text: str) -> Digest:
        try:
            values = LAYOUT.unpack(zlib.decompress(base64.b64decode(text, validate=True)))
        except (binascii.Error, zlib.error, struct.error, ValueError, TypeError) as error:
            raise DigestError(f"not a digest of flows: {error}") from error
        return cls(values[:BUCKETS], values[BUCKETS:])


@dataclass(frozen=True)
class Difference:
    """How many flows at least one node lacks, and how many at least it has that the other one hasn't."""

    lacking: int
    surplus: int

    def __bool__(self) -> bool:
        return bool(self.lacking or self.surplus)


def difference(wanted: Digest, present: Digest, again: tuple[Digest, Digest] | None = None) -> Difference:
    """How `present` differs from `wanted`, and, of that, what was still so in the second pair of digests."""
    lacking = surplus = 0
    changes = _changes(wanted, present)
    repeated = changes if again is None else _changes(*again)
    for change, later in zip(changes, repeated):
        count, value = change
        if change != later or not value:
            continue
        lacking += max(count, 0 if count else 1)
        surplus += max(-count, 0 if count else 1)
    return Difference(lacking, surplus)


def _changes(wanted: Digest, present: Digest) -> list[tuple[int, int]]:
    return [
        (there - here, one ^ other)
        for there, here, one, other in zip(wanted.counts, present.counts, wanted.hashes, present.hashes)
    ]
