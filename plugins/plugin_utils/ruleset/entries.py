# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The entries of a policy as chains: one for each pair of networks, in which the first match wins.

An entry judges what opens a flow; established ones never come here. A packet that no entry matches goes back
to the chain `forward`, where port forwards come after this, and the policy to drop.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from ansible_collections.ftfw.pair.plugins.plugin_utils.policy.entry import one_line
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.firewall import Firewall
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.match import (
    AddressMatch,
    address_matches,
    icmp_match,
    protocol_matches,
    services_of,
    window_matches,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.nft import (
    Counter,
    Verdicts,
    blocks,
    braced,
    ports,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.verdict_maps import verdict_maps
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import PolicyEntry, Way
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.services import (
    HELPERS,
    Service,
    helper_families,
)

_NAMED = 12
"""Services that a comment names."""
_ALTERNATING = 8
"""Rules, in the order of their entries, that a run of plain entries may have."""
_LONGEST = 100
"""Characters of a chain's name; nft has 127."""

Commented = tuple[str, list[str]]


def entry_chains(firewall: Firewall) -> dict[Way, Verdicts]:
    """One chain for each pair of networks that the policy names."""
    names = _chain_names(firewall.ways)
    found = (
        (way, blocks(*(_group(firewall, way, group) for group in _groups(firewall, entries))))
        for way, entries in firewall.ways.items()
    )
    return {way: Verdicts(names[way], rules) for way, rules in found if rules}


def ping_chains(firewall: Firewall) -> dict[Way, Verdicts]:
    """Chains with the limits on each packet of a ping, where entries have them."""
    names = ping_names(_chain_names(firewall.ways))
    found = ((way, blocks(*_ping_limits(firewall, way, entries))) for way, entries in firewall.ways.items())
    return {way: Verdicts(names[way], rules) for way, rules in found if rules}


def limit_chains(firewall: Firewall) -> tuple[Verdicts, ...]:
    """The limits that several rules have in common. Each rule's own would let through as much again."""
    found: dict[str, Verdicts] = {}
    for way, entries in firewall.ways.items():
        for entry in (entry for entry in entries if entry.limit):
            services = None if entry.any_service else firewall.services(entry)
            pings = ["icmp"] if entry.any_service else []
            for addresses in address_matches(firewall, entry, way):
                protocols = [protocol for protocol, _match in protocol_matches(services, addresses)]
                for protocol in [*protocols, *(one for one in pings if one in addresses.protocols)]:
                    for family in addresses.families[:1] if addresses.shared else ():
                        name = _limit_name(firewall, way, entry, protocol, family)
                        comment = f"{entry.place}: {' to '.join(way)}: at most {entry.limit}"
                        found[name] = Verdicts(name, blocks((comment, [_over(entry)])))
    return tuple(found.values())


def _limit_name(firewall: Firewall, way: Way, entry: PolicyEntry, protocol: str, family: int) -> str:
    """No chain of two networks is named like this: it would have `_to_` in it."""
    return f"limit_{entry.index}_{list(firewall.ways).index(way)}_{protocol}_v{family}"


def _limited(firewall: Firewall, way: Way, entry: PolicyEntry, protocol: str, addresses: AddressMatch) -> str:
    """What drops the packets of one match that are over the limit."""
    if not addresses.shared:
        return _over(entry)
    return f"jump {_limit_name(firewall, way, entry, protocol, addresses.families[0])}"


def dispatch(firewall: Firewall, chains: Mapping[Way, Verdicts]) -> list[str]:
    """Jump to the chain of a packet's networks, if there is one."""
    jumps = [
        f'"{firewall.device(source)}" . "{firewall.device(destination)}" : jump {chain.name}'
        for (source, destination), chain in chains.items()
    ]
    return [f"iifname . oifname vmap {braced(jumps)}"] if jumps else []


def entry_counters(firewall: Firewall) -> tuple[Counter, ...]:
    """What entries with a counter decide about; where they have a limit, what is over it is counted apart."""
    found: dict[str, list[str]] = {}
    for entry in (entry for entry in firewall.entries if entry.counter):
        comment = _comment([entry], str(entry).partition(": ")[2])
        found.setdefault(_counter_name(entry), []).append(comment)
        if entry.limit:
            found.setdefault(_over_name(entry), []).append(f"{comment}: over {entry.limit}")
    return tuple(Counter(name, "; ".join(comments)) for name, comments in found.items())


def helpers_of_entries(firewall: Firewall) -> set[str]:
    """The helpers that entries give to flows, on any of their ways."""
    return {
        service.helper
        for way, entries in firewall.ways.items()
        for entry in entries
        for _addresses, service in _helped(firewall, way, entry)
        if service.helper
    }


def _helped(firewall: Firewall, way: Way, entry: PolicyEntry) -> Iterator[tuple[AddressMatch, Service]]:
    """Services of an entry with a helper, as far as the way has a family that the helper is for.

    A match for both families needs no more words: the kernel sets no helper where it has none.
    """
    services = _services_with_helper(firewall, entry)
    for addresses in address_matches(firewall, entry, way) if services else ():
        for service in services:
            if HELPERS[service.helper or ""] in addresses.protocols and not set(
                addresses.families
            ).isdisjoint(helper_families(service.helper or "")):
                yield addresses, service


def _services_with_helper(firewall: Firewall, entry: PolicyEntry) -> list[Service]:
    return [service for service in firewall.services(entry) if service.helper and entry.accepts]


def helper_rule(service: Service, when: str = "") -> str:
    """Give a service's helper to new flows to its ports, at some time."""
    protocol = HELPERS[service.helper or ""]
    ranges = service.ports(protocol)
    return f'{protocol} dport {ports(ranges)} ct state new{when} ct helper set "{service.helper}"'


def _chain_names(ways: Iterable[Way]) -> dict[Way, str]:
    """Name the chains by their networks; where names are too long or would be the same, a number tells."""
    names: dict[Way, str] = {}
    for source, destination in ways:
        name = f"{source}_to_{destination}"
        if not name[0].isalpha():
            name = f"from_{name}"
        if len(name) > _LONGEST or name in names.values():
            name = f"{name[:_LONGEST]}_{len(names)}"
        names[source, destination] = name
    return names


def ping_names(names: Mapping[Way, str]) -> dict[Way, str]:
    """Name the chains of pings after those of entries, as none of these is named."""
    found = {}
    for way, name in names.items():
        pings = f"{name}_pings"
        while pings in names.values():
            pings += "_"
        found[way] = pings
    return found


def _groups(firewall: Firewall, entries: list[PolicyEntry]) -> Iterator[list[PolicyEntry]]:
    """Put neighbours together that differ in their services only: a rule for each would be many to pass.

    Those of one action become a rule; where actions alternate often, they become a map of verdicts. An entry
    with a helper stands alone: it gives it to those flows only that no earlier one has decided about.
    """

    def alike(entry: PolicyEntry) -> object:
        alone = not entry.plain or _services_with_helper(firewall, entry)
        return entry.index if alone else (entry.comment,)

    for _key, run in groupby(entries, alike):
        neighbours = list(run)
        groups = [list(group) for _action, group in groupby(neighbours, lambda entry: entry.action)]
        if len(groups) > _ALTERNATING:
            yield neighbours
        else:
            yield from groups


def _group(firewall: Firewall, way: Way, group: list[PolicyEntry]) -> Commented:
    entry = group[0]
    if len({each.action for each in group}) > 1:
        families, translated = firewall.site.families(way), way in firewall.translated
        rules = list(verdict_maps(group, firewall.site.services, families, translated))
        return _comment(group, " to ".join(way)), rules
    services = None
    if not entry.any_service:
        services = [firewall.site.services[name] for name in services_of(group)]
    # nothing of a flow is confirmed before it has left, so that a helper comes early enough here
    rules = [
        f"{addresses.text}{helper_rule(service, when)}"
        for addresses, service in _helped(firewall, way, entry)
        for when in window_matches(entry.window)
    ]
    rules += [
        rule
        for addresses in address_matches(firewall, entry, way)
        for when in window_matches(entry.window)
        for protocol, opens in protocol_matches(services, addresses)
        for rule in _verdicts(
            entry,
            protocol,
            f"{addresses.text}{opens}{when}",
            _limited(firewall, way, entry, protocol, addresses),
        )
    ]
    return _comment(group, " to ".join(way)), rules


def _verdicts(entry: PolicyEntry, protocol: str, match: str, limited: str) -> Iterator[str]:
    if entry.limit and protocol != "icmp":
        # dropped here, and not left to later entries: the first match wins
        yield f"{match} {limited}"
    if entry.log:
        # a rule of its own, because what is not logged is judged all the same
        yield f'{match} limit rate {entry.log.rate} log prefix "{entry.log.prefix}"'
    counted = f' counter name "{_counter_name(entry)}"' if entry.counter else ""
    yield f"{match}{counted} {_verdict(entry, protocol)}"


def _verdict(entry: PolicyEntry, protocol: str) -> str:
    if entry.action != "reject":
        return entry.action
    return "reject with tcp reset" if protocol == "tcp" else "reject with icmpx type admin-prohibited"


def _counter_name(entry: PolicyEntry) -> str:
    return f"policy_{entry.counter}"


def _over_name(entry: PolicyEntry) -> str:
    return f"{_counter_name(entry)}_over"


def _over(entry: PolicyEntry) -> str:
    """Drop what is over the limit. It has a counter of its own: the entry's is to tell what came through."""
    counted = f' counter name "{_over_name(entry)}"' if entry.counter else ""
    return f"limit rate over {entry.limit}{counted} drop"


def _ping_limits(firewall: Firewall, way: Way, entries: list[PolicyEntry]) -> Iterator[Commented]:
    """Drop the pings over a limit; an entry's pings are no matter of later entries."""
    pings = [(entry, _pings(firewall, way, entry)) for entry in entries]
    last = max((n for n, (entry, matches) in enumerate(pings) if entry.limit and matches), default=-1)
    for number, (entry, matches) in enumerate(pings[: last + 1]):
        limit = f"at most {entry.limit}" if entry.limit else "no limit"
        if entry.limit and any(limited.startswith("jump ") for _match, limited in matches):
            # a ping that both match is counted by the first
            rules = [rule for match, limited in matches for rule in (f"{match} {limited}", f"{match} return")]
        else:
            rules = [f"{match} {limited}" for match, limited in matches if entry.limit]
            rules += [f"{match} return" for match, _limited in matches if number < last]
        yield f"{entry.place}: {' to '.join(way)}: {limit}", rules


def _pings(firewall: Firewall, way: Way, entry: PolicyEntry) -> list[tuple[str, str]]:
    """Match the ICMP requests of an entry: in each family that both networks have, at its times.

    Beside each match stands what drops what is over the limit.
    """
    services = None if entry.any_service else firewall.services(entry)
    return [
        (f"{addresses.text}{match}{when}", _limited(firewall, way, entry, "icmp", addresses))
        for addresses in address_matches(firewall, entry, way)
        if "icmp" in addresses.protocols
        for when in window_matches(entry.window)
        for family in addresses.families
        if (match := icmp_match(services, family))
    ]


def _comment(group: list[PolicyEntry], networks: str) -> str:
    """Say which entries rules are of, and what these say."""
    entry, names = group[0], services_of(group)
    action = "" if entry.accepts else f"{entry.action} "
    if len({each.action for each in group}) > 1:
        names, action = [f"{each.action} {', '.join(each.services)}" for each in group], ""
    what = action + ", ".join(names[:_NAMED])
    if len(names) > _NAMED:
        what += f" and {len(names) - _NAMED} more"
    if entry.sources is not None:
        what += f" from {entry.sources.label}"
    if entry.destinations is not None:
        what += f" to {entry.destinations.label}"
    if entry.comment:
        what += f" ({entry.comment})"
    return one_line(f"{_places(group)}: {networks}: {what}")


def _places(group: list[PolicyEntry]) -> str:
    """Write the entries' places, neighbours as FIRST to LAST: site_policy[0], [2] to [5]."""
    runs: list[list[int]] = []
    for entry in group:
        if runs and entry.index == runs[-1][-1] + 1:
            runs[-1].append(entry.index)
        else:
            runs.append([entry.index])
    texts = [f"[{run[0]}]" if len(run) == 1 else f"[{run[0]}] to [{run[-1]}]" for run in runs]
    if len(texts) > 3:
        texts = [f"{len(group)} entries from [{group[0].index}] to [{group[-1].index}]"]
        return f"site_policy: {texts[0]}"
    return f"site_policy{', '.join(texts)}"
