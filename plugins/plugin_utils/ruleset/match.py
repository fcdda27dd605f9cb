# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an entry's rules match: addresses, services and times, in nft's words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ansible_collections.ftfw.pair.plugins.module_utils.packets.clock import DAYS
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.firewall import PROTOCOLS, Firewall, Leading
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.nft import ICMP, IP, merged, one_of, ports
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import (
    DAY,
    Addresses,
    PolicyEntry,
    Way,
    Window,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import Address
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.ranges import Range, covers, elements
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.services import (
    ICMP_REQUESTS,
    WITH_PORTS,
    Service,
)

OPENS = "tcp flags & (fin | syn | rst | ack) == syn ct state new"
"""What begins a TCP flow; another packet may be of a flow that a takeover is about to make known."""
_INLINE = 16
"""Ranges that stand in a rule; more become a named set."""


def services_of(entries: Iterable[PolicyEntry]) -> list[str]:
    return list(dict.fromkeys(name for entry in entries for name in entry.services))


def ports_by_protocol(services: Iterable[Service]) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    services = list(services)
    for protocol in WITH_PORTS:
        ranges = [port for service in services for port in service.ports(protocol)]
        if ranges:
            yield protocol, ranges


def port_matches(services: Iterable[Service], addresses: AddressMatch) -> Iterator[tuple[str, str]]:
    """What matches the ports of some services, with their protocol."""
    for protocol, ranges in ports_by_protocol(services):
        if protocol not in addresses.protocols:
            continue
        if addresses.translated:
            # one for each: nft 1.0.6 can't list a set of them
            yield from ((protocol, asked_port(protocol, one)) for one in merged(ranges))
        else:
            yield protocol, f"{protocol} dport {ports(ranges)}"


def asked_port(protocol: str, ports_asked: tuple[int, int]) -> str:
    """Match the port that was asked for, before destination NAT. Elsewhere it is the packet's."""
    first, last = ports_asked
    return f"meta l4proto {protocol} ct original proto-dst {first if first == last else f'{first}-{last}'}"


def icmp_match(services: Iterable[Service] | None, family: int) -> str | None:
    """Match the requests of some services, or of any, in one family."""
    kinds = ICMP_REQUESTS if services is None else [kind for one in services for kind in one.icmp]
    names = dict.fromkeys(ICMP_REQUESTS[kind][family] for kind in kinds if family in ICMP_REQUESTS[kind])
    return f"{ICMP[family]} type {one_of(names)}" if names else None


@dataclass(frozen=True)
class AddressMatch:
    """The families that a rule is for, and what it says about addresses, with a blank after it."""

    families: tuple[int, ...]
    text: str
    protocols: frozenset[str] = PROTOCOLS
    shared: bool = False
    """Whether more than one rule is made of it, or of another match of this family that leads to the same
    hosts: they count for one limit."""
    translated: bool = False
    """Whether a balancer translates ports this way: then the port is the one that was asked for."""


def address_matches(firewall: Firewall, entry: PolicyEntry, way: Way) -> list[AddressMatch]:
    """One match for each family in which both lists have members; without lists, one for all families.

    A list without members in a family matches nothing there, and must not become a rule for any address.
    Where it has a virtual address that leads this way, the match sees what was asked for, before destination
    NAT; what was asked for at another one is then known by where it goes.
    """
    families = firewall.site.families(way)
    lists = address_lists(entry)
    translated = way in firewall.translated
    if not lists:
        return [AddressMatch(families, "", shared=translated, translated=translated)] if families else []
    asked = firewall.asked(way)
    return [
        replace(match, shared=match.shared or translated, translated=translated)
        for family in families
        if all(of.of_family(family) for _side, of in lists)
        for match in _in_family(entry, family, asked)
    ]


def _in_family(entry: PolicyEntry, family: int, asked: Sequence[Leading]) -> Iterator[AddressMatch]:
    ip, source, to = IP[family], "", entry.destinations
    if entry.sources is not None:
        source = f"{ip} saddr {operand(entry.sources, family, f'policy_{entry.index}.sources')} "
    if to is None:
        yield AddressMatch((family,), source)
        return
    ranges, leading = to.of_family(family), [one for one in asked if one.virtual.version == family]
    members = operand(to, family, f"policy_{entry.index}.destinations")
    named = [one for one in leading if _has(ranges, one.virtual)]
    if not named:
        yield AddressMatch((family,), f"{source}{ip} daddr {members} ")
        return
    others = [one for one in leading if one not in named and one.target and _has(ranges, one.target)]
    targets = [one.target for one in others if one.target]
    unknown = any(one.target is None for one in leading)
    shared = unknown or bool(targets)
    # where nothing was translated, it is the address that the packet goes to
    asked_for = f"{source}ct original {ip} daddr {members} "
    yield AddressMatch((family,), asked_for, _protocols(ranges, named), shared)
    if unknown:
        # and it may lead there from addresses that are none of the pair's
        yield AddressMatch((family,), f"{source}{ip} daddr {members} ", shared=True)
    elif targets:
        inside = one_of(dict.fromkeys(targets))
        yield AddressMatch((family,), f"{source}{ip} daddr {inside} ", _together(others), shared)


def _has(ranges: Sequence[Range], address: Address) -> bool:
    return covers(ranges, [(int(address), int(address))])


def _together(leading: Iterable[Leading]) -> frozenset[str]:
    return frozenset().union(*(one.protocols for one in leading))


def _protocols(ranges: Sequence[Range], named: Sequence[Leading]) -> frozenset[str]:
    """To a virtual address alone goes only what leads on from there."""
    numbers = {int(one.virtual) for one in named}
    alone = all(number in numbers for one in ranges for number in _few(one, len(numbers)))
    return _together(named) if alone else PROTOCOLS


def address_lists(entry: PolicyEntry) -> list[tuple[str, Addresses]]:
    """What an entry says about addresses, with the key that says it."""
    sides = (("sources", entry.sources), ("destinations", entry.destinations))
    return [(side, addresses) for side, addresses in sides if addresses is not None]


def _few(one: Range, most: int) -> range:
    """The numbers of a range: of a long one, one more than are wanted."""
    return range(one[0], min(one[1], one[0] + most) + 1)


def operand(addresses: Addresses, family: int, place: str) -> str:
    """What a match on addresses compares with: a set, or what stands in the rule."""
    name = set_name(addresses, family, place)
    return f"@{name}" if name else one_of(elements(addresses.of_family(family), family))


def set_name(addresses: Addresses, family: int, place: str) -> str | None:
    """Name the set of a named list, or of a list that is too long to stand in a rule, by its place."""
    if addresses.named:
        return f"{addresses.label}_v{family}"
    if len(addresses.of_family(family)) <= _INLINE:
        return None
    # no name of site_addresses has a dot, as places have
    return f"{place}_v{family}"


def window_matches(window: Window | None) -> list[str]:
    """What a rule says about the time, with a blank before it; across midnight it may take two rules."""
    if window is None:
        return [""]
    if window.first < window.last:
        return [_days(window.days) + _hours(window.first, window.last)]
    if window.daily:
        return [f' meta hour != "{_clock(window.last)}"-"{_clock(window.first, -1)}"']
    after = tuple(sorted((day + 1) % len(DAYS) for day in window.days))
    return [_days(window.days) + _hours(window.first, DAY), _days(after) + _hours(0, window.last)]


def _days(days: tuple[int, ...]) -> str:
    names = [f'"{DAYS[day].capitalize()}"' for day in days]
    return "" if len(days) == len(DAYS) else f" meta day {one_of(names)}"


def _hours(first: int, last: int) -> str:
    """Both ends of nft's ranges are inside."""
    return "" if last - first == DAY else f' meta hour "{_clock(first)}"-"{_clock(last, -1)}"'


def _clock(minutes: int, seconds: int = 0) -> str:
    total = minutes * 60 + seconds
    text = f"{total // 3600:02}:{total // 60 % 60:02}"
    return f"{text}:{total % 60:02}" if total % 60 else text


def protocol_matches(services: list[Service] | None, addresses: AddressMatch) -> Iterator[tuple[str, str]]:
    """What opens a flow of some services, or of any (None): the protocol, and its match."""
    if services is None:
        if "tcp" in addresses.protocols:
            yield "tcp", OPENS
        if addresses.protocols != {"tcp"}:
            yield "other", "meta l4proto != tcp ct state new"
        return
    for protocol, match in port_matches(services, addresses):
        yield protocol, f"{match} {OPENS if protocol == 'tcp' else 'ct state new'}"
    for family in addresses.families if "icmp" in addresses.protocols else ():
        request = icmp_match(services, family)
        if request:
            yield "icmp", f"{request} ct state new"
