# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that hold for a balancer: whom it names, and what it has to do with the policy."""

from __future__ import annotations

from ansible_collections.ftfw.pair.plugins.plugin_utils.policy.checks import (
    check_data_network,
    unknown_service,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy.forwards import (
    TakenPorts,
    check_forward_address,
    check_forward_host,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SITE, Problems
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.balancer_types import Balancer
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.balancers import Balanced, as_forward, balanced
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import PolicyEntry
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.ranges import covers


def check_balancer(site: Site, one: Balancer, taken: TakenPorts, problems: Problems) -> None:
    """Check one balancer against the site. `taken` has the ports that others have."""
    service = site.services.get(one.service)
    if service is None and one.service:
        problems.add(SITE, f"{one.key}.service", one.service, *unknown_service(site, one.service))
    elif service is not None and not (service.tcp or service.udp):
        wrong, right = "has no port to balance", "name one with tcp or udp ports"
        problems.add(SITE, f"{one.key}.service", one.service, wrong, right)
    _check_weights(one, problems)
    network = check_data_network(site, f"{one.key}.network", one.network, problems)
    forward = as_forward(one, "")
    if network is None or not check_forward_address(site, one.key, forward, problems, network_key="network"):
        return
    _check_hosts(site, one, problems)
    address = site.forward_address(forward)
    if service is not None and address is not None:
        taken.claim(forward, service, address, problems, one.key)


def _check_weights(one: Balancer, problems: Problems) -> None:
    total = sum(server.weight for server in one.servers)
    if not one.servers:
        return
    if total == 0:
        wrong = "no server has a weight, so that nobody answers"
        problems.add(SITE, f"{one.key}.servers", None, wrong, "give one of them a weight of 1 or more")
    elif one.quorum + one.hysteresis > total:
        which = "quorum" if one.quorum > total else "hysteresis"
        value = one.quorum if which == "quorum" else one.hysteresis
        wrong = f"{one.quorum}+{one.hysteresis} is above the weight of all servers, {total}"
        problems.add(SITE, f"{one.key}.{which}", value, wrong, f"write at most {total} in all")
    elif one.hysteresis >= one.quorum:
        wrong = f"is not below the quorum, {one.quorum}, which could never be lost"
        problems.add(SITE, f"{one.key}.hysteresis", one.hysteresis, wrong, f"use 0 to {one.quorum - 1}")


def _check_hosts(site: Site, one: Balancer, problems: Problems) -> None:
    seen: dict[object, str] = {}
    places = [(f"{one.key}.servers[{index}]", server.host) for index, server in enumerate(one.servers)]
    if one.sorry is not None:
        places.append((f"{one.key}.sorry", one.sorry))
    for key, host in places:
        forward = as_forward(one, host)
        check_forward_host(site, key, forward, problems, host_key="")
        target = site.forward_target(forward)
        first = seen.setdefault(target[1] if target else host, key)
        if first != key:
            problems.add(SITE, key, host, f"is {first.rpartition('.')[2]} already", "name each server once")


def warn_of_balancers(site: Site, warnings: Problems) -> None:
    for pair in site.pairs:
        for one in balanced(site, pair):
            _warn_of_entries(site, one, warnings)
            if one.balancer.check is None and len(one.servers) > 1:
                wrong = "its servers are not checked, so that new flows go to one that has failed, too"
                warnings.add(SITE, f"{one.balancer.key}.check", None, wrong, "write one, such as check: tcp")


def _warn_of_entries(site: Site, one: Balanced, warnings: Problems) -> None:
    """What nothing lets in is balanced in vain."""
    for way in one.ways():
        entries = [entry for entry in site.policy if entry.accepts and way in entry.ways()]
        if not any(_is_about(site, entry, one) for entry in entries):
            right = (
                f"add {{from: {way[0]}, to: {way[1]}, services: [{one.service.name}], "
                f"destinations: [{one.virtual}]}}"
            )
            wrong = f"no entry of site_policy lets it in from {way[0]} to {way[1]}"
            warnings.add(SITE, one.balancer.key, one.service.name, wrong, right)


def _is_about(site: Site, entry: PolicyEntry, one: Balanced) -> bool:
    if not entry.any_service and not _lets_in(site, entry, one):
        return False
    if entry.destinations is None:
        return True
    wanted = [one.virtual, *(each.address for each in one.answering)]
    ranges = entry.destinations.of_family(one.virtual.version)
    return any(covers(ranges, [(int(address), int(address))]) for address in wanted)


def _lets_in(site: Site, entry: PolicyEntry, one: Balanced) -> bool:
    """Whether an entry has the balancer's first port, in a service of whatever name."""
    protocol, of = ("tcp", one.service.tcp) if one.service.tcp else ("udp", one.service.udp)
    services = [site.services[name] for name in entry.services]
    return any(
        first <= of[0][0] <= last
        for service in services
        for first, last in (service.tcp if protocol == "tcp" else service.udp)
    )
