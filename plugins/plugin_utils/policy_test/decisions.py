# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a policy says of a packet that opens a flow: the first entry that matches decides.

Made from what entries mean, not from the rules that they become: tests hold one against the other.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ansible_collections.ftfw.pair.plugins.module_utils.packets.clock import Moment
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.firewall import Firewall
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import Addresses, PolicyEntry, Way
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import FAMILIES, Address
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.ranges import Range, covers, merge
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
    """Numbers, cut where something begins or ends: the first of each stretch, and a bit for all about it."""

    firsts: tuple[int, ...] = ()
    bits: tuple[int, ...] = ()

    def at(self, number: int) -> int:
        """The place of a number's stretch; -1 for one below all of them."""
        return bisect_right(self.firsts, number) - 1

    def about(self, number: int) -> int:
        place = self.at(number)
        return self.bits[place] if place >= 0 else 0


def stretches(spans: Iterable[tuple[int, int, int]], cuts: Iterable[int] = ()) -> Stretches:
    """Cut at spans (first, last, number of a bit), of which those of one bit don't overlap, and elsewhere."""
    turns = dict.fromkeys(cuts, 0)
    for first, last, bit in spans:
        for border in (first, last + 1):
            turns[border] = turns.get(border, 0) ^ (1 << bit)
    now, bits = 0, []
    # long lists come and go: few of these numbers differ
    known: dict[int, int] = {}
    firsts = sorted(turns)
    for border in firsts:
        now ^= turns[border]
        bits.append(known.setdefault(now, now))
    return Stretches(tuple(firsts), tuple(bits))


@dataclass(frozen=True)
class EntriesAtEnd:
    """Which entries of a way are about an address at one end of it: a bit for each."""

    anybody: int
    """Those without a list."""
    listed: Mapping[int, Stretches]
    """The others, by family."""

    def about(self, address: Address) -> int:
        return self.anybody | self.listed[address.version].about(int(address))


def ends(lists: Sequence[Addresses | None]) -> EntriesAtEnd:
    """Look into the lists of entries, each by its number."""
    anybody = sum(1 << number for number, one in enumerate(lists) if one is None)
    listed = [(number, one) for number, one in enumerate(lists) if one is not None]
    return EntriesAtEnd(
        anybody,
        {
            family: stretches((*span, number) for number, one in listed for span in one.of_family(family))
            for family in FAMILIES
        },
    )


@dataclass(frozen=True)
class OfWay:
    """The entries of one way in their order, and which of them are about whom."""

    entries: tuple[PolicyEntry, ...]
    sources: EntriesAtEnd
    destinations: EntriesAtEnd


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
        of = self._ways.get(way)
        if of is not None and sender.version in self.firewall.site.families(way):
            about = of.destinations.about(receiver) | (of.destinations.about(asked) if asked else 0)
            about &= self._of(way, protocol).about(number) & of.sources.about(sender)
            while about:
                first = about & -about
                entry = of.entries[first.bit_length() - 1]
                if not entry.window or entry.window.holds(moment):
                    return Decision(entry, entry.action)
                about ^= first
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

    def _of(self, way: Way, protocol: str) -> Stretches:
        return self._stretches.get((way, protocol), Stretches())

    @cached_property
    def _ways(self) -> dict[Way, OfWay]:
        return {
            way: OfWay(
                tuple(entries),
                ends([entry.sources for entry in entries]),
                ends([entry.destinations for entry in entries]),
            )
            for way, entries in self.firewall.ways.items()
        }

    @cached_property
    def _stretches(self) -> dict[tuple[Way, str], Stretches]:
        """The ports that the entries of a way are about, by the protocol; an entry has its number there."""
        spans: dict[tuple[Way, str], list[tuple[int, int, int]]] = {}
        # a service may be cut where no entry begins or ends
        cuts: dict[tuple[Way, str], set[int]] = {}
        for way, of in self._ways.items():
            for number, entry in enumerate(of.entries):
                own: dict[str, list[Range]] = {}
                services = None if entry.any_service else self.firewall.services(entry)
                for protocol, first, last in service_spans(services):
                    own.setdefault(protocol, []).append((first, last))
                    cuts.setdefault((way, protocol), set()).update((first, last + 1))
                for protocol, ranges in own.items():
                    of_entry = ((*one, number) for one in merge(ranges)[0])
                    spans.setdefault((way, protocol), []).extend(of_entry)
        return {key: stretches(found, cuts[key]) for key, found in spans.items()}


def within(addresses: Addresses | None, address: Address) -> bool:
    """Whether a list has an address; without a list, any."""
    number = int(address)
    return addresses is None or covers(addresses.of_family(address.version), [(number, number)])


def place_of(kind: str) -> int:
    """The number that stands for an ICMP request."""
    return ICMP_KINDS.index(kind)
