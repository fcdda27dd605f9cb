# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a policy says of a packet that opens a flow: the first entry that matches decides.

Made from what entries mean, not from the rules that they become: tests hold one against the other.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

from ansible_collections.ftfw.pair.plugins.module_utils.packets.clock import Moment
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.firewall import Firewall
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import Addresses, PolicyEntry, Way
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import Address
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.ranges import covers
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.spans import ICMP_KINDS, service_spans

USUAL = Moment(0, 12 * 60)
"""When a packet is sent of which nothing else is said: Monday noon."""
OTHER = "other"
"""Any protocol but TCP, UDP and ICMP."""


@dataclass(frozen=True)
class Decision:
    """Whose word it is, and which: one of the actions. What no entry matches is dropped."""

    entry: PolicyEntry | None
    action: str

    @property
    def accepts(self) -> bool:
        return self.action == "accept"


@dataclass(frozen=True)
class Stretches:
    """Ports, cut where some entry begins or ends: the first of each stretch, and the entries about it."""

    firsts: tuple[int, ...] = ()
    entries: tuple[tuple[PolicyEntry, ...], ...] = ()

    def at(self, number: int) -> int:
        """The place of a port's stretch; -1 for one below all of them."""
        return bisect_right(self.firsts, number) - 1


@dataclass(frozen=True)
class Decisions:
    """The decisions of one firewall's entries."""

    firewall: Firewall

    def judge(
        self,
        way: Way,
        sender: Address,
        receiver: Address,
        protocol: str,
        number: int,
        moment: Moment = USUAL,
        asked: Address | None = None,
    ) -> Decision:
        """Decide about a port, or an ICMP request by its place_of, at some moment.

        `asked` is the virtual address that was asked for, where a port forward leads to the receiver.
        """
        if sender.version in self.firewall.site.families(way):
            for entry in self._entries(way, protocol, number):
                if entry.window and not entry.window.holds(moment):
                    continue
                meant = within(entry.destinations, receiver)
                meant = meant or (asked is not None and within(entry.destinations, asked))
                if meant and within(entry.sources, sender):
                    return Decision(entry, entry.action)
        return Decision(None, "drop")

    def following(self, way: Way, protocol: str, number: int) -> int | None:
        """Find the first port above whose entries are others."""
        stretches = self._of(way, protocol)
        place = stretches.at(number) + 1
        return stretches.firsts[place] if place < len(stretches.firsts) else None

    def preceding(self, way: Way, protocol: str, number: int) -> int | None:
        """Find the last port below whose entries are others."""
        stretches = self._of(way, protocol)
        place = stretches.at(number)
        return stretches.firsts[place] - 1 if place >= 0 else None

    def _entries(self, way: Way, protocol: str, number: int) -> tuple[PolicyEntry, ...]:
        stretches = self._of(way, protocol)
        place = stretches.at(number)
        return stretches.entries[place] if place >= 0 else ()

    def _of(self, way: Way, protocol: str) -> Stretches:
        return self._stretches.get((way, protocol), Stretches())

    @cached_property
    def _stretches(self) -> dict[tuple[Way, str], Stretches]:
        spans: dict[tuple[Way, str], list[tuple[int, int, PolicyEntry]]] = {}
        for way, entries in self.firewall.ways.items():
            for entry in entries:
                services = None if entry.any_service else self.firewall.services(entry)
                for protocol, first, last in service_spans(services):
                    spans.setdefault((way, protocol), []).append((first, last, entry))
        return {key: _stretches(found) for key, found in spans.items()}


def _stretches(spans: list[tuple[int, int, PolicyEntry]]) -> Stretches:
    borders = sorted({border for first, last, _entry in spans for border in (first, last + 1)})
    found: list[list[PolicyEntry]] = [[] for _border in borders]
    places = {border: place for place, border in enumerate(borders)}
    for first, last, entry in spans:
        for place in range(places[first], places[last + 1]):
            # nothing comes after an entry about all that there is
            if not (found[place] and _decides_all(found[place][-1])):
                found[place].append(entry)
    return Stretches(tuple(borders), tuple(map(tuple, found)))


def _decides_all(entry: PolicyEntry) -> bool:
    return entry.sources is None and entry.destinations is None and entry.window is None


def within(addresses: Addresses | None, address: Address) -> bool:
    """Whether a list has an address; without a list, any."""
    number = int(address)
    return addresses is None or covers(addresses.of_family(address.version), [(number, number)])


def place_of(kind: str) -> int:
    """The number that stands for an ICMP request."""
    return ICMP_KINDS.index(kind)
