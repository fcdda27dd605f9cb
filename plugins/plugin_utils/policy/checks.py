# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that hold for the policy: what entries name, and what they have to do with each other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ansible_collections.ftfw.pair.plugins.plugin_utils.policy.cover import (
    find_contradictions,
    find_covered,
    find_shut_forwards,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SITE, Problems, nearest
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.checks import known_network
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import (
    ANY,
    EXPECTED,
    FLOWS,
    Addresses,
    PolicyEntry,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Network, Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.services import (
    HELPERS,
    ICMP_REQUESTS,
    Service,
    helper_families,
)

_PORT = re.compile(r"[0-9]{1,5}(-[0-9]{1,5})?")
# as others write it: udp/53, 53/udp, tcp:80
_WITH_PROTOCOL = re.compile(
    r"(?i:(?P<before>tcp|udp)[/: ]?)?(?P<port>[0-9-]+)(?i:[/: ]?(?P<behind>tcp|udp))?"
)


def check_data_network(site: Site, key: str, name: str, problems: Problems) -> Network | None:
    network = known_network(site, SITE, key, name, problems)
    if network is None:
        return None
    if network.management or name in site.sync_networks:
        purpose = "management" if network.management else "replication"
        problems.add(SITE, key, name, f"is a network for {purpose}", "nothing is forwarded there")
        return None
    return network


def unknown_service(site: Site, service: str) -> tuple[str, str]:
    """Say what is wrong with a service's name, and what would be right."""
    if _PORT.fullmatch(service):
        return (
            "is a port without a protocol, and services have names",
            f"declare it in site_services, such as NAME: {{tcp: [{service}]}}, and write NAME here",
        )
    written = _WITH_PROTOCOL.fullmatch(service)
    if written and _PORT.fullmatch(written["port"]):
        ports = f"{{{str(written['before'] or written['behind']).lower()}: [{written['port']}]}}"
        return (
            "is a port, and services have names",
            f"declare it in site_services, such as NAME: {ports}, and write NAME here",
        )
    return "unknown service", nearest(service, site.services) + " (site_services declares a site's own)"


def check_policy(site: Site, problems: Problems, warnings: Problems) -> None:
    """Check each entry by itself and, where all of them are sound, against the others."""
    before = len(problems)
    for entry in site.policy:
        if _check_names(site, entry, problems) and _check_ways(site, entry, problems):
            _check_families(site, entry, problems)
            _check_helpers(site, entry, problems)
        for key, addresses in (("sources", entry.sources), ("destinations", entry.destinations)):
            if addresses is not None and not addresses.families():
                warnings.add(
                    SITE,
                    f"{entry.place}.{key}",
                    addresses.label,
                    "has no address, so that the entry matches nothing",
                    "add one, or leave the entry out",
                )
    if len(problems) > before:
        return
    for entry, earlier in find_contradictions(site):
        problems.add(
            SITE,
            entry.place,
            f"{entry.action} {', '.join(entry.services)}",
            f"{earlier.place} says {earlier.action} about the same",
            "leave one of them out",
        )


def _check_helpers(site: Site, entry: PolicyEntry, problems: Problems) -> None:
    """A flow has one helper: of two services of an entry that share a port, the last one's."""
    services = [site.services[name] for name in entry.services if not entry.any_service and entry.accepts]
    first: dict[tuple[str, int], Service] = {}
    for service in (one for one in services if one.helper):
        protocol = HELPERS[service.helper or ""]
        ranges = service.ports(protocol)
        for port in (port for low, high in ranges for port in range(low, high + 1)):
            other = first.setdefault((protocol, port), service)
            if other.helper != service.helper:
                theirs = f"and {other.name} {other.helper}"
                wrong = f"gives {protocol} port {port} the helper {service.helper}, {theirs}"
                right = "leave one of them out, or write an entry for each with its destinations"
                problems.add(SITE, f"{entry.place}.services", service.name, wrong, right)
                break


def warn_of_policy(site: Site, warnings: Problems) -> None:
    """Tell what a sound policy probably does not mean."""
    for covered in find_covered(site):
        entry, earlier = covered.entry, covered.earlier
        services = ", ".join(covered.services)
        many = len(covered.services) > 1 and covered.services != entry.services
        warnings.add(
            SITE,
            entry.place,
            f"{str(entry).partition(': ')[2]}: {services}",
            f"{'are' if many else 'is'} never reached, because {_places(earlier)} "
            f"{'covers' if len(earlier) == 1 else 'cover'} {'them' if many else 'it'}",
            "move it up, or leave it out",
        )
    for forward, entries in find_shut_forwards(site):
        warnings.add(
            SITE,
            f"site_port_forwards[{forward.index}]",
            forward.service,
            f"nothing comes through, because of {_places(entries)}, which comes before port forwards",
            "accept it in an entry before that one",
        )
    for key, service in _without_helper(site):
        warnings.add(
            SITE,
            key,
            service.name,
            f"is for IPv6 here, where the kernel has no helper {service.helper}, so that its flows get none",
            "leave it out, or declare it without a helper in site_services",
        )


def _without_helper(site: Site) -> Iterator[tuple[str, Service]]:
    """Find services whose helper has none of the families that an entry or a port forward is for."""
    for entry in site.policy:
        names = entry.services if entry.accepts and not entry.any_service else ()
        for service in (site.services[name] for name in names):
            if service.helper and _lacks(service.helper, _families(site, entry)):
                yield f"{entry.place}.services", service
    for forward in site.port_forwards:
        service, address = site.services[forward.service], site.forward_address(forward)
        if service.helper and address and _lacks(service.helper, (address.version,)):
            yield f"site_port_forwards[{forward.index}].service", service


def _families(site: Site, entry: PolicyEntry) -> set[int]:
    """The families in which an entry matches: of its networks, and of its lists."""
    common = {family for way in entry.ways() for family in site.families(way)}
    lists = (entry.sources, entry.destinations)
    return common.intersection(*(addresses.families() for addresses in lists if addresses is not None))


def _lacks(helper: str, families: Iterable[int]) -> bool:
    """Whether the helper is for none of the families; no family lacks nothing."""
    found = set(families)
    return bool(found) and found.isdisjoint(helper_families(helper))


def _places(entries: tuple[PolicyEntry, ...]) -> str:
    texts = [entry.place for entry in entries]
    if len(texts) > 3:
        return f"{', '.join(texts[:3])} and {len(texts) - 3} more"
    return " and ".join(texts)


def _check_names(site: Site, entry: PolicyEntry, problems: Problems) -> bool:
    """Look networks and services up; the networks must be some that policies are for."""
    found = [
        check_data_network(site, f"{entry.place}.{key}", name, problems)
        for key, names in (("from", entry.from_networks), ("to", entry.to_networks))
        for name in names
    ]
    unknown = [name for name in entry.services if name not in site.services and not entry.any_service]
    for name in unknown:
        problems.add(SITE, f"{entry.place}.services", name, *unknown_service(site, name))
    return None not in found and not unknown


def _check_ways(site: Site, entry: PolicyEntry, problems: Problems) -> bool:
    if not (entry.from_networks and entry.to_networks):
        return False
    if not entry.ways():
        problems.add(
            SITE,
            f"{entry.place}.to",
            ", ".join(entry.to_networks),
            "is the same as from",
            "an entry leads to another network",
        )
    apart = [way for way in entry.ways() if site.pair_between(way) is None]
    for way in apart:
        problems.add(
            SITE,
            entry.place,
            " to ".join(way),
            "no pair has virtual routers on both networks",
            "declare them in site_pairs",
        )
    return bool(entry.ways()) and not apart


def _check_offload(site: Site, entry: PolicyEntry, families: set[int], problems: Problems) -> None:
    """What is offloaded has to be something: of flows the kernel takes TCP and UDP without a helper."""
    services = [site.services[name] for name in entry.services if name != ANY]
    helpers = [service.helper for service in services if service.helper]
    lacking = "a helper for IPv6" if helpers else "a helper"
    if entry.offload == EXPECTED and all(_lacks(helper, families) for helper in helpers):
        problems.add(
            SITE,
            f"{entry.place}.offload",
            EXPECTED,
            f"no service of this entry has {lacking}, so that nothing is expected",
            "write true, or name a service with a helper",
        )
    plain = any((service.tcp or service.udp) and not service.helper for service in services)
    if entry.offload == FLOWS and not entry.any_service and not plain:
        problems.add(
            SITE,
            f"{entry.place}.offload",
            "true",
            "the kernel offloads TCP and UDP without a helper, and no service of this entry is such a one",
            f"write {EXPECTED} for what helpers expect, or leave it out",
        )


def _check_families(site: Site, entry: PolicyEntry, problems: Problems) -> None:
    """What an entry names must be of a family that some of its networks have in common."""
    families = {family for way in entry.ways() for family in site.families(way)}
    networks = str(entry).partition(": ")[2]
    if not families:
        problems.add(
            SITE,
            entry.place,
            networks,
            "these networks have no family of addresses in common",
            "give both a prefix of one family",
        )
        return
    _check_offload(site, entry, families, problems)
    common = " and ".join(f"IPv{family}" for family in sorted(families))
    for name in () if entry.any_service else entry.services:
        for kind in site.services[name].icmp:
            if families.isdisjoint(ICMP_REQUESTS[kind]):
                problems.add(
                    SITE,
                    f"{entry.place}.services",
                    name,
                    f"{kind} is none of {common}, which {networks} have in common",
                    "leave it out, or give the networks a prefix of the other family",
                )
    lists = [("sources", entry.sources), ("destinations", entry.destinations)]
    members = [_check_members(entry, key, of, families, common, problems) for key, of in lists]
    if all(members) and not families.intersection(*members):
        problems.add(
            SITE,
            entry.place,
            f"{entry.sources and entry.sources.label} to {entry.destinations and entry.destinations.label}",
            "sources and destinations have no family of addresses in common",
            "name addresses of one family",
        )


def _check_members(
    entry: PolicyEntry,
    key: str,
    addresses: Addresses | None,
    families: set[int],
    common: str,
    problems: Problems,
) -> set[int]:
    """Find the families in which sources or destinations match; none after an error, or for an empty list."""
    if addresses is None:
        return families
    found = set(addresses.families())
    if found and not found & families:
        problems.add(
            SITE,
            f"{entry.place}.{key}",
            addresses.label,
            f"has no address of {common}, which the networks have in common",
            "name addresses of that family",
        )
    return found & families
