# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site_pairs: two nodes, their virtual routers, and how they fail over."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SITE, Problems, nearest
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.values import Value, present
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.section import (
    Checking,
    Named,
    Reading,
    Section,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.checks import (
    Places,
    check_on_link,
    known_network,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.names import RESERVED_ALL, RESERVED_ANY
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.pair_links import ends
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.prefixes import check_present
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import (
    FIRST_PRIORITY,
    PREEMPTIONS,
    PROFILES,
    REPLICATIONS,
    Network,
    Pair,
    Site,
    VirtualRouter,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.pair import pair_view
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import FAMILIES, of_family


def read_pairs(reading: Reading) -> tuple[Pair, ...]:
    return tuple(_pair(name, value) for name, value in reading.shared["site_pairs"].entries().items())


def _pair(name: str, value: Value) -> Pair:
    fields = value.section(
        "nodes",
        "sync",
        "virtual_routers",
        "priorities",
        "profile",
        "advert_interval",
        "replication",
        "preempt",
        required=["nodes", "sync", "virtual_routers"],
    )
    Value(value.host, value.key, name, value.problems).word()
    priorities = {node: item.integer(1, 254) or 0 for node, item in fields["priorities"].entries().items()}
    return Pair(
        name,
        nodes=present(item.text() for item in fields["nodes"].items()),
        sync=present(item.text() for item in fields["sync"].items()),
        routers=tuple(
            _virtual_router(key, item) for key, item in fields["virtual_routers"].entries().items()
        ),
        priorities=priorities,
        profile=PROFILES[_choice(fields["profile"], *PROFILES)],
        own_advert_interval=fields["advert_interval"].seconds(
            "0.01", "40.95", "which VRRPv3 counts in hundredths (RFC 9568, section 5.2.7)"
        ),
        replication=_choice(fields["replication"], *REPLICATIONS),
        preempt=_choice(fields["preempt"], *PREEMPTIONS),
    )


def _choice(value: Value, *known: str) -> str:
    """Read one of the known words; the first is the default, also in place of a wrong one."""
    word = value.choice(*known)
    return word if word in known else known[0]


def _virtual_router(name: str, value: Value) -> VirtualRouter:
    fields = value.section("network", "vrid", "addresses", required=["vrid"])
    # it may be a network's name, which is told where the network is declared
    follows = None if fields["network"].given else True
    Value(value.host, value.key, name, value.problems).word(longest=32, follows=follows)
    if isinstance(value.raw, dict) and value.raw and not fields["addresses"].raw:
        # a key that nobody knows may be meant for them
        lacking = "a virtual router without an address"
        fields["addresses"].wrong(
            lacking, "give it its virtual addresses", follows="addresses" not in value.raw
        )
    return VirtualRouter(
        name,
        network=fields["network"].text() or name,
        vrid=fields["vrid"].integer(1, 255) or 0,
        addresses=fields["addresses"].addresses(),
    )


def _lacking(site: Site) -> tuple[str, str] | None:
    """A policy without a pair to hold it is told once."""
    if site.pairs or not (site.policy or site.port_forwards):
        return None
    return "no pair is declared", "declare the pair that holds site_policy and site_port_forwards"


def _names(site: Site) -> Iterator[Named]:
    for pair in site.pairs:
        yield SITE, f"site_pairs.{pair.name}", pair.name, {**RESERVED_ALL, **RESERVED_ANY}
        for router in pair.routers:
            yield SITE, f"site_pairs.{pair.name}.virtual_routers.{router.name}", router.name, {}
    for pair in site.pairs:
        names = {router.name for router in pair.routers}
        for router in (one for one in pair.routers if len(one.families()) > 1):
            second = f"{router.name}_v6"
            if second in names:
                key = f"site_pairs.{pair.name}.virtual_routers.{second}"
                yield SITE, key, second, {second: f"is what the IPv6 half of {router.name} is called"}


def check_pairs(checking: Checking) -> None:
    checking.addresses.right = "give a virtual router an address that nobody else has"
    for pair in checking.site.pairs:
        _check_nodes(checking.site, pair, checking.problems)
        _check_priorities(checking.site, pair, checking.problems)
        _warn_of_order(pair, checking.warnings)
        _check_sync(checking.site, pair, checking.problems)
        _check_routers(checking.site, pair, checking.addresses, checking.problems)
    _check_vrids(checking.site, checking.problems)


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


def _warn_of_order(pair: Pair, warnings: Problems) -> None:
    if len(pair.nodes) == 2 and pair.priority(pair.nodes[0]) < pair.priority(pair.nodes[1]):
        first, second = pair.nodes
        warnings.add(
            SITE,
            f"site_pairs.{pair.name}.priorities",
            dict(pair.priorities),
            f"{second} is preferred, though {first} stands first: their priorities are "
            f"{pair.priority(second)} and {pair.priority(first)}",
            f"write {second} first, or give {first} the higher one",
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
        routers = [
            router.name for other in site.index.pairs_on.get(name, ()) for router in other.routers_on(name)
        ]
        if routers:
            wrong = f"has the virtual router {routers[0]}: where replication goes, nothing else does"
            problems.add(SITE, key, name, wrong, "name a network of its own", follows=False, hole=True)
        if pair.sync.count(name) > 1:
            problems.add(SITE, key, name, "is named twice", "name each link once")
        if network.prefixes:
            _check_interfaces(site, pair, network, (network.first_family,), problems)
            _check_ends(site, pair, network, problems)


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


def _check_ends(site: Site, pair: Pair, network: Network, problems: Problems) -> None:
    """What each node sends to the other comes from an address that is on the other's own link.

    Of a leg that is so: each node has an address in the prefix of each virtual address.
    """
    family = network.first_family
    interfaces = [site.hosts[node].interface_on(network.name) for node in pair.nodes if node in site.hosts]
    have = [of_family(one.addresses, family) for one in interfaces if one is not None]
    sound = [addresses and all(map(network.prefix_of, addresses)) for addresses in have]
    if len(sound) == 2 and all(sound) and not ends(site, pair, network.name, family):
        told = "; ".join(f"{node}: {', '.join(map(str, one))}" for node, one in zip(pair.nodes, have))
        problems.add(
            SITE,
            f"site_pairs.{pair.name}.nodes",
            list(pair.nodes),
            f"have no IPv{family} address of one prefix on network {network.name} ({told})",
            "give both one in the same prefix, for they speak to each other by it",
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
            # one of another network is told as that
            if network is None or not network.prefixes or network.prefix_of(address) is not None:
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


SECTION = Section(
    variables=("site_pairs",),
    reads={"pairs": read_pairs},
    against=("site_networks",),
    alone=("vrid", "profile", "advert_interval", "replication", "preempt"),
    lacking=_lacking,
    names=_names,
    check=check_pairs,
    view=pair_view,
)
