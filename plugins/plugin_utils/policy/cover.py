# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a policy is never reached, because earlier entries decide all that an entry or a service matches.

Thousands of entries are compared without looking at each pair of them. For each way from network to network
and each condition (all parts of Condition) it is noted which ports are decided, and by whom; an entry
then looks at its own condition and at wider ones. Neither a window inside of another one nor a list that only
several others cover together is seen: a warning is always right, but there may be too few.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.policy.lists import WiderLists, wider_lists
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import (
    Addresses,
    Condition,
    PolicyEntry,
    Way,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import PortForward, Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import Address
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.ranges import covers
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.services import WITH_PORTS, Service
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.spans import (
    Decided,
    ServiceSpan,
    service_spans,
)

DecidedUnder = dict[Condition, dict[str, Decided]]
_ALWAYS = Condition()


def find_contradictions(site: Site) -> Iterator[tuple[PolicyEntry, PolicyEntry]]:
    """Find entries that say something else about what an earlier one already decides, word for word."""
    seen: dict[object, PolicyEntry] = {}
    for entry in site.policy:
        match = (
            frozenset(entry.from_networks),
            frozenset(entry.to_networks),
            frozenset(service_spans(_services(site, entry))),
            entry.condition,
        )
        earlier = seen.setdefault(match, entry)
        # what an entry with a limit does not accept it drops, and another one may say so again
        if earlier.action != entry.action and entry.limit is None and earlier.limit is None:
            yield entry, earlier


@dataclass(frozen=True)
class Covered:
    """What of an entry is never reached from any of its networks, and the entries that come before it."""

    entry: PolicyEntry
    services: tuple[str, ...]
    earlier: tuple[PolicyEntry, ...]


def find_covered(site: Site) -> Iterator[Covered]:
    """Find entries that are never reached, and services of others that earlier ones decide otherwise."""
    lists = [a for entry in site.policy for a in (entry.sources, entry.destinations) if a is not None]
    wider = wider_lists(lists)
    places = {entry.index: entry for entry in site.policy}
    decisions: dict[Way, DecidedUnder] = {}
    for entry in site.policy:
        services = {"": service_spans(_services(site, entry))}
        spans = services[""]
        if len(entry.services) > 1:
            services |= {name: service_spans([site.services[name]]) for name in entry.services}
        # whatever an entry is about, or one of its services
        deciders: dict[str, set[int]] = {name: set() for name in services}
        for way in entry.ways():
            if not site.families(way):
                continue
            known = decisions.setdefault(way, {})
            conditions = _wider_conditions(entry, wider)
            left, found = _undecided(known, spans, conditions)
            for name in list(deciders):
                if not found or _meet(services[name], left):
                    del deciders[name]
                elif name:
                    deciders[name] |= _undecided(known, services[name], conditions)[1]
                else:
                    deciders[name] |= found
            own = known.setdefault(entry.condition, {})
            for protocol, first, last in left:
                own.setdefault(protocol, Decided()).decide(first, last, entry.index)
        if deciders.get(""):
            yield Covered(entry, entry.services, _entries(places, deciders[""]))
        else:
            for indexes, names in _by_deciders(deciders):
                earlier = _entries(places, indexes)
                # what says the same twice does no harm
                if any(one.action != entry.action for one in earlier):
                    yield Covered(entry, names, earlier)


def _entries(places: Mapping[int, PolicyEntry], indexes: Iterable[int]) -> tuple[PolicyEntry, ...]:
    return tuple(places[index] for index in sorted(indexes))


def _by_deciders(deciders: Mapping[str, set[int]]) -> Iterator[tuple[frozenset[int], tuple[str, ...]]]:
    """Put services together that the same entries decide about."""
    found: dict[frozenset[int], list[str]] = {}
    for name, indexes in deciders.items():
        if indexes:
            found.setdefault(frozenset(indexes), []).append(name)
    for together, names in found.items():
        yield together, tuple(names)


def _meet(spans: Iterable[ServiceSpan], others: Sequence[ServiceSpan]) -> bool:
    return any(
        protocol == other[0] and first <= other[2] and other[1] <= last
        for protocol, first, last in spans
        for other in others
    )


def find_shut_forwards(site: Site) -> Iterator[tuple[PortForward, tuple[PolicyEntry, ...]]]:
    """Find port forwards that entries about any of their senders, under no other condition, don't let in."""
    places = {entry.index: entry for entry in site.policy}
    # of whom they are is looked at for each port forward
    always = [
        entry for entry in site.policy if entry.condition._replace(sources=None, destinations=None) == _ALWAYS
    ]
    for forward in site.port_forwards:
        target, virtual = site.forward_target(forward), site.forward_address(forward)
        if target is None or virtual is None:
            continue
        known: dict[str, Decided] = {}
        for entry in always:
            if (forward.network, target[0]) in entry.ways() and _is_about(
                entry, forward, (virtual, target[1])
            ):
                for protocol, first, last in service_spans(_services(site, entry)):
                    known.setdefault(protocol, Decided()).decide(first, last, entry.index)
        spans = [span for span in service_spans([site.services[forward.service]]) if span[0] in WITH_PORTS]
        left, found = _undecided({_ALWAYS: known}, spans, [_ALWAYS])
        entries = tuple(places[index] for index in sorted(found))
        if entries and not left and not any(entry.accepts for entry in entries):
            yield forward, entries


def _is_about(entry: PolicyEntry, forward: PortForward, receivers: Iterable[Address]) -> bool:
    """Whether an entry is about all senders of a port forward: it sees what they ask for, and who answers."""
    to = entry.destinations
    if to is not None and not any(
        covers(to.of_family(one.version), [(int(one), int(one))]) for one in receivers
    ):
        return False
    family = next(iter(receivers)).version
    if entry.sources is None or family in entry.sources.whole():
        return True
    if forward.sources is None:
        return False
    return covers(entry.sources.of_family(family), forward.sources.of_family(family))


def _services(site: Site, entry: PolicyEntry) -> list[Service] | None:
    return None if entry.any_service else [site.services[name] for name in entry.services]


def _wider_conditions(entry: PolicyEntry, wider: WiderLists) -> list[Condition]:
    """List the conditions that hold whenever the entry's own does."""
    return [Condition(*parts) for parts in product(*(_wider(part, wider) for part in entry.condition))]


def _wider(part: object, wider: WiderLists) -> list[Any]:
    """List what holds whenever a part of a condition does: any, itself, and wider lists of addresses."""
    if part is None:
        return [None]
    return [None, *(wider[part] if isinstance(part, Addresses) else [part])]


def _undecided(
    known: DecidedUnder, spans: Iterable[ServiceSpan], conditions: Iterable[Condition]
) -> tuple[list[ServiceSpan], set[int]]:
    """Take from spans what is decided under any of some conditions, and tell by which entries."""
    left, deciders = list(spans), set()
    for condition in conditions:
        decided = known.get(condition)
        if decided is None:
            continue
        still: list[ServiceSpan] = []
        for protocol, first, last in left:
            if protocol not in decided:
                still.append((protocol, first, last))
                continue
            open_, found = decided[protocol].split(first, last)
            still += [(protocol, *span) for span in open_]
            deciders |= found
        left = still
    return left, deciders
