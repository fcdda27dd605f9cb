# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who else on a wire has an address of this node. Pure; wire.py asks and listens.

No address of a node waits for duplicate address detection, so it is made up for while the address is in use.
Only what two looks in a row have shown counts: in a takeover both nodes may have an address for a moment.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from ansible_collections.ftfw.pair.plugins.module_utils.agent import discovery
from ansible_collections.ftfw.pair.plugins.module_utils.netlink.route import Card

FORGET = 2
"""So many looks in a row without a duplicate, and it is gone: an answer may get lost."""
_IPV6 = struct.Struct("!IHBB16s16s")
_ICMPV6 = 58
_NOBODY = IPv6Address("::")


class Place(NamedTuple):
    interface: str
    address: str


class Claim(NamedTuple):
    """Somebody's word that an address is at a MAC."""

    interface: str
    address: str
    mac: str


@dataclass(frozen=True)
class DuplicatesSeen:
    found: bool
    """In two looks in a row."""
    missed: int
    """In so many looks since."""


class Duplicates:
    """What several looks have shown together.

    `peers` are the other node's addresses on each interface. They are asked for as well: a virtual address
    that the other node has, too, is two primaries, and no stranger.
    """

    def __init__(self, virtual: Collection[str], peers: Mapping[str, Sequence[str]]) -> None:
        self._virtual, self._peers = frozenset(virtual), peers
        self._present: frozenset[Place] = frozenset()
        self._asked: frozenset[Place] = frozenset()
        self._known: dict[Claim, DuplicatesSeen] = {}
        self._peers_macs: dict[str, frozenset[str]] = {}

    def places(self, cards: Mapping[str, Card]) -> list[Place]:
        """What to ask for: the peer's addresses, and own ones that were here at the last look already."""
        present = frozenset(Place(name, each) for name, card in cards.items() for each in card.addresses)
        self._asked, self._present = present & self._present, present
        peers = [Place(name, each) for name in self._peers if name in cards for each in self._peers[name]]
        return peers + sorted(self._asked)

    def note(self, claims: Collection[Claim], cards: Mapping[str, Card]) -> None:
        """Take in what was heard since `places`."""
        for interface, addresses in self._peers.items():
            macs = {one.mac for one in claims if one.interface == interface and one.address in addresses}
            if macs:
                self._peers_macs[interface] = frozenset(macs)
        # a bridge may bring back what we have sent, and two cards may be on one wire
        own = {card.mac for card in cards.values()}
        others = {one for one in claims if one.mac not in own and not self._is_peers(one)}
        known = {}
        for one in others | self._known.keys():
            before = self._known.get(one)
            if Place(one.interface, one.address) not in self._asked:
                continue
            if one in others:
                known[one] = DuplicatesSeen(before is not None, 0)
            elif before is not None and before.found and before.missed + 1 < FORGET:
                known[one] = DuplicatesSeen(True, before.missed + 1)
        self._known = known

    def _is_peers(self, one: Claim) -> bool:
        return one.address in self._virtual and one.mac in self._peers_macs.get(one.interface, ())

    def sentences(self) -> list[str]:
        return [
            f"{one.address} on {one.interface} is also at {one.mac}"
            for one in sorted(self._known)
            if self._known[one].found
        ]


def source(address: str, card: Card) -> str:
    """The address that asks for one of IPv6.

    What is asked from the unspecified address is answered to all nodes, and they would believe the answer. So
    the link-local address asks for the others. It cannot ask for itself, nor can another one: a copy of this
    node that had both would send its answer to itself.
    """
    others = sorted(each for each in card.addresses if ":" in each and each != address)
    near = [each for each in others if IPv6Address(each).is_link_local]
    if near and not IPv6Address(address).is_link_local:
        return near[0]
    return str(_NOBODY) if address in card.addresses or not others else others[0]


def arp_probe(address: str, own: bytes) -> bytes:
    """RFC 5227, section 2.1.1: from nobody, so that nobody learns from it."""
    return discovery.arp_question(own, bytes(4), address)


def solicitation(address: str, asker: str, own: bytes) -> tuple[bytes, bytes]:
    """A packet of IPv6, and the MAC that it goes to. From nobody it is as in RFC 4862, section 5.4.2."""
    sender, group = IPv6Address(asker), discovery.solicited_group(address)
    said = discovery.solicitation(address, None if sender == _NOBODY else own)
    return _packet(sender, group, said), b"\x33\x33" + group.packed[-4:]


def advertisement(address: str, own: bytes) -> tuple[bytes, bytes]:
    """To all nodes, unasked: the address is here."""
    said, to = discovery.advertisement(address, own), discovery.ALL_NODES
    return _packet(IPv6Address(address), to, said), b"\x33\x33" + to.packed[-4:]


def _packet(sender: IPv6Address, to: IPv6Address, said: bytes) -> bytes:
    pseudo = sender.packed + to.packed + struct.pack("!II", len(said), _ICMPV6) + said
    total = sum(struct.unpack(f"!{len(pseudo) // 2}H", pseudo))
    total = (total & 0xFFFF) + (total >> 16)
    checksum = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    header = _IPV6.pack(6 << 28, len(said), _ICMPV6, discovery.HOPS, sender.packed, to.packed)
    return header + said[:2] + struct.pack("!H", checksum) + said[4:]


def read_arp(frame: bytes) -> tuple[str, str] | None:
    """Who says that it has which address, as address and MAC. A probe says nothing of the kind."""
    said = discovery.read_arp(frame)
    if said is None or said.sender == bytes(4):
        return None
    return str(IPv4Address(said.sender)), said.mac.hex(":")


def read_advertisement(packet: bytes, mac: bytes) -> tuple[str, str] | None:
    """The same of a neighbour advertisement that came from a MAC; what it says itself counts."""
    if len(packet) < _IPV6.size + discovery.NEIGHBOUR_SIZE:
        return None
    _words, length, protocol, hops, _sender, _to = _IPV6.unpack_from(packet)
    if (protocol, hops) != (_ICMPV6, discovery.HOPS):
        return None
    claim = discovery.read_advertisement(packet[_IPV6.size : _IPV6.size + length], mac)
    return (claim[0], claim[1].hex(":")) if claim else None
