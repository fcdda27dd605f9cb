# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node of a pair gets of it: how it fails over, and what it replicates."""

from __future__ import annotations

from typing import cast

from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.firewall import Firewall
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.gate import gate_interfaces
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.names import ruleset_names
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.offload import offload_interfaces
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.link_local import LINK_LOCAL
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.pair_links import SYNC_PORT, PairLink
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import VirtualRouter
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.contract import Parts
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.parts import firewalls as parts
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.viewpoint import Viewpoint
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import Family, of_family

_ADVERT = 24
"""Octets of an advert beside IP header and addresses, as keepalived 2.2.7 counts them."""


def pair_view(point: Viewpoint) -> Parts:
    pair, firewall = point.pair, point.firewall
    if pair is None or firewall is None:
        return {}
    host, peer = point.host, firewall.peer
    instances = [
        _instance(firewall, router, family) for router in pair.routers for family in router.families()
    ]
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
            "links": [_sync_link(firewall, name) for name in pair.sync],
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
    }


def advert_space(family: int, mtu: int | None) -> int:
    """How many addresses keepalived puts into an advert, which counts them in an octet (RFC 9568, 5.2.5)."""
    headers = (20 if family == 4 else 40) + _ADVERT
    return min(255, ((mtu or 1500) - headers) // (4 if family == 4 else 16))


def _instance(firewall: Firewall, router: VirtualRouter, family: int) -> parts.VrrpInstance:
    length = 32 if family == 4 else 128
    addresses = [f"{address}/{length}" for address in of_family(router.addresses, family)]
    space = advert_space(family, firewall.site.networks[router.network].mtu)
    return {
        "name": router.name if family == router.families()[0] else f"{router.name}_v{family}",
        "interface": firewall.device(router.network),
        "family": cast(Family, family),
        "vrid": router.vrid,
        "priority": firewall.pair.priority(firewall.host.name),
        "source": str(firewall.address(router.network, family)),
        "peers": [str(firewall.peer_address(router.network, family))],
        "addresses": addresses[:space],
        "excluded": addresses[space:],
    }


def _path(link: PairLink) -> parts.PairPath:
    return {
        "network": link.network,
        "interface": link.interface,
        "local": str(link.local),
        "peer": str(link.peer),
        "leg": link.leg,
        "targets": [str(address) for address in link.targets],
    }


def _sync_link(firewall: Firewall, name: str) -> parts.SyncLink:
    family = firewall.site.networks[name].first_family
    return {
        "network": name,
        "interface": firewall.device(name),
        "local": str(firewall.address(name, family)),
        "peer": str(firewall.peer_address(name, family)),
        "port": SYNC_PORT,
    }
