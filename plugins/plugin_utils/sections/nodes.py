# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""node_interfaces: on which wires a node is, guest or bare metal."""

from __future__ import annotations

from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import Cause, Problems
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.values import Value
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.section import Checking, HostReading, Section
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.checks import check_on_link, known_network
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.gateways import gateways
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.link_local import is_kernels, link_local_address
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Host, Interface, Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.contract import Parts
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.parts import nodes as parts
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.viewpoint import Viewpoint
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import Address


def read_interfaces(host: HostReading) -> tuple[Interface, ...]:
    of_guest = host.value("guest").given
    entries = host.value("node_interfaces").entries()
    return tuple(_interface(key, value, of_guest) for key, value in entries.items())


def _interface(name: str, value: Value, of_guest: bool) -> Interface:
    fields = value.section(
        "network",
        "mac",
        "tap",
        "addresses",
        "dhcp",
        "gateway",
        required=["network", "mac", "tap"] if of_guest else ["network"],
    )
    value.named_device()
    if fields["tap"].given and not of_guest:
        tap, right = fields["tap"], "leave it out, or declare guest"
        wrong = "only a guest's interfaces have taps, which stand in"
        cause = Cause("guest", None, wrong, "declare guest, or leave the taps out", host=value.host)
        value.problems.add(
            *(tap.host, tap.key, tap.raw, "only a guest's interface has a tap", right),
            silent=tap.silent,
            cause=cause,
        )
    virtual = fields["gateway"].raw == "virtual"
    return Interface(
        name,
        network=fields["network"].text() or "",
        mac=fields["mac"].mac(),
        tap=fields["tap"].device_name(),
        addresses=fields["addresses"].addresses(),
        dhcp=fields["dhcp"].boolean(False),
        gateways=() if virtual else _gateways(fields["gateway"]),
        gateway_virtual=virtual,
    )


def _gateways(value: Value) -> tuple[Address, ...]:
    """Read an address, or a list of one for each family."""
    if isinstance(value.raw, list):
        found = value.addresses()
    else:
        one = value.address()
        found = () if one is None else (one,)
    if len({address.version for address in found}) < len(found):
        value.wrong("has two of one family", "name one address of each family at most")
    return found


def check_interfaces(checking: Checking) -> None:
    problems = checking.problems
    for host, interface in checking.site.interfaces():
        _check_interface(checking.site, host, interface, problems)
        key = f"node_interfaces.{interface.name}"
        place = f"{host.name}'s {interface.name}"
        if interface.mac:
            checking.macs.claim(problems, host.name, f"{key}.mac", interface.mac, place)
        for ip in interface.addresses:
            checking.addresses.claim(problems, host.name, f"{key}.addresses", ip, place)
        for ip in dict.fromkeys(interface.addresses):
            if interface.addresses.count(ip) > 1:
                problems.add(
                    host.name,
                    f"{key}.addresses",
                    ip,
                    "is named twice",
                    "name each address once",
                    follows=False,
                )


def _check_interface(site: Site, host: Host, interface: Interface, problems: Problems) -> None:
    key = f"node_interfaces.{interface.name}"
    network = known_network(site, host.name, f"{key}.network", interface.network, problems)
    if network is None:
        return
    if interface.dhcp and interface.network in site.sync_networks:
        wrong = f"network {interface.network} carries replication, and nobody leases addresses there"
        problems.add(host.name, f"{key}.dhcp", True, wrong, "leave dhcp out")
    for address in interface.addresses:
        check_on_link(site, network, host.name, f"{key}.addresses", address, problems)


def _view(point: Viewpoint) -> Parts:
    if not point.host.interfaces:
        return {}
    interfaces = [_interface_view(point.site, point.host, one) for one in point.host.interfaces]
    resolvers = list(map(str, point.host.resolvers))
    return {"node_network": {"hostname": point.host.name, "resolvers": resolvers, "interfaces": interfaces}}


def _interface_view(site: Site, host: Host, interface: Interface) -> parts.NodeInterface:
    network = site.networks[interface.network]
    link_local = link_local_address(site, host, interface)
    return {
        "name": interface.name,
        "mac": interface.mac,
        "network": network.name,
        "addresses": [str(network.on_link(address)) for address in interface.addresses],
        "link_local": f"{link_local}/64" if link_local else None,
        "kernel_link_local": is_kernels(site, host, interface),
        "dhcp": interface.dhcp,
        "gateways": list(map(str, gateways(site, interface))),
        "mtu": network.mtu,
        "management": network.management,
    }


SECTION = Section(
    variables=("node_interfaces",),
    reads_host={"interfaces": read_interfaces},
    against=("site_networks", "site_pairs", "hypervisor_bridges"),
    alone=("mac", "tap", "dhcp"),
    check=check_interfaces,
    view=_view,
)
