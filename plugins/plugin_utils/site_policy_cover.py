# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which entries of a policy are never reached, because earlier ones decide all that they match.

Thousands of entries are compared without looking at each pair of them. For each way from network to network
and each condition (sources, destinations, times) it is noted which ports are decided, and by whom; an entry
then looks at its own condition and at wider ones. Neither a window inside of another one nor a list that only
several others cover together is seen: a warning is always right, but there may be too few.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Optional

from ansible_collections.ftfw.pair.plugins.plugin_utils.address_lists import WiderLists, wider_lists
from ansible_collections.ftfw.pair.plugins.plugin_utils.service_spans import Decided, Span, service_spans
from ansible_collections.ftfw.pair.plugins.plugin_utils.site_policy_types import (
    Addresses,
    PolicyEntry,
    Way,
    Window,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site_types import PortForward, Service, Site

Condition = tuple[Optional[Addresses], Optional[Addresses], Optional[Window]]


Decisions = dict[Condition, dict[str, Decided]]


def find_contradictions(site: Site) -> Iterator[tuple[PolicyEntry, PolicyEntry]]:
    """Find entries that say something else about what an earlier one already decides, word for word."""
    seen: dict[object, PolicyEntry] = {}
    for entry in site.policy:
        match = (
            frozenset(entry.from_networks),
            frozenset(entry.to_networks),
            frozenset(service_spans(_services(site, entry))),
            entry.sources,
            entry.destinations,
            entry.window,
        )
        earlier = seen.setdefault(match, entry)
        # what an entry with a limit does not accept it drops, and another one may say so again
        if earlier.action != entry.action and entry.limit is None and earlier.limit is None:
            yield entry, earlier


def find_covered(site: Site) -> Iterator[tuple[PolicyEntry, tuple[PolicyEntry, ...]]]:
    """Find entries that are never reached from any of their networks, with those that come before them."""
    lists = [a for entry in site.policy for a in (entry.sources, entry.destinations) if a is not None]
    wider = wider_lists(lists)
    places = {entry.index: entry for entry in site.policy}
    decisions: dict[Way, Decisions] = {}
    for entry in site.policy:
        spans = service_spans(_services(site, entry))
        deciders: set[int] = set()
        reached = False
        for way in entry.ways():
            if not site.families(way):
                continue
            known = decisions.setdefault(way, {})
            left, found = _undecided(known, spans, _wider_conditions(entry, wider))
            reached = reached or bool(left)
            deciders |= found
            own = known.setdefault((entry.sources, entry.destinations, entry.window), {})
            for protocol, first, last in left:
                own.setdefault(protocol, Decided()).decide(first, last, entry.index)
        if deciders and not reached:
            yield entry, tuple(places[index] for index in sorted(deciders))


def find_shut_forwards(site: Site) -> Iterator[tuple[PortForward, tuple[PolicyEntry, ...]]]:
    """Find port forwards that entries about any address and time don't let through."""
    decisions: dict[Way, Decisions] = {}
    for entry in site.policy:
        if (entry.sources, entry.destinations, entry.window) == (None, None, None):
            for way in entry.ways():
                known = decisions.setdefault(way, {}).setdefault((None, None, None), {})
                for protocol, first, last in service_spans(_services(site, entry)):
                    known.setdefault(protocol, Decided()).decide(first, last, entry.index)
    places = {entry.index: entry for entry in site.policy}
    for forward in site.port_forwards:
        target = site.forward_target(forward)
        if target is None:
            continue
        known_ways = decisions.get((forward.network, target[0]), {})
        spans = [
            span for span in service_spans([site.services[forward.service]]) if span[0] in ("tcp", "udp")
        ]
        left, found = _undecided(known_ways, spans, [(None, None, None)])
        entries = tuple(places[index] for index in sorted(found))
        if entries and not left and not any(entry.accepts for entry in entries):
            yield forward, entries


def _services(site: Site, entry: PolicyEntry) -> list[Service] | None:
    return None if entry.any_service else [site.services[name] for name in entry.services]


def _wider_conditions(entry: PolicyEntry, wider: WiderLists) -> list[Condition]:
    """List the conditions that hold whenever the entry's own does."""
    return [
        (sources, destinations, window)
        for sources in _wider(entry.sources, wider)
        for destinations in _wider(entry.destinations, wider)
        for window in dict.fromkeys((None, entry.window))
    ]


def _wider(addresses: Addresses | None, wider: WiderLists) -> list[Addresses | None]:
    return [None] if addresses is None else [None, *wider[addresses]]


def _undecided(
    known: Decisions, spans: Iterable[Span], conditions: Iterable[Condition]
) -> tuple[list[Span], set[int]]:
    """Take from spans what is decided under any of some conditions, and tell by which entries."""
    left, deciders = list(spans), set()
    for condition in conditions:
        decided = known.get(condition)
        if decided is None:
            continue
        still: list[Span] = []
        for protocol, first, last in left:
            if protocol not in decided:
                still.append((protocol, first, last))
                continue
            open_, found = decided[protocol].split(first, last)
            still += [(protocol, *span) for span in open_]
            deciders |= found
        left = still
    return left, deciders
