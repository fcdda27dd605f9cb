# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to third parties on a leg, and announcements of addresses: by ARP, and by neighbour discovery."""

from __future__ import annotations

import socket
import struct
from abc import ABC, abstractmethod
from ipaddress import IPv4Address, ip_address

from ansible_collections.ftfw.pair.plugins.module_utils.agent import discovery

_MAX_FRAMES = 256
"""At most so many are taken in at once: nobody can keep the program from judging."""
_ICMP6_FILTER = 1
"""linux/icmpv6.h: a bit for each type, set for those that are not wanted."""


class Questions(ABC):
    """Questions on one interface. The socket is open only while there is something to ask.

    The kernel's own cache is neither asked nor changed: it would answer from memory.
    """

    def __init__(self, interface: str, local: str) -> None:
        self.interface, self.local = interface, local
        self._socket: socket.socket | None = None
        self._asked: set[str] = set()

    @abstractmethod
    def _open(self) -> socket.socket:
        """A socket that never waits."""

    @abstractmethod
    def _send(self, opened: socket.socket, addresses: tuple[str, ...]) -> None:
        """Send a question for each of the addresses."""

    @abstractmethod
    def _answer(self, opened: socket.socket) -> str | None:
        """Take in what has come: the address of one that answers. Raises BlockingIOError after the last."""

    def ask(self, addresses: tuple[str, ...]) -> None:
        """Ask who has the addresses. A device that cannot send gets no answer, which is true."""
        if not addresses:
            return
        try:
            if self._socket is None:
                self._socket = self._open()
            self._asked.update(addresses)
            self._send(self._socket, addresses)
        except PermissionError:
            raise
        except (OSError, struct.error):
            self.close()

    def answered(self) -> bool:
        """Take in what has come; whether an answer of somebody who was asked was among it."""
        found = False
        for _number in range(_MAX_FRAMES):
            if self._socket is None:
                break
            try:
                found |= self._answer(self._socket) in self._asked
            except BlockingIOError:
                break
            except OSError:
                self.close()
        return found

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._asked.clear()


class ArpQuestions(Questions):
    """By ARP."""

    def _open(self) -> socket.socket:
        return _open_arp(self.interface)

    def _send(self, opened: socket.socket, addresses: tuple[str, ...]) -> None:
        own, sender = opened.getsockname()[4][:6], IPv4Address(self.local).packed
        for address in addresses:
            question = discovery.arp_question(own, sender, address)
            opened.sendto(question, (self.interface, discovery.ETH_ARP, 0, 0, discovery.BROADCAST))

    def _answer(self, opened: socket.socket) -> str | None:
        said = discovery.read_arp(opened.recv(discovery.ARP_SIZE))
        if said is None or not said.is_reply or said.target != IPv4Address(self.local).packed:
            return None
        return str(IPv4Address(said.sender))


class NeighbourQuestions(Questions):
    """Neighbour solicitations.

    Advertisements come through the kernel's own door: hop limit 255 alone proves that they are from the link.
    """

    def _open(self) -> socket.socket:
        opened = _open_icmp(self.interface, self.local)
        wanted = bytearray(b"\xff" * 32)
        wanted[discovery.ADVERTISEMENT // 8] &= ~(1 << discovery.ADVERTISEMENT % 8)
        opened.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, bytes(wanted))
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
        return opened

    def _send(self, opened: socket.socket, addresses: tuple[str, ...]) -> None:
        own, index = _mac(self.interface), socket.if_nametoindex(self.interface)
        for address in addresses:
            group = str(discovery.solicited_group(address))
            opened.sendto(discovery.solicitation(address, own), (group, 0, 0, index))

    def _answer(self, opened: socket.socket) -> str | None:
        said, extra = opened.recvmsg(256, 64)[:2]
        hops = [data for _level, kind, data in extra if kind == socket.IPV6_HOPLIMIT]
        if not hops or struct.unpack("@i", hops[0][:4])[0] != discovery.HOPS:
            return None
        claim = discovery.read_advertisement(said, b"")
        return claim[0] if claim else None


def questions(interface: str, local: str) -> Questions:
    """Questions in the family of the node's own address."""
    by_arp = ip_address(local).version == 4
    return ArpQuestions(interface, local) if by_arp else NeighbourQuestions(interface, local)


def announce(interface: str, address: str) -> None:
    """Tell all on the link that the address is here, as keepalived does. Raises OSError."""
    if ip_address(address).version == 4:
        with _open_arp(interface) as opened:
            said = discovery.arp_announcement(opened.getsockname()[4][:6], address)
            opened.sendto(said, (interface, discovery.ETH_ARP, 0, 0, discovery.BROADCAST))
    else:
        with _open_icmp(interface, address) as opened:
            said = discovery.advertisement(address, _mac(interface))
            opened.sendto(said, (str(discovery.ALL_NODES), 0, 0, socket.if_nametoindex(interface)))


def _open_arp(interface: str) -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, 0)
    try:
        opened.bind((interface, discovery.ETH_ARP))
    except BaseException:
        opened.close()
        raise
    return opened


def _open_icmp(interface: str, address: str) -> socket.socket:
    """A socket of ICMPv6 on one interface and one address of it; the kernel makes the checksums."""
    opened = socket.socket(socket.AF_INET6, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.IPPROTO_ICMPV6)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, discovery.HOPS)
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
