# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which daemon does not know a card any more. Pure; program.py carries it out.

A card that is made anew (its driver is loaded again, it is plugged in, a VLAN is made again) has its old name
and another number. What was bound to the old one stays deaf: keepalived, conntrackd, a flowtable. So it is
remembered which numbers the cards had when a daemon began to listen. A card with another number since, that
has its MAC and its addresses again, is a reason to tell the daemon.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ansible_collections.ftfw.pair.plugins.module_utils.netlink.route import Card


@dataclass(frozen=True)
class WantedCard:
    """A card that a daemon listens on: its MAC (None if any will do), and addresses that it has to have."""

    interface: str
    mac: str | None
    addresses: frozenset[str]


def lacks(card: Card | None, wanted: WantedCard) -> str | None:
    """What a card lacks to be listened on again; None if nothing."""
    if card is None:
        return "is not there"
    if wanted.mac is not None and card.mac != wanted.mac:
        return f"has the MAC {card.mac}, and not {wanted.mac}: it is another card"
    missing = sorted(wanted.addresses - card.addresses)
    return f"has no address {', '.join(missing)} yet" if missing else None


@dataclass
class ListeningDaemon:
    """A daemon, and the numbers that its cards had when it began to listen."""

    name: str
    wanted: tuple[WantedCard, ...]
    identity: str | None = None
    """Of the process; None while there is none."""
    known: dict[str, int] = field(default_factory=dict)

    def note(self, identity: str | None, cards: Mapping[str, Card]) -> None:
        """Note which process there is now. One that has just started listens on what there is."""
        if identity != self.identity:
            self.identity = identity
            self.told(cards)

    def told(self, cards: Mapping[str, Card]) -> None:
        """Note that the daemon has just looked at all cards."""
        self.known = {
            wanted.interface: cards[wanted.interface].index
            for wanted in self.wanted
            if wanted.interface in cards and lacks(cards[wanted.interface], wanted) is None
        }

    def deaf(self, cards: Mapping[str, Card]) -> dict[str, str | None]:
        """Cards on which the daemon does not listen, and what they lack; None: only that it is told."""
        if self.identity is None:
            return {}
        return {
            wanted.interface: lacks(cards.get(wanted.interface), wanted)
            for wanted in self.wanted
            if wanted.interface not in cards
            or self.known.get(wanted.interface) != cards[wanted.interface].index
        }


def sentences(listener: str, deaf: Mapping[str, str | None]) -> list[str]:
    """What is said of it to whoever asks."""
    return [
        f"{listener} does not listen on {name}, which {why or 'was made anew'}" for name, why in deaf.items()
    ]


def merged(wanted: Iterable[WantedCard]) -> tuple[WantedCard, ...]:
    """One for each interface: an interface with virtual routers of both families has addresses of both."""
    found: dict[str, WantedCard] = {}
    for one in wanted:
        before = found.get(one.interface, one)
        found[one.interface] = WantedCard(one.interface, one.mac, before.addresses | one.addresses)
    return tuple(found.values())
