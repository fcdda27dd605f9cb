# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows as conntrack and conntrackd print them: read, compared and packed, without any I/O.

The text format is read and not XML, because the XML of conntrack-tools leaves out the type, code and
identifier of an ICMP flow: two pings between the same hosts would look like one.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterable
from typing import NamedTuple

TUPLE_KEYS = frozenset(("src", "dst", "sport", "dport", "type", "code", "id", "srckey", "dstkey"))
ZONE_KEYS = frozenset(("zone", "zone-orig", "zone-reply"))
CLOSING = frozenset(("FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE"))
"""States of a TCP flow that ends. A pair replicates the first of them only, see `policy_events`: the nodes
drop such a flow at different times."""


class OutputError(Exception):
    """What a program printed is not understood; `where` is the command, `text` the part in question."""

    def __init__(self, where: str, reason: str, text: str = "") -> None:
        super().__init__(f"{where}: {reason}" + (f": {text[:200]!r}" if text else ""))
        self.where = where
        self.reason = reason
        self.text = text


class PackedError(Exception):
    """A packed set of flows is not one that `pack` made."""


class Flow(NamedTuple):
    """A connection tracking entry's identity.

    `reply` is empty where the source does not tell it: conntrackd's external cache prints the original
    tuple only. `zone` is empty for the default zone.
    """

    protocol: str
    zone: str
    original: str
    reply: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.protocol, self.zone, self.original)

    def __str__(self) -> str:
        parts = [self.protocol, self.original]
        if self.translated:
            parts.append(f"reply {self.reply}")
        if self.zone:
            parts.append(self.zone)
        return " ".join(parts)

    @property
    def translated(self) -> bool:
        """Whether the reply is known and is not the original the other way round, which is what NAT makes."""
        if not self.reply:
            return False
        there, back = fields(self.original), fields(self.reply)
        pairs = (("src", "dst"), ("dst", "src"), ("sport", "dport"), ("dport", "sport"))
        return any(there.get(one) != back.get(other) for one, other in pairs)


def fields(text: str) -> dict[str, str]:
    return dict(item.split("=", 1) for item in text.split())


def parse_flow(line: str, where: str) -> Flow:
    """One line of `conntrack -L`, `conntrackd -i` or `conntrackd -e`."""
    words = line.split()
    if len(words) < 4 or not words[1].isdigit():
        raise OutputError(where, "not a connection tracking entry", line)
    tuples: list[list[str]] = []
    zone: list[str] = []
    for word in words[2:]:
        name, equals, _value = word.partition("=")
        if equals and name == "src":
            tuples.append([])
        if equals and name in TUPLE_KEYS and tuples:
            tuples[-1].append(word)
        elif equals and name in ZONE_KEYS:
            zone.append(word)
    if not 1 <= len(tuples) <= 2 or any(len(found) < 2 for found in tuples):
        raise OutputError(where, "no original tuple, or more than a reply beside it", line)
    # protocols without a name are all called 'unknown'
    protocol = words[1] if words[0] == "unknown" else words[0]
    texts = [" ".join(found) for found in tuples]
    return Flow(protocol, " ".join(zone), texts[0], texts[1] if len(texts) == 2 else "")


def is_closing(line: str) -> bool:
    """Whether a line as `parse_flow` reads it tells of a TCP flow that ends."""
    # the kernel's table has the timeout before the state, a cache has not
    return not CLOSING.isdisjoint(line.split(maxsplit=4)[2:4])


def parse_flows(text: str, where: str) -> list[Flow]:
    """A whole dump. Its last line must be ended, or the dump was cut off."""
    if text and not text.endswith("\n"):
        raise OutputError(where, "the dump is cut off", text[-200:])
    return [parse_flow(line, where) for line in text.splitlines()]


def without_closing(text: str) -> str:
    """A dump without the TCP flows that end."""
    return "".join(line for line in text.splitlines(keepends=True) if not is_closing(line))


def missing(wanted: Iterable[Flow], present: Iterable[Flow]) -> list[Flow]:
    """Those of `wanted` that are not in `present`, in order.

    The original tuple (with protocol and zone) has to be there, and where both sides tell the reply tuple,
    that has to be the same: an entry whose NAT was lost or is an older one's would break the flow.
    """
    replies: dict[tuple[str, str, str], str] = {flow.key: flow.reply for flow in present}
    absent = []
    for flow in wanted:
        reply = replies.get(flow.key)
        if reply is None or (reply and flow.reply and reply != flow.reply):
            absent.append(flow)
    return absent


def among(flows: Iterable[Flow], chosen: Iterable[Flow]) -> list[Flow]:
    """Those of `flows` whose original tuple is one of `chosen`."""
    keys = {flow.key for flow in chosen}
    return [flow for flow in flows if flow.key in keys]


def pack(flows: Iterable[Flow]) -> str:
    """A set of flows as short text, since it travels between nodes in module arguments."""
    lines = "\n".join(sorted("\t".join(flow) for flow in set(flows)))
    return base64.b64encode(zlib.compress(lines.encode())).decode("ascii")


def unpack(text: str) -> list[Flow]:
    try:
        lines = zlib.decompress(base64.b64decode(text, validate=True)).decode().splitlines()
        return [Flow(*line.split("\t")) for line in lines]
    except (binascii.Error, zlib.error, UnicodeDecodeError, TypeError, ValueError) as error:
        raise PackedError(f"this is not a packed set of flows: {error}") from error
