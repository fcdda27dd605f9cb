# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services as spans of ports, and which entry of a policy is the first to decide about each port."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field

from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.services import (
    ICMP_REQUESTS,
    WITH_PORTS,
    Service,
)

ServiceSpan = tuple[str, int, int]
"""A protocol with its first and last port, or with places in ICMP_KINDS."""

ICMP_KINDS = sorted(ICMP_REQUESTS)
_EVERYTHING: tuple[ServiceSpan, ...] = (
    ("tcp", 0, 65535),
    ("udp", 0, 65535),
    ("sctp", 0, 65535),
    ("icmp", 0, 255),
    ("other", 0, 0),
)


def service_spans(services: Iterable[Service] | None) -> tuple[ServiceSpan, ...]:
    """What some services, or any (None), are on the wire."""
    if services is None:
        return _EVERYTHING
    found: list[ServiceSpan] = []
    for service in services:
        found += [(protocol, *ports) for protocol in WITH_PORTS for ports in service.ports(protocol)]
        found += [("icmp", ICMP_KINDS.index(kind), ICMP_KINDS.index(kind)) for kind in service.icmp]
    return tuple(dict.fromkeys(found))


@dataclass
class Decided:
    """Ports that are decided, as spans that don't overlap, each with the entry that decides them."""

    spans: list[tuple[int, int, int]] = field(default_factory=list)

    def split(self, first: int, last: int) -> tuple[list[tuple[int, int]], set[int]]:
        """Part a span into what is open yet and, by their indexes, the entries that decide the rest."""
        left, deciders = [], set()
        place = max(bisect_left(self.spans, (first,)) - 1, 0)
        while first <= last and place < len(self.spans) and self.spans[place][0] <= last:
            begin, end, index = self.spans[place]
            place += 1
            if end < first:
                continue
            if first < begin:
                left.append((first, begin - 1))
            deciders.add(index)
            first = end + 1
        if first <= last:
            left.append((first, last))
        return left, deciders

    def decide(self, first: int, last: int, index: int) -> None:
        for begin, end in self.split(first, last)[0]:
            self.spans.insert(bisect_left(self.spans, (begin,)), (begin, end, index))
