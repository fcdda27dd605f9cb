# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that hold for a balancer of a host that is in no pair: where it is asked for, and whom it names."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SITE, Problems, nearest
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.balancer_types import (
    Balancer,
    Server,
    SorryServer,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.balancers import (
    Answering,
    Balanced,
    asked_at,
    own_addresses,
    target_of,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.gateways import gateways
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import Address


def check_own_address(site: Site, one: Balancer, problems: Problems) -> bool:
    """See that there is one address of the host's own to ask at."""
    if one.host not in site.hosts:
        right = nearest(one.host, site.hosts)
        problems.add(SITE, f"{one.key}.host", one.host, "is no host of the inventory", right)
        return False
    pair = site.pair_of(one.host)
    if pair is not None:
        wrong = f"is a node of pair {pair.name}, whose balancers are at its virtual addresses"
        networks = " or ".join(pair.networks)
        problems.add(SITE, f"{one.key}.host", one.host, wrong, f"write network: {networks} instead of host")
        return False
    if problems.about(one.host, "node_interfaces") or problems.about(one.host, "hypervisor_bridges"):
        # what is wrong with its addresses is told there
        return False
    own = own_addresses(site, one)
    shown = ", ".join(map(str, own)) or "none"
    if not own:
        wrong = "has no address that is not for management"
        right = "give one of its node_interfaces or hypervisor_bridges an address"
        problems.add(SITE, f"{one.key}.host", one.host, wrong, right)
    elif one.address is not None and one.address not in own:
        wrong, right = f"is no address of {one.host} that is not for management", f"those are: {shown}"
        problems.add(SITE, f"{one.key}.address", one.address, wrong, right)
    elif one.address is None and len(own) > 1:
        right = f"choose one with address: {shown}"
        problems.add(SITE, f"{one.key}.host", one.host, "has several addresses", right)
    return asked_at(site, one) is not None


def check_answering(
    site: Site, one: Balancer, key: str, who: Server | SorryServer, problems: Problems
) -> None:
    """See that somebody who answers can be reached, and that the answers come back."""
    virtual = asked_at(site, one)
    if virtual is None or not who.host:
        return
    if isinstance(who.host, str) and who.host not in site.hosts:
        wrong, right = "is no address, and no host of the inventory", nearest(who.host, site.hosts)
        problems.add(SITE, key, who.host, wrong, right)
        return
    if isinstance(who.host, str) and any(
        problems.about(who.host, own) for own in ("node_interfaces", "hypervisor_bridges")
    ):
        return
    target = target_of(site, one, who.host)
    if target is None and isinstance(who.host, str):
        wanted = "address" if one.method == "tun" else f"IPv{virtual.version} address"
        wrong = f"has no {wanted} that is not for management, as {virtual} is asked for"
        problems.add(SITE, key, who.host, wrong, "give it one, or name another host")
    elif target is None:
        version = 6 if virtual.version == 4 else 4
        wrong = f"is an address of IPv{version}, and {virtual} one of IPv{virtual.version}"
        problems.add(SITE, key, who.host, wrong, "write two of one family, or method: tun")
    elif not one.source_nat and not one.by_ipvs and _goes_past(site, one, target):
        wrong = f"answers clients past {one.host}, which is not its gateway, and they know nothing of it"
        right = "add source_nat: true, so that servers see the balancer's host instead"
        problems.add(SITE, key, who.host, wrong, f"{right}, or give it gateway: {virtual}")


def check_forward_others(balancers: Iterable[Balancer], problems: Problems) -> None:
    """It is about what a host forwards, and a pair forwards what the policy says."""
    for one in balancers:
        if one.forward_others and not one.host:
            wrong = "is about a host that is in no pair, and a pair forwards what site_policy lets in"
            problems.add(SITE, f"{one.key}.forward_others", True, wrong, "leave it out")


def warn_of_answers(site: Site, key: str, one: Balanced, answering: Answering, warnings: Problems) -> None:
    """Tell of somebody whose answers may go past the balancer's host. `key` is the place that names him."""
    if one.balancer.source_nat or one.balancer.by_ipvs or _is_own(site, one.balancer, answering.address):
        return
    host, right = one.balancer.host, "add source_nat: true, or see to the route yourself"
    if answering.address not in site.index.holders:
        wrong = f"has to send its answers back through {host}, and nothing is known of its routes"
        warnings.add(SITE, key, answering.host, wrong, right)
    elif answering.network == _network_of(site, one.balancer, one.virtual):
        wrong = f"answers clients on network {answering.network} directly, and they know nothing of it"
        warnings.add(SITE, key, answering.host, wrong, right)


def _goes_past(site: Site, one: Balancer, target: tuple[str, Address]) -> bool:
    """Whether answers certainly miss the balancer's host, which is neither who answers nor his gateway."""
    network, address = target
    if _is_own(site, one, address):
        return False
    if address not in site.index.holders:
        # of others nothing is known, but that neighbours are answered directly
        asked = asked_at(site, one)
        return asked is not None and network != "" and network == _network_of(site, one, asked)
    interfaces = [interface for _host, interface in site.index.holders[address]]
    return not any(_is_own(site, one, gateway) for each in interfaces for gateway in gateways(site, each))


def _is_own(site: Site, one: Balancer, address: Address) -> bool:
    return any(address == mine for _network, mine in site.hosts[one.host].places())


def _network_of(site: Site, one: Balancer, address: Address) -> str:
    return next(network for network, mine in site.hosts[one.host].places() if mine == address)
