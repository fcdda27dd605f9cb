# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hosts and their devices are called, and how many devices of a host are on a network."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import Problems
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.section import (
    Checking,
    HostReading,
    Named,
    Section,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.checks import Places
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Host, Site

_CONTROLLER = {"localhost": "is the controller, where plays of their own run, and cannot be a node"}
_DEVICES = {
    "lo": "is the loopback interface, which each host has",
    # sysctl_dev_name_is_allowed() in the kernel's net/sysctl.h
    "all": "is refused by the kernel, which has settings of this name",
    "default": "is refused by the kernel, which has settings of this name",
    "bonding_masters": "is a file of the kernel's beside its interfaces",
}
_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_HOSTNAME = re.compile(rf"(?=.{{1,64}}$){_LABEL}(\.{_LABEL})*")
_GUEST_NAME = re.compile(r"(?=.{1,26}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?")


def read_name(host: HostReading) -> str:
    """A guest's name, and a node's, is good for more than an inventory."""
    name, problems = host.name, host.value("guest").problems
    interfaces = host.value("node_interfaces").entries()
    if host.value("guest").given and not _GUEST_NAME.fullmatch(name):
        problems.add(
            name,
            "guest",
            name,
            "a guest's name becomes its hostname, its unit and its user",
            "use up to 26 lower-case letters, digits and '-'",
        )
    elif interfaces and not _HOSTNAME.fullmatch(name):
        problems.add(name, "node_interfaces", name, "is no hostname", "use letters, digits, '-' and '.'")
    return name


def _names(host: Host) -> Iterator[Named]:
    yield host.name, "inventory_hostname", host.name, _CONTROLLER if host.interfaces else {}
    for interface in host.interfaces:
        key = f"node_interfaces.{interface.name}"
        yield host.name, key, interface.name, _DEVICES
        if interface.tap:
            yield host.name, f"{key}.tap", interface.tap, _DEVICES
    for bridge in host.bridges:
        key = f"hypervisor_bridges.{bridge.name}"
        yield host.name, key, bridge.name, _DEVICES
        for uplink in bridge.uplinks:
            yield host.name, f"{key}.uplinks", uplink, _DEVICES


def check_devices(checking: Checking, host: Host) -> None:
    _check_single_network(host, checking.problems)
    _check_device_names(checking.site, host, checking.problems)
    _check_names_by_mac(host, checking.problems)


def _check_single_network(host: Host, problems: Problems) -> None:
    """One interface per network: routes and VRRP would otherwise have to choose."""

    def check(key: Callable[[str], str], pairs: list[tuple[str, str]]) -> None:
        first: dict[str, str] = {}
        for name, network in pairs:
            other = first.setdefault(network, name)
            if other != name and network:
                problems.add(
                    host.name,
                    key(name),
                    network,
                    f"{other} is on this network too",
                    "use one for each network",
                )

    check(lambda name: f"hypervisor_bridges.{name}.network", [(b.name, b.network) for b in host.bridges])
    check(lambda name: f"node_interfaces.{name}.network", [(i.name, i.network) for i in host.interfaces])


def _check_device_names(site: Site, host: Host, problems: Problems) -> None:
    """Bridges, their uplinks and the guests' taps share the hypervisor's name space."""
    if not host.bridges:
        return
    names = Places("this interface name", f"names are unique on {host.name}")
    for bridge in host.bridges:
        key = f"hypervisor_bridges.{bridge.name}"
        names.claim(problems, host.name, key, bridge.name, f"bridge {bridge.name}")
        for uplink in bridge.uplinks:
            names.claim(problems, host.name, f"{key}.uplinks", uplink, f"an uplink of bridge {bridge.name}")
    for guest in site.guests_of(host.name):
        for interface in guest.interfaces:
            if interface.tap:
                names.claim(
                    problems,
                    guest.name,
                    f"node_interfaces.{interface.name}.tap",
                    interface.tap,
                    f"{guest.name}'s {interface.name}",
                )


def _check_names_by_mac(host: Host, problems: Problems) -> None:
    """A name of the kernel's own pattern that goes by no MAC may be on any card, once others are renamed."""
    named = [interface.name for interface in host.interfaces if interface.mac]
    for interface in host.interfaces if named else []:
        if not interface.mac and re.fullmatch(r"eth\d+", interface.name):
            problems.add(
                host.name,
                f"node_interfaces.{interface.name}.mac",
                interface.mac,
                f"is missing, while {named[0]} is named by its MAC: the kernel gives such names in any order",
                "give it one too, or one to no interface of this node",
                follows=False,
            )


SECTION = Section(reads_host={"name": read_name}, names_host=_names, check_host=check_devices)
