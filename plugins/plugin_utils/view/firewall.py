# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a firewall has to know of the site: its part of the fact site_view, in plain JSON types."""

from __future__ import annotations

from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.compiled import nftables_view
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.firewall import Firewall
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.gate import gate_interfaces
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.names import ruleset_names
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.offload import offload_interfaces
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.link_local import LINK_LOCAL
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.pair_links import PairLink
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import (
    REVERSE_PATHS,
    Host,
    Interface,
    Pair,
    Site,
    VirtualRouter,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import of_family

SYNC_PORT = 3780
"""The UDP port of conntrackd's channel, as in its own examples."""

View = dict[str, Any]
_ADVERT = 24
"""Octets of an advert beside IP header and addresses, as keepalived 2.2.7 counts them."""


def firewall_view(site: Site, host: Host, pair: Pair) -> View:
    """Make the sections pair, keepalived, conntrackd, pair_state and nftables of one of the pair's nodes."""
    peer = site.hosts[pair.peer(host.name)]
    instances = [
        _instance(site, host, peer, pair, router, family)
        for router in pair.routers
        for family in router.families()
    ]
    firewall = Firewall(site, pair, host, peer, SYNC_PORT)
    return {
        "pair": {
            "name": pair.name,
            "node": host.name,
            "peer": peer.name,
            "preferred": pair.preferred() == host.name,
        },
        "keepalived": {
            "sync_groups": [{"name": pair.name, "instances": [i["name"] for i in instances]}],
            "instances": instances,
            "advert_interval": pair.advert_interval,
            "realtime": pair.profile.realtime,
        },
        "conntrackd": {
            "links": [_sync_link(site, host, peer, name) for name in pair.sync],
            "ignored_addresses": [
                "127.0.0.1",
                *(str(a) for interface in host.interfaces for a in interface.addresses),
                "::1",
                # what is sent with or to such an address is never forwarded
                *([str(LINK_LOCAL)] if firewall.neighbourly else []),
            ],
            "external_cache": pair.replication == "external",
        },
        "pair_state": {
            "addresses": [
                {"interface": instance["interface"], "address": address}
                for instance in instances
                for address in instance["addresses"] + instance["excluded"]
            ],
            "replication": pair.replication,
            "preempt": pair.preempt,
            "gate": gate_interfaces(firewall),
            "offload": offload_interfaces(firewall),
            "names": ruleset_names(firewall),
            "paths": [_path(link) for link in firewall.links],
        },
        "firewall_kernel": {
            "rp_filter": REVERSE_PATHS[site.reverse_path],
            "ipv6_forwarding": bool(set(firewall.data) & set(firewall.with_family(6))),
        },
        "nftables": nftables_view(firewall),
    }


def _own_interface(host: Host, network: str) -> Interface:
    interface = host.interface_on(network)
    if interface is None:
        raise LookupError(f"{host.name} has no interface on network {network}")
    return interface


def advert_space(family: int, mtu: int | None) -> int:
    """How many addresses keepalived puts into an advert, which counts them in an octet (RFC 9568, 5.2.5)."""
    headers = (20 if family == 4 else 40) + _ADVERT
    return min(255, ((mtu or 1500) - headers) // (4 if family == 4 else 16))


def _instance(site: Site, host: Host, peer: Host, pair: Pair, router: VirtualRouter, family: int) -> View:
    interface = _own_interface(host, router.network)
    length = 32 if family == 4 else 128
    addresses = [f"{address}/{length}" for address in of_family(router.addresses, family)]
    space = advert_space(family, site.networks[router.network].mtu)
    return {
        "name": router.name if family == router.families()[0] else f"{router.name}_v{family}",
        "interface": interface.name,
        "family": family,
        "vrid": router.vrid,
        "priority": pair.priority(host.name),
        "source": str(of_family(interface.addresses, family)[0]),
        "peers": [str(of_family(_own_interface(peer, router.network).addresses, family)[0])],
        "addresses": addresses[:space],
        "excluded": addresses[space:],
    }


def _path(link: PairLink) -> View:
    return {
        "network": link.network,
        "interface": link.interface,
        "local": str(link.local),
        "peer": str(link.peer),
        "leg": link.leg,
        "targets": [str(address) for address in link.targets],
    }


def _sync_link(site: Site, host: Host, peer: Host, name: str) -> View:
    family = site.networks[name].first_family
    interface = _own_interface(host, name)
    return {
        "network": name,
        "interface": interface.name,
        "local": str(of_family(interface.addresses, family)[0]),
        "peer": str(of_family(_own_interface(peer, name).addresses, family)[0]),
        "port": SYNC_PORT,
    }
