# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who has an address on a wire, as bytes: ARP (RFC 826), and neighbour discovery (RFC 4861). Pure."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

ETH_ARP, ETH_IPV6 = 0x0806, 0x86DD
BROADCAST = b"\xff" * 6
SOLICITATION, ADVERTISEMENT = 135, 136
HOPS = 255
"""That a packet has it proves that it is from the link."""
ALL_NODES = IPv6Address("ff02::1")
_ARP = struct.Struct("!HHBBH6s4s6s4s")
"""Hardware and protocol type, their lengths, operation, sender's and target's addresses."""
_ETHERNET, _IPV4, _LENGTHS = 1, 0x0800, (6, 4)
_REQUEST, _REPLY = 1, 2
_NEIGHBOUR = struct.Struct("!BBHI16s")
"""RFC 4861, sections 4.3 and 4.4: type, code, checksum, flags, target."""
_OPTION = struct.Struct("!BB6s")
"""Section 4.6.1: type, length in units of eight octets, MAC."""
_SENDERS_MAC, _TARGETS_MAC = 1, 2
_FROM_A_ROUTER, _OVERRIDE = 1 << 31, 1 << 29
_GROUPS = b"\xff\x02" + bytes(9) + b"\x01\xff"
"""Solicited-node multicast addresses, but for the last three octets (RFC 4291, section 2.7.1)."""
ARP_SIZE = _ARP.size
NEIGHBOUR_SIZE = _NEIGHBOUR.size


class Arp(NamedTuple):
    """What a frame of ARP for IPv4 on Ethernet says."""

    is_reply: bool
    mac: bytes
    sender: bytes
    target: bytes


def arp_question(own: bytes, sender: bytes, target: str) -> bytes:
    """Who has the address? From nobody (four zero octets) nobody learns from it (RFC 5227)."""
    return _arp(own, sender, IPv4Address(target).packed)


def arp_announcement(own: bytes, address: str) -> bytes:
    """A gratuitous request (RFC 5227, section 3), as keepalived sends it."""
    packed = IPv4Address(address).packed
    return _arp(own, packed, packed)


def _arp(own: bytes, sender: bytes, target: bytes) -> bytes:
    return _ARP.pack(_ETHERNET, _IPV4, *_LENGTHS, _REQUEST, own, sender, bytes(6), target)


def read_arp(frame: bytes) -> Arp | None:
    """What a frame says; None for one that is none of IPv4 on Ethernet."""
    if len(frame) < _ARP.size:
        return None
    kind, protocol, *lengths, operation, mac, sender, _mac, target = _ARP.unpack_from(frame)
    if (kind, protocol, tuple(lengths)) != (_ETHERNET, _IPV4, _LENGTHS):
        return None
    return Arp(operation == _REPLY, mac, sender, target)


def solicited_group(address: str) -> IPv6Address:
    """The multicast address at which whoever has the address listens."""
    return IPv6Address(_GROUPS + IPv6Address(address).packed[-3:])


def solicitation(target: str, own: bytes | None) -> bytes:
    """Who has the address? With the asker's MAC, which one that asks from nobody leaves out (section 4.3)."""
    said = _NEIGHBOUR.pack(SOLICITATION, 0, 0, 0, IPv6Address(target).packed)
    return said + (_OPTION.pack(_SENDERS_MAC, 1, own) if own is not None else b"")


def advertisement(address: str, own: bytes) -> bytes:
    """To all nodes, unasked: the address is here, and is a router's (section 7.2.6)."""
    said = _NEIGHBOUR.pack(ADVERTISEMENT, 0, 0, _FROM_A_ROUTER | _OVERRIDE, IPv6Address(address).packed)
    return said + _OPTION.pack(_TARGETS_MAC, 1, own)


def read_advertisement(said: bytes, mac: bytes) -> tuple[str, bytes] | None:
    """Address and MAC: what it says itself, else the one that it came from. None for anything else."""
    if len(said) < _NEIGHBOUR.size or said[0] != ADVERTISEMENT:
        return None
    place = _NEIGHBOUR.size
    while place + 8 <= len(said) and said[place + 1]:
        if said[place] == _TARGETS_MAC and said[place + 1] == 1:
            mac = said[place + 2 : place + 8]
        place += 8 * said[place + 1]
    return str(ip_address(said[8:24])), mac
