# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check of a ruleset consists of: wires, probes, and what became of a probe."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.ftfw.pair.plugins.module_utils.packets.clock import Moment
from ansible_collections.ftfw.pair.plugins.module_utils.packets.packet import Address, Packet

FIREWALL = "firewall"
"""In the place of a network: the firewall itself."""

OPENING, ESTABLISHED, REPLY, RELATED, EXPECTED = "opening", "established", "reply", "related", "expected"
PACKETS = (OPENING, ESTABLISHED, REPLY, RELATED, EXPECTED)

ACCEPT, DROP, REJECT, LIMITED = "accept", "drop", "reject", "limited"
VERDICTS = (ACCEPT, DROP, REJECT, LIMITED)


@dataclass(frozen=True)
class Wire:
    """A device of the firewall, and the network at its other end, on which any address can be played."""

    device: str
    network: str
    prefixes: tuple[str, ...]
    addresses: tuple[str, ...]
    """The firewall's own and virtual ones, with prefix lengths."""


@dataclass(frozen=True)
class PacketProbe:
    """One packet or flow to send, and what should become of it."""

    number: int
    """From 1 on; every packet of the probe carries it."""
    name: str
    entry: str
    """The network that it comes from, or FIREWALL."""
    to: str | None
    """The network where it must come out, or FIREWALL; None where that is all the same."""
    source: Address
    destination: Address
    protocol: int
    expected: tuple[str, ...]
    port: int = 0
    source_port: int = 0
    type: int = 0
    code: int = 0
    flags: int = 2
    packet: str = OPENING
    """Which packet of the flow is judged."""
    error: tuple[int, int] = (3, 4)
    """Type and code of a related ICMP error."""
    by: str | None = None
    """The network that a reply or an error comes from, instead of the one that the flow went to."""
    helper: str | None = None
    """Of an expected connection: whose dialog announces it."""
    repeat: int = 1
    broken: bool = False
    """With a wrong checksum, of TCP, UDP or ICMP."""
    hops: int = 0
    """Hop limit of ICMP; 0 for the usual one."""
    setup: tuple[str, ...] = ()
    """Commands of nft after the ruleset was loaded."""
    at: Moment | None = None
    """When it is sent, for what the ruleset says about the time; None for now."""

    @property
    def family(self) -> int:
        return self.source.version


@dataclass(frozen=True)
class Send:
    """A packet to put on a network's wire, or to send from the firewall itself."""

    place: str
    packet: bytes


@dataclass(frozen=True)
class Heard:
    """A packet that came out on a network's wire, or that the firewall took for itself."""

    place: str
    packet: Packet


@dataclass(frozen=True)
class Fate:
    """What became of a probe's packets. Addresses are None where the packet did not arrive."""

    verdict: str
    why: str = ""
    arrived: Heard | None = None
    reply: bool | None = None
    """Whether the reply got back to the sender; None when none was sent."""


@dataclass(frozen=True)
class Entry:
    """An entry of the firewall's connection tracking table, by the flow's original direction."""

    protocol: int
    source: Address
    destination: Address
    source_port: int
    """Of ICMP the identifier."""
    port: int
    helper: str | None
