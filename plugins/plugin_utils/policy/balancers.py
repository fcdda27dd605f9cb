# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that hold for a balancer: whom it names, and what it has to do with the policy."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.ftfw.pair.plugins.module_utils.balance.slots import BY_SOURCE
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy.checks import (
    check_data_network,
    unknown_service,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy.entries import has_ports, within
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy.forwards import (
    TakenPorts,
    check_forward_address,
    check_forward_host,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy.host_balancers import (
    check_answering,
    check_own_address,
    warn_of_answers,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy.ipvs_balancers import (
    check_asking,
    check_ipvs_server,
    check_method,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy.way_back import warn_of_way_back
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SITE, Problems
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.balancer_types import (
    Balancer,
    Server,
    ServerCheck,
    SorryServer,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.balancers import (
    Balanced,
    as_forward,
    asked_at,
    balanced,
    host_balanced,
    only_port,
    own_port,
    target_of,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import (
    FLOWS,
    PolicyEntry,
    Way,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Pair, Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import Address, of_family
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.services import Service

ASKS_BY = {"http": "tcp", "https": "tcp", "tcp": "tcp", "smtp": "tcp", "dns": "udp", "udp": "udp"}
"""Kinds of checks that need a port, with its protocol."""


def check_balancer(site: Site, one: Balancer, taken: TakenPorts, problems: Problems) -> None:
    """Check one balancer against the site. `taken` has the ports that others have."""
    service = site.services.get(one.service)
    if service is None and one.service:
        problems.add(SITE, f"{one.key}.service", one.service, *unknown_service(site, one.service))
    elif service is not None:
        _check_service(one, service, problems)
        _check_ports(site, one, service, problems)
    check_method(one, service, problems)
    _check_weights(one, problems)
    _check_thresholds(one, problems)
    if not _check_address(site, one, problems):
        return
    _check_hosts(site, one, problems)
    check_asking(site, one, problems)
    address = asked_at(site, one)
    if address is not None:
        _check_granularity(one, address, problems)
    if service is not None and address is not None:
        taken.claim(as_forward(one, ""), service, address, problems, one.key)


def _check_address(site: Site, one: Balancer, problems: Problems) -> bool:
    """See that there is one address to ask at, of the pair or of the balancer's host."""
    if one.host:
        return check_own_address(site, one, problems)
    network = check_data_network(site, f"{one.key}.network", one.network, problems)
    if network is None:
        return False
    return check_forward_address(site, one.key, as_forward(one, ""), problems, network_key="network")


def _check_service(one: Balancer, service: Service, problems: Problems) -> None:
    if not service.protocols:
        wrong, right = "has no port to balance", "name one with tcp, udp or sctp ports"
        problems.add(SITE, f"{one.key}.service", one.service, wrong, right)
    elif service.helper:
        # a helper rewrites what is said, and needs room for that before destination NAT
        wrong = f"needs the helper {service.helper}, and balanced flows have none"
        problems.add(SITE, f"{one.key}.service", one.service, wrong, "forward its port to one host")
    else:
        _check_protocol(f"{one.key}.check", one.check, service, problems)
        if one.sorry is not None:
            _check_protocol(f"{one.key}.sorry.check", one.sorry.check, service, problems)


def _check_protocol(key: str, check: ServerCheck | None, service: Service, problems: Problems) -> None:
    """See that a check has a port to ask at."""
    if check is None or check.kind not in ASKS_BY or check.options.get("port"):
        return
    by = ASKS_BY[check.kind]
    if not service.ports(by):
        wrong = f"asks by {by.upper()}, and {service.name} has no port of {by.upper()}"
        right = f"name the port of {by.upper()} that tells whether the server is well, or use program"
        problems.add(SITE, key, check.kind, wrong, right)


def _check_ports(site: Site, one: Balancer, service: Service, problems: Problems) -> None:
    """One port can become another; of several nobody knows which becomes which."""
    if one.sorry is not None:
        _check_sorry_service(site, one, service, one.sorry.service, problems)
    for key, who in _places(one):
        port = own_port(site, one, who)
        if port is not None and only_port(service) is None:
            wrong = (
                f"service {service.name} has several ports, and which of them becomes {port} can't be told"
            )
            right = "write a balancer for each of its ports, or leave the port out"
            problems.add(SITE, f"{key}.{'port' if who.port else 'service'}", port, wrong, right)


def _check_sorry_service(site: Site, one: Balancer, service: Service, name: str, problems: Problems) -> None:
    """The sorry server's service says at which port it answers, by the balancer's protocols."""
    key, named = f"{one.key}.sorry.service", site.services.get(name)
    if not name or name == one.service:
        return
    if named is None:
        problems.add(SITE, key, name, *unknown_service(site, name))
    elif only_port(named) is None:
        wrong = "has several ports" if named.protocols else "has no port"
        problems.add(SITE, key, name, wrong, "name one that has one port, or write the port")
    elif not set(service.protocols).issubset(named.protocols):
        wrong = f"has another protocol than {service.name}, which is asked for"
        problems.add(SITE, key, name, wrong, "name one of the same protocol")


def _check_weights(one: Balancer, problems: Problems) -> None:
    total = sum(server.weight for server in one.servers)
    if not one.servers:
        return
    if total == 0:
        wrong = "no server has a weight, so that nobody answers"
        problems.add(SITE, f"{one.key}.servers", None, wrong, "give one of them a weight of 1 or more")
    elif one.quorum + one.hysteresis > total and not one.dynamic:
        which = "quorum" if one.quorum > total else "hysteresis"
        value = one.quorum if which == "quorum" else one.hysteresis
        wrong = f"{one.quorum}+{one.hysteresis} is above the weight of all servers, {total}"
        problems.add(SITE, f"{one.key}.{which}", value, wrong, f"write at most {total} in all")
    elif one.hysteresis >= one.quorum:
        wrong = f"is not below the quorum, {one.quorum}, which could never be lost"
        problems.add(SITE, f"{one.key}.hysteresis", one.hysteresis, wrong, f"use 0 to {one.quorum - 1}")


def _check_thresholds(one: Balancer, problems: Problems) -> None:
    for server in one.servers:
        least, most = server.lthreshold, server.uthreshold
        key = f"{one.key}.servers[{server.index}].lthreshold"
        if least is not None and most is None:
            wrong, right = "stands without uthreshold, and nothing is limited", "add uthreshold"
            problems.add(SITE, key, least, wrong, right)
        elif least is not None and most is not None and least > most:
            problems.add(SITE, key, least, f"is above uthreshold, {most}", f"use 1 to {most}")


def _check_granularity(one: Balancer, address: Address, problems: Problems) -> None:
    length, longest = one.persistence_granularity, address.max_prefixlen
    if length is None:
        return
    key = f"{one.key}.persistence_granularity"
    if one.scheduler not in BY_SOURCE and not one.by_ipvs:
        wrong = f"is for schedulers that look at the client's address, and {one.scheduler} does not"
        problems.add(SITE, key, length, wrong, f"add scheduler: {' or '.join(reversed(BY_SOURCE))}")
    elif length > longest:
        problems.add(SITE, key, length, f"is longer than an address, {address}", f"use 1 to {longest}")


def _check_hosts(site: Site, one: Balancer, problems: Problems) -> None:
    seen: dict[object, str] = {}
    service = site.services.get(one.service)
    for key, who in _places(one):
        target = target_of(site, one, who.host)
        if one.host:
            check_answering(site, one, key, who, problems)
            if one.by_ipvs:
                check_ipvs_server(site, one, key, who, problems)
        else:
            check_forward_host(site, key, as_forward(one, who.host), problems, host_key="")
            _check_source_nat(site, one, target, problems)
        port = own_port(site, one, who) or (only_port(service) if service else None)
        first = seen.setdefault((target[1] if target else who.host, port), key)
        if first != key:
            wrong, right = f"is {first.rpartition('.')[2]} already", "name each server once"
            problems.add(SITE, key, who.host, wrong, right)


def _check_source_nat(
    site: Site, one: Balancer, target: tuple[str, Address] | None, problems: Problems
) -> None:
    """Answers come back by a virtual address of the servers' own network."""
    pair = site.forward_pair(as_forward(one, ""))
    if not one.source_nat or target is None or pair is None:
        return
    network, version = target[0], target[1].version
    if not of_family(pair.virtual_addresses(network), version):
        wrong = f"answers come back by network {network}, which has no virtual address of IPv{version}"
        problems.add(SITE, f"{one.key}.source_nat", True, wrong, "give a virtual router there one")


def _places(one: Balancer) -> list[tuple[str, Server | SorryServer]]:
    """All who may answer, with the keys that say so."""
    found: list[tuple[str, Server | SorryServer]] = [
        (f"{one.key}.servers[{server.index}]", server) for server in one.servers
    ]
    return found if one.sorry is None else [*found, (f"{one.key}.sorry", one.sorry)]


def warn_of_balancers(site: Site, warnings: Problems) -> None:
    for pair in site.pairs:
        for one in balanced(site, pair):
            _warn_of_entries(site, one, warnings)
            _warn_of_ways_back(site, pair, one, warnings)
            _warn_of_checks(one, warnings)
            _warn_of_offload(site, one, warnings)
    for host in site.hosts.values():
        for one in host_balanced(site, host):
            for (key, _who), answering in zip(_places(one.balancer), one.answering):
                warn_of_answers(site, key, one, answering, warnings)
            _warn_of_checks(one, warnings)


def _warn_of_ways_back(site: Site, pair: Pair, one: Balanced, warnings: Problems) -> None:
    if one.balancer.source_nat:
        # they answer to the pair itself
        return
    for (key, _who), answering in zip(_places(one.balancer), one.answering):
        warn_of_way_back(site, key, pair, (answering.network, answering.address), warnings)


def _warn_of_offload(site: Site, one: Balanced, warnings: Problems) -> None:
    """Packets of offloaded flows do not come to the rule that refuses them."""
    if one.balancer.inhibit_on_failure or not one.service.tcp:
        return
    for entry in site.policy:
        of = entry.destinations
        about = entry.any_service or has_ports(site, entry, "tcp", one.service.tcp[0])
        led = entry.offload == FLOWS and about and (of is None or within(of, one.virtual))
        if led and any(way in entry.ways() for way in one.ways()):
            wrong = f"flows of balancer {one.name} would not be reset when their server fails"
            right = "write an entry without offload for it, before this one"
            warnings.add(SITE, f"{entry.place}.offload", True, wrong, right)


def _warn_of_checks(one: Balanced, warnings: Problems) -> None:
    balancer = one.balancer
    if balancer.check is not None:
        return
    if len(one.servers) > 1:
        wrong = "its servers are not checked, so that new flows go to one that has failed, too"
        right = "write one, such as check: tcp" if one.service.tcp else "write one"
        warnings.add(SITE, f"{balancer.key}.check", None, wrong, right)
    in_vain = [key for key in ("alpha", "inhibit_on_failure", "mail") if getattr(balancer, key)]
    for key in (*in_vain, *balancer.notify):
        value = True if key in ("alpha", "inhibit_on_failure") else "…"
        wrong, right = "without a check no server ever fails", "write a check, or leave it out"
        warnings.add(SITE, f"{balancer.key}.{key}", value, wrong, right)


def _warn_of_entries(site: Site, one: Balanced, warnings: Problems) -> None:
    """What nothing lets in is balanced in vain."""
    for way in one.ways():
        entries = [entry for entry in site.policy if entry.accepts and way in entry.ways()]
        lacking = [
            f"{protocol} {first}" if first == last else f"{protocol} {first}-{last}"
            for protocol in one.service.protocols
            for first, last in one.service.ports(protocol)
            if not _let_in(site, entries, one, way, protocol, (first, last))
        ]
        if lacking:
            right = (
                f"add {{from: {way[0]}, to: {way[1]}, services: [{one.service.name}], "
                f"destinations: [{one.virtual}]}}"
            )
            wrong = f"no entry of site_policy lets {', '.join(lacking)} in from {way[0]} to {way[1]}"
            warnings.add(SITE, one.balancer.key, one.service.name, wrong, right)


def _let_in(
    site: Site,
    entries: Iterable[PolicyEntry],
    one: Balanced,
    way: Way,
    protocol: str,
    ports: tuple[int, int],
) -> bool:
    """Whether entries let a range of ports in, for all servers of a way."""
    about = [entry for entry in entries if entry.any_service or has_ports(site, entry, protocol, ports)]
    lists = [entry.destinations for entry in about]
    if any(of is None or within(of, one.virtual) for of in lists):
        return True
    servers = [each.address for each in one.answering if each.network == way[1]]
    return all(any(of and within(of, address) for of in lists) for address in servers)
