# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that hold for pairs, for the policy and for port forwards, and the check of a whole inventory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ansible_collections.ftfw.pair.plugins.plugin_utils.policy.checks import (
    check_data_network,
    check_policy,
    unknown_service,
    warn_of_policy,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.consequences import without_consequences
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import (
    SITE,
    Problems,
    SiteError,
    nearest,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.fragments import check_fragments
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.machines import check_machines
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.pairs import check_shared
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.parse import SITE_VARIABLES, meant, read_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.port_forwards import (
    TakenPorts,
    check_sources,
    warn_of_virtual,
    warn_of_ways,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.reach import warn_of_reach
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.resolvers import check_resolvers
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.source_nat import check_source_nat
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.unreplicated import warn_of_unreplicated
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.variables import check_variables, named
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.addresses import ReadFile, no_file
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.checks import (
    Places,
    check_hosts,
    check_on_link,
    known_network,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.gateways import check_gateways
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.names import check_groups, check_names
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.prefixes import check_present, warn_of_prefixes
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.probes import check_probes, warn_of_probes
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import (
    FIRST_PRIORITY,
    Network,
    Pair,
    PortForward,
    Site,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import FAMILIES, of_family


def load_site(
    hostvars: Mapping[str, Mapping[str, object]],
    names: Mapping[str, list[str]] | None = None,
    problems: Problems | None = None,
    read_file: ReadFile = no_file,
    groups: Mapping[str, Sequence[str]] | None = None,
    warnings: Problems | None = None,
) -> Site:
    """Build the model from all hosts' variables, or raise SiteError with every problem of the inventory.

    `names` are the names of all variables that each host has, read or not; `problems` and `warnings` have
    those found before; `read_file` reads what site_addresses names; `groups` are the inventory's, each with
    its hosts.
    """
    problems = Problems() if problems is None else problems
    warnings = Problems() if warnings is None else warnings
    misspelt = [one for one in named(names or {}) if meant(one.name)]
    check_variables(misspelt, len(hostvars), (), (), problems, warnings)
    problems.reading = True
    site = read_site(hostvars, problems, warnings, read_file)
    _check_declared(site, problems)
    problems.reading = False
    check_shared(hostvars, site.pairs, SITE_VARIABLES, problems)
    check_names(site, problems)
    check_groups(site, groups or {}, problems)
    addresses = Places("this address", "give every interface its own")
    check_hosts(site, addresses, problems)
    addresses.right = "give a virtual router an address that nobody else has"
    for pair in site.pairs:
        _check_nodes(site, pair, problems)
        _check_priorities(site, pair, problems)
        _check_sync(site, pair, problems)
        _check_routers(site, pair, addresses, problems)
    _check_vrids(site, problems)
    check_gateways(site, problems, warnings)
    check_resolvers(site, problems, warnings)
    check_machines(site, problems)
    check_policy(site, problems, warnings)
    _check_port_forwards(site, problems)
    check_source_nat(site, problems, warnings)
    check_fragments(site, problems, warnings)
    check_probes(site, problems)
    if problems:
        raise SiteError(without_consequences(problems))
    warn_of_policy(site, warnings)
    warn_of_unreplicated(site, warnings)
    warn_of_probes(site, warnings)
    warn_of_virtual(site, warnings)
    warn_of_ways(site, warnings)
    warn_of_prefixes(site, warnings)
    warn_of_reach(site, warnings)
    return replace(site, warnings=tuple(warnings.lines()))


def _check_declared(site: Site, problems: Problems) -> None:
    """A site without wires, or a policy without a pair to hold it, is told once, and not by each name."""
    told = {problem.key for problem in problems}
    if (
        "site_networks" not in told
        and not site.networks
        and (site.pairs or any(True for _one in (*site.bridges(), *site.interfaces())))
    ):
        right = "declare each wire, such as {inside: {prefixes: [192.168.2.0/24]}}"
        problems.add(SITE, "site_networks", None, "no network is declared", right)
    if "site_pairs" not in told and not site.pairs and (site.policy or site.port_forwards):
        right = "declare the pair that holds site_policy and site_port_forwards"
        problems.add(SITE, "site_pairs", None, "no pair is declared", right)


def _check_nodes(site: Site, pair: Pair, problems: Problems) -> None:
    key = f"site_pairs.{pair.name}.nodes"
    nodes = list(pair.nodes)
    if len(set(nodes)) != 2 or len(nodes) != 2:
        count = len(set(nodes))
        problems.add(
            SITE,
            key,
            nodes,
            f"a pair of {count} node{'' if count == 1 else 's'}",
            "name two different hosts, the preferred one first",
            hole=True,
        )
    for node in dict.fromkeys(nodes):
        if node not in site.hosts:
            problems.add(SITE, key, node, "is not in the inventory", nearest(node, site.hosts), hole=True)
        elif not site.hosts[node].interfaces and not problems.about(node, "node_interfaces"):
            wrong = f"this node of pair {pair.name} has no interfaces"
            problems.add(
                node, "node_interfaces", None, wrong, f"declare them in host_vars/{node}.yml", hole=True
            )
        others = [other.name for other in site.index.pairs_of.get(node, ()) if other != pair]
        if others:
            problems.add(SITE, key, node, f"is in pair {others[0]} too", "a host belongs to one pair")


def _check_priorities(site: Site, pair: Pair, problems: Problems) -> None:
    key = f"site_pairs.{pair.name}.priorities"
    # the name of a node that nobody knows is told already
    known = len(pair.nodes) == 2 and all(node in site.hosts for node in pair.nodes)
    for node in pair.priorities if known else ():
        if node not in pair.nodes:
            problems.add(SITE, f"{key}.{node}", node, "is no node of this pair", nearest(node, pair.nodes))
    if len(set(pair.nodes)) == 2 and len(pair.nodes) == 2 and 0 not in pair.priorities.values():
        first, second = pair.nodes
        if pair.priority(first) == pair.priority(second):
            problems.add(
                SITE,
                key,
                {node: pair.priority(node) for node in pair.nodes},
                "equal priorities",
                f"leave them out ({FIRST_PRIORITY} and {FIRST_PRIORITY - 1} are derived), "
                "or make them different",
            )


def _check_sync(site: Site, pair: Pair, problems: Problems) -> None:
    key = f"site_pairs.{pair.name}.sync"
    if not pair.sync:
        problems.add(SITE, key, [], "a pair without a replication link", "name a network that carries it")
    for name in pair.sync:
        network = known_network(site, SITE, key, name, problems)
        if network is None:
            continue
        if network.management:
            problems.add(SITE, key, name, "is a management network", "replication needs a link of its own")
        routers = [router.name for other in site.pairs for router in other.routers_on(name)]
        if routers:
            wrong = f"has the virtual router {routers[0]}: where replication goes, nothing else does"
            problems.add(SITE, key, name, wrong, "name a network of its own", follows=False, hole=True)
        if pair.sync.count(name) > 1:
            problems.add(SITE, key, name, "is named twice", "name each link once")
        if network.prefixes:
            _check_interfaces(site, pair, network, (network.first_family,), problems)


def _check_interfaces(
    site: Site, pair: Pair, network: Network, families: tuple[int, ...], problems: Problems
) -> None:
    """Each node of the pair needs an interface there, with an address of each family that is used."""
    for node in pair.nodes:
        host = site.hosts.get(node)
        if host is None:
            continue
        interface = host.interface_on(network.name)
        if interface is None:
            problems.add(
                node,
                "node_interfaces",
                network.name,
                f"no interface on this network of pair {pair.name}",
                "declare one",
            )
            continue
        have = {address.version for address in interface.addresses}
        for family in (family for family in families if family not in have):
            problems.add(
                node,
                f"node_interfaces.{interface.name}.addresses",
                [str(address) for address in interface.addresses],
                f"no IPv{family} address on network {network.name}, which pair {pair.name} uses",
                "declare it, also where DHCP hands it out",
            )


def _check_routers(site: Site, pair: Pair, addresses: Places, problems: Problems) -> None:
    if not pair.routers:
        problems.add(
            SITE,
            f"site_pairs.{pair.name}.virtual_routers",
            None,
            "a pair without a virtual router",
            "declare one",
            hole=True,
        )
    for router in pair.routers:
        key = f"site_pairs.{pair.name}.virtual_routers.{router.name}"
        network = known_network(site, SITE, f"{key}.network", router.network, problems)
        for address in router.addresses:
            addresses.claim(problems, SITE, f"{key}.addresses", address, f"virtual router {key[11:]}")
            if router.addresses.count(address) > 1:
                problems.add(SITE, f"{key}.addresses", address, "is named twice", "name each address once")
        if network is None:
            continue
        for address in router.addresses:
            prefix = check_on_link(site, network, SITE, f"{key}.addresses", address, problems)
            if prefix is not None:
                check_present(site, pair, network, f"{key}.addresses", address, prefix, problems)
        if network.management:
            wrong, right = "is a network for management", "route between data networks"
            problems.add(SITE, f"{key}.network", network.name, wrong, right)
        _check_interfaces(site, pair, network, router.families(), problems)


def _check_vrids(site: Site, problems: Problems) -> None:
    """A VRID is unique on its wire, for each family (RFC 5798, section 5.2.3)."""
    for family in FAMILIES:
        seen: dict[tuple[str, int], str] = {}
        for pair in site.pairs:
            for router in pair.routers:
                if not router.vrid or family not in router.families():
                    continue
                place = f"{pair.name}.virtual_routers.{router.name}"
                first = seen.setdefault((router.network, router.vrid), place)
                if first != place:
                    problems.add(
                        SITE,
                        f"site_pairs.{place}.vrid",
                        router.vrid,
                        f"{first} has it on network {router.network} too",
                        "use another one, 1 to 255",
                    )


def _check_port_forwards(site: Site, problems: Problems) -> None:
    taken = TakenPorts()
    for forward in site.port_forwards:
        key = f"site_port_forwards[{forward.index}]"
        service = site.services.get(forward.service)
        if service is None and forward.service:
            problems.add(
                SITE,
                f"{key}.service",
                forward.service,
                *unknown_service(site, forward.service),
            )
        if service and not (service.tcp or service.udp):
            problems.add(
                SITE,
                f"{key}.service",
                forward.service,
                "has no port to forward",
                "name one with tcp or udp ports",
            )
        network = check_data_network(site, f"{key}.to", forward.network, problems)
        if network is None or not _check_forward_address(site, key, forward, problems):
            continue
        _check_forward_host(site, key, forward, problems)
        check_sources(site, forward, problems)
        address = site.forward_address(forward)
        if service is not None and address is not None:
            taken.claim(forward, service, address, problems)


def _check_forward_address(site: Site, key: str, forward: PortForward, problems: Problems) -> bool:
    virtual = [a for pair in site.pairs for a in pair.virtual_addresses(forward.network)]
    shown = ", ".join(map(str, virtual)) or "none"
    if forward.address is not None and forward.address not in virtual:
        problems.add(
            SITE,
            f"{key}.address",
            forward.address,
            f"is no virtual address on network {forward.network}",
            f"those are: {shown}",
        )
        return False
    if forward.address is None and len(virtual) != 1:
        wrong = "has several virtual addresses" if virtual else "has no virtual address"
        right = f"choose one with address: {shown}" if virtual else "declare a virtual router on it"
        problems.add(SITE, f"{key}.to", forward.network, wrong, right)
        return False
    return True


def _check_forward_host(site: Site, key: str, forward: PortForward, problems: Problems) -> None:
    if not forward.host:
        return
    if isinstance(forward.host, str) and forward.host not in site.hosts:
        problems.add(
            SITE, f"{key}.host", forward.host, "is not in the inventory", nearest(forward.host, site.hosts)
        )
        return
    target = site.forward_target(forward)
    if target is None:
        pair, address = site.forward_pair(forward), site.forward_address(forward)
        if address and not isinstance(forward.host, str) and forward.host.version != address.version:
            wrong = f"is an address of IPv{forward.host.version}, and {address} one of IPv{address.version}"
            problems.add(SITE, f"{key}.host", forward.host, wrong, "write two of one family")
            return
        family = address.version if address else 4
        names = [
            router.network
            for router in (pair.routers if pair else ())
            if router.network != forward.network and of_family(router.addresses, family)
        ]
        problems.add(
            SITE,
            f"{key}.host",
            forward.host,
            f"has no IPv{family} address on another network of the pair",
            f"name a host on {' or '.join(names) or 'one'}",
        )
        return
    network, address = target
    taken = site.virtual_and_firewall_addresses
    if address in taken:
        problems.add(SITE, f"{key}.host", forward.host, f"is {taken[address]}", "name a host behind the pair")
    prefix = check_on_link(site, site.networks[network], SITE, f"{key}.host", address, problems)
    pair = site.forward_pair(forward)
    if pair is not None and prefix is not None:
        check_present(site, pair, site.networks[network], f"{key}.host", address, prefix, problems)
    if forward.hairpin and pair and not of_family(pair.virtual_addresses(network), address.version):
        problems.add(
            SITE,
            f"{key}.hairpin",
            True,
            f"answers go back by network {network}, which has no virtual address of IPv{address.version}",
            "give a virtual router there one",
        )
