# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask on the wires who has an address, and listen. What that means is in duplicates.py.

By packet sockets: they hear what the ruleset would not let in, and say what the kernel would not.
"""

from __future__ import annotations

import array
import contextlib
import select
import socket
import struct
import time
from collections.abc import Mapping, Sequence

from ansible_collections.ftfw.pair.plugins.module_utils.agent import discovery
from ansible_collections.ftfw.pair.plugins.module_utils.agent.watch import duplicates as plan
from ansible_collections.ftfw.pair.plugins.module_utils.netlink.route import Card, cards

GAP = 0.02
"""Seconds between two questions: 600 addresses take 12 s."""
WINDOW = 1.0
"""Seconds in which an answer is waited for (RetransTimer of RFC 4862)."""
_MAX_FRAMES = 4096
"""At most so many are taken in on a socket in one look: nobody can keep the program busy."""
_SO_ATTACH_FILTER = 26
_FILTER = (
    (0x30, 0, 0, 6),
    (0x15, 0, 3, 58),
    (0x30, 0, 0, 40),
    (0x15, 0, 1, 136),
    (6, 0, 0, 512),
    (6, 0, 0, 0),
)
"""Of all IPv6 that a card receives the kernel hands over advertisements only: by next header and type."""


class Ear:
    """A packet socket on one interface, for ARP or for IPv6."""

    def __init__(self, interface: str, card: Card, protocol: int) -> None:
        self.interface, self.card, self.protocol = interface, card, protocol
        self.own = bytes.fromhex(card.mac.replace(":", ""))
        self.frames = 0
        self.exposed: set[str] = set()
        """Own addresses whose answers go to all nodes."""
        # protocol 0 hears nothing until it is bound: nothing gets in before the filter
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, 0)
        try:
            if protocol == discovery.ETH_IPV6:
                code = array.array("B", b"".join(struct.pack("=HBBI", *each) for each in _FILTER))
                program = struct.pack("@HP", len(_FILTER), code.buffer_info()[0])
                self.socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
            self.socket.bind((interface, protocol))
        except BaseException:
            self.socket.close()
            raise

    def fileno(self) -> int:
        return self.socket.fileno()

    def ask(self, address: str) -> None:
        """A card that is down cannot send, and gets no answer."""
        if self.protocol == discovery.ETH_ARP:
            self._send(plan.arp_probe(address, self.own), discovery.BROADCAST)
            return
        asker = plan.source(address, self.card)
        if asker == "::" and address in self.card.addresses:
            self.exposed.add(address)
        self._send(*plan.solicitation(address, asker, self.own))

    def _send(self, data: bytes, to: bytes) -> None:
        with contextlib.suppress(OSError):
            self.socket.sendto(data, (self.interface, self.protocol, 0, 0, to))

    def hear(self) -> plan.Claim | None:
        """One frame, if it claims an address."""
        try:
            data, origin = self.socket.recvfrom(2048)
        except OSError:
            return None
        self.frames += 1
        # a socket of a card hears also what is for a VLAN on it
        if origin[0] != self.interface:
            return None
        mac = origin[4][:6]
        said = (
            plan.read_arp(data) if self.protocol == discovery.ETH_ARP else plan.read_advertisement(data, mac)
        )
        if said is None:
            return None
        if said[0] in self.exposed and said[1] != self.card.mac:
            # we have made it tell all nodes so: the last word is ours, if we still have the address
            self.exposed.discard(said[0])
            if said[0] in cards().get(self.interface, self.card).addresses:
                self._send(*plan.advertisement(said[0], self.own))
        return plan.Claim(self.interface, *said)


def look(
    places: Sequence[plan.Place], seen: Mapping[str, Card], gap: float = GAP, window: float = WINDOW
) -> set[plan.Claim]:
    """Ask for each of the addresses, and return what is claimed of them meanwhile. Raises PermissionError."""
    claims: set[plan.Claim] = set()
    wanted = set(places)
    with contextlib.ExitStack() as opened:
        ears: dict[tuple[str, int], Ear] = {}
        for place in places:
            protocol = discovery.ETH_IPV6 if ":" in place.address else discovery.ETH_ARP
            key = (place.interface, protocol)
            if key not in ears:
                try:
                    ears[key] = Ear(place.interface, seen[place.interface], protocol)
                except PermissionError:
                    raise
                except OSError:
                    # the card is gone since
                    continue
                opened.callback(ears[key].socket.close)
            ears[key].ask(place.address)
            _listen(list(ears.values()), gap, wanted, claims)
        _listen(list(ears.values()), window, wanted, claims)
    return claims


def _listen(ears: Sequence[Ear], seconds: float, wanted: set[plan.Place], claims: set[plan.Claim]) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        open_ears = [ear for ear in ears if ear.frames < _MAX_FRAMES]
        for ear in select.select(open_ears, [], [], left)[0]:
            claim = ear.hear()
            if claim is not None and plan.Place(claim.interface, claim.address) in wanted:
                claims.add(claim)
