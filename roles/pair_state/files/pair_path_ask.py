# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to third parties on a leg, and announcements of addresses: by ARP, and by neighbour discovery."""

from __future__ import annotations

import socket
import struct
from ipaddress import IPv4Address, IPv6Address, ip_address

_MAX_FRAMES = 256
"""At most so many are taken in at once: nobody can keep the program from judging."""
_ETH_P_ARP = 0x0806
_ARP = struct.Struct("!HHBBH6s4s6s4s")
"""RFC 826: hardware and protocol type, their lengths, operation, sender's and target's addresses."""
_REQUEST, _REPLY = 1, 2
_BROADCAST = b"\xff" * 6

_NEIGHBOUR = struct.Struct("!BBHI16sBB6s")
"""RFC 4861, sections 4.3, 4.4 and 4.6.1: type, code, checksum, flags, target, option with a MAC address."""
_SOLICITATION, _ADVERTISEMENT = 135, 136
_SENDERS_MAC, _TARGETS_MAC = 1, 2
_FROM_A_ROUTER, _OVERRIDE = 1 << 31, 1 << 29
_GROUPS = b"\xff\x02" + bytes(9) + b"\x01\xff"
"""Solicited-node multicast addresses, but for the last three octets (RFC 4291, section 2.7.1)."""
_ALL_NODES = "ff02::1"
_HOPS = 255
_ICMP6_FILTER = 1
"""linux/icmpv6.h: a bit for each type, set for those that are not wanted."""


class ArpQuestions:
    """ARP questions on one interface. The socket is open only while there is something to ask.

    The kernel's own cache is neither asked nor changed: it would answer from memory.
    """

    def __init__(self, interface: str, local: str) -> None:
        self.interface, self.local = interface, IPv4Address(local).packed
        self._socket: socket.socket | None = None
        self._asked: set[bytes] = set()

    def ask(self, addresses: tuple[str, ...]) -> None:
        """Ask who has the addresses. A device that cannot send gets no answer, which is true."""
        if not addresses:
            return
        try:
            if self._socket is None:
                self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, 0)
                self._socket.bind((self.interface, _ETH_P_ARP))
            own = self._socket.getsockname()[4][:6]
            for address in addresses:
                wanted = IPv4Address(address).packed
                self._asked.add(wanted)
                question = _ARP.pack(1, 0x0800, 6, 4, _REQUEST, own, self.local, bytes(6), wanted)
                self._socket.sendto(question, (self.interface, _ETH_P_ARP, 0, 0, _BROADCAST))
        except PermissionError:
            raise
        except (OSError, struct.error):
            self.close()

    def answered(self) -> bool:
        """Take in what has come; whether an answer of somebody who was asked was among it."""
        found = False
        for _number in range(_MAX_FRAMES if self._socket else 0):
            try:
                frame = self._socket.recv(_ARP.size) if self._socket else b""
            except BlockingIOError:
                break
            except OSError:
                self.close()
                break
            if len(frame) == _ARP.size:
                fields = _ARP.unpack(frame)
                found |= fields[4] == _REPLY and fields[6] in self._asked and fields[8] == self.local
        return found

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._asked.clear()


class NeighbourQuestions:
    """Neighbour solicitations on one interface, the sibling of ARP questions.

    Advertisements come through the kernel's own door: hop limit 255 alone proves that they are from the link.
    """

    def __init__(self, interface: str, local: str) -> None:
        self.interface, self.local = interface, local
        self._socket: socket.socket | None = None
        self._asked: set[bytes] = set()

    def ask(self, addresses: tuple[str, ...]) -> None:
        """Ask who has the addresses. A device that cannot send gets no answer, which is true."""
        if not addresses:
            return
        try:
            if self._socket is None:
                self._socket = _open_icmp(self.interface, self.local)
                wanted = bytearray(b"\xff" * 32)
                wanted[_ADVERTISEMENT // 8] &= ~(1 << _ADVERTISEMENT % 8)
                self._socket.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, bytes(wanted))
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
            own, index = _mac(self.interface), socket.if_nametoindex(self.interface)
            for address in addresses:
                wanted_one = IPv6Address(address).packed
                self._asked.add(wanted_one)
                question = _NEIGHBOUR.pack(_SOLICITATION, 0, 0, 0, wanted_one, _SENDERS_MAC, 1, own)
                group = str(IPv6Address(_GROUPS + wanted_one[-3:]))
                self._socket.sendto(question, (group, 0, 0, index))
        except PermissionError:
            raise
        except OSError:
            self.close()

    def answered(self) -> bool:
        """Take in what has come; whether an answer of somebody who was asked was among it."""
        found = False
        for _number in range(_MAX_FRAMES if self._socket else 0):
            try:
                said, extra = self._socket.recvmsg(256, 64)[:2] if self._socket else (b"", [])
            except BlockingIOError:
                break
            except OSError:
                self.close()
                break
            hops = [data for _level, kind, data in extra if kind == socket.IPV6_HOPLIMIT]
            near = bool(hops) and struct.unpack("@i", hops[0][:4])[0] == _HOPS
            found |= near and said[:1] == bytes([_ADVERTISEMENT]) and said[8:24] in self._asked
        return found

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._asked.clear()


def questions(interface: str, local: str) -> ArpQuestions | NeighbourQuestions:
    """Questions in the family of the node's own address."""
    by_arp = ip_address(local).version == 4
    return ArpQuestions(interface, local) if by_arp else NeighbourQuestions(interface, local)


def announce(interface: str, address: str) -> None:
    """Tell all on the link that the address is here, as keepalived does. Raises OSError."""
    if ip_address(address).version == 4:
        _announce_by_arp(interface, address)
    else:
        _advertise(interface, address)


def _announce_by_arp(interface: str, address: str) -> None:
    """Send a gratuitous ARP request (RFC 5227, section 3), as keepalived does."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, 0) as opened:
        opened.bind((interface, _ETH_P_ARP))
        own = opened.getsockname()[4][:6]
        packed = IPv4Address(address).packed
        frame = _ARP.pack(1, 0x0800, 6, 4, _REQUEST, own, packed, bytes(6), packed)
        opened.sendto(frame, (interface, _ETH_P_ARP, 0, 0, _BROADCAST))


def _advertise(interface: str, address: str) -> None:
    """Send an advertisement that nobody has solicited (RFC 4861, section 7.2.6), as the router that it is."""
    with _open_icmp(interface, address) as opened:
        flags, packed = _FROM_A_ROUTER | _OVERRIDE, IPv6Address(address).packed
        said = _NEIGHBOUR.pack(_ADVERTISEMENT, 0, 0, flags, packed, _TARGETS_MAC, 1, _mac(interface))
        opened.sendto(said, (_ALL_NODES, 0, 0, socket.if_nametoindex(interface)))


def _open_icmp(interface: str, address: str) -> socket.socket:
    """A socket of ICMPv6 on one interface and one address of it; the kernel makes the checksums."""
    opened = socket.socket(socket.AF_INET6, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.IPPROTO_ICMPV6)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, _HOPS)
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
        opened.bind((address, 0))
    except BaseException:
        opened.close()
        raise
    return opened


def _mac(interface: str) -> bytes:
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0) as opened:
        opened.bind((interface, 0))
        return bytes(opened.getsockname()[4][:6])
