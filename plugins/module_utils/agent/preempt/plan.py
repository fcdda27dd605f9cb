# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the preferred node holds every flow of the primary's, so that it may have its role back. Pure.

A set of flows travels as the sorted hashes of their original tuples: after MAGIC and their number each has
eight bytes, of the highest first. The sets of two nodes are never read at the same instant: flows begin and
end in between. So the primary's is read before and after the own one. What it had both times it had all the
time, and this node has to have it.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import BinaryIO

from ansible_collections.ftfw.pair.plugins.module_utils.system.journal import ERROR, NOTICE, WARNING

MAGIC = b"ftfwset1"
HEADER = struct.Struct("!8sQ")
MAX_FLOWS = 1 << 24
"""No table is larger; a number beyond is nonsense, and not worth its memory."""

ASK_AGAIN = 30.0
"""Seconds between two requests to the peer to send all flows: each is as long as its table."""


class SetError(ValueError):
    """What arrived is no set of flows; what is wrong with it is in the message."""


def hash_of(key: Sequence[str]) -> int:
    """The hash of what a flow is known by: protocol, zone, original tuple."""
    return int.from_bytes(blake2b("\t".join(key).encode(), digest_size=8).digest(), "big")


def write_set(flows: Iterable[int], file: BinaryIO) -> None:
    ordered = sorted(set(flows))
    file.write(HEADER.pack(MAGIC, len(ordered)))
    file.write(struct.pack(f"!{len(ordered)}Q", *ordered))


def read_set(file: BinaryIO) -> set[int]:
    """Read a set. Raises SetError, also for one that is cut off."""
    head = file.read(HEADER.size)
    if len(head) < HEADER.size:
        raise SetError(f"{len(head)} bytes, and then nothing more")
    magic, count = HEADER.unpack(head)
    if magic != MAGIC:
        raise SetError(f"it begins with {magic!r}, and not with {MAGIC!r}")
    if count > MAX_FLOWS:
        raise SetError(f"{count} flows, more than {MAX_FLOWS}")
    body = file.read(8 * count)
    if len(body) < 8 * count:
        raise SetError(f"cut off after {len(body) // 8} of {count} flows")
    return set(struct.unpack(f"!{count}Q", body))


@dataclass(frozen=True)
class FlowComparison:
    """Flows that the primary had all the time, and how many of them are not here."""

    lasting: int
    lacking: int

    @classmethod
    def of(cls, before: set[int], own: set[int], after: set[int]) -> FlowComparison:
        lasting = before & after
        return cls(len(lasting), len(lasting - own))


@dataclass
class Preemption:
    """What the preferred node knows while it is backup. Times: seconds of a clock that never goes back."""

    deadline: float
    """So long after it has become backup it says that it still lacks flows; it goes on trying."""
    since: float | None = None
    asked_at: float = -math.inf
    claims: bool = False
    late: bool = False
    last: str = ""
    told: list[tuple[int, str]] = field(default_factory=list)
    """Lines for the journal that are new: level and text."""

    def other_state(self, state: str) -> None:
        """This node is no backup, or a transition of its own is not complete."""
        if self.claims:
            self.told.append((NOTICE, f"{state}: no longer asks for the role"))
        self.since, self.claims, self.late, self.last = None, False, False, ""

    def compared(self, found: FlowComparison | str, now: float) -> bool:
        """Note a comparison, or why there is none; whether the peer is to be asked to send all flows now."""
        if self.since is None:
            self.since = now
        if isinstance(found, FlowComparison) and not found.lacking:
            if not self.claims:
                text = f"holds all {found.lasting} flows of the primary's, and asks for the role"
                self.told.append((NOTICE, text))
            self.claims, self.late, self.last = True, False, ""
            return False
        self.claims = False
        why = (
            f"{found.lacking} of {found.lasting} flows of the primary's are not here"
            if isinstance(found, FlowComparison)
            else found
        )
        if now - self.since >= self.deadline and not self.late:
            self.late = True
            text = f"after {self.deadline:g} s {why}: this node stays backup, and goes on trying"
            self.told.append((ERROR, text))
        elif isinstance(found, str) and why != self.last:
            self.told.append((WARNING, why))
        self.last = why if isinstance(found, str) else ""
        asks = isinstance(found, FlowComparison) and now - self.asked_at >= ASK_AGAIN
        if asks:
            self.asked_at = now
        return asks
