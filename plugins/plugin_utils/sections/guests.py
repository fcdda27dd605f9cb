# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""guest: what a virtual machine gets of its hypervisor."""

from __future__ import annotations

from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import Cause, nearest
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.values import Value
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.section import Checking, HostReading, Section
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Guest, Host, Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.contract import Parts
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.parts import hypervisors as parts
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.viewpoint import Viewpoint

LEAST_ROOT_MIB = 512
"""Of a guest's disk, what is not for swap."""
_OPTIONS = ("hypervisor", "memory_mib", "cpus", "disk_mib", "swap_mib")


def read_guest(host: HostReading) -> Guest | None:
    value = host.value("guest")
    return _guest(value) if value.given else None


def _guest(value: Value) -> Guest:
    fields = value.section(*_OPTIONS, required=["hypervisor"])
    default = Guest(fields["hypervisor"].text() or "")
    swap = fields["swap_mib"].integer(0, 1 << 20)
    return Guest(
        default.hypervisor,
        memory_mib=fields["memory_mib"].integer(128, 1 << 22) or default.memory_mib,
        cpus=fields["cpus"].integer(1, 255) or default.cpus,
        disk_mib=fields["disk_mib"].integer(1024, 1 << 24) or default.disk_mib,
        swap_mib=default.swap_mib if swap is None else swap,
    )


def guest_user(guest: Host) -> str:
    """The system user that a guest runs as."""
    return f"guest-{guest.name}"


def check_guest(checking: Checking, host: Host) -> None:
    site, problems = checking.site, checking.problems
    if host.guest is None or not host.guest.hypervisor:
        return
    most = host.guest.disk_mib - LEAST_ROOT_MIB
    if host.guest.swap_mib > most:
        wrong = f"leaves too little of disk_mib, {host.guest.disk_mib}, for the system"
        right = f"use up to {most}, or a larger disk"
        problems.add(host.name, "guest.swap_mib", host.guest.swap_mib, wrong, right)
    if host.name in site.hosts and not host.interfaces and not problems.about(host.name, "node_interfaces"):
        wrong = "a guest without an interface"
        problems.add(host.name, "node_interfaces", None, wrong, "declare its interfaces", hole=True)
    name = host.guest.hypervisor
    if name == host.name or name not in site.hosts or not site.hosts[name].bridges:
        hypervisors = [name for name, other in site.hosts.items() if other.bridges and name != host.name]
        wrong = "has no hypervisor_bridges" if name in site.hosts else "is not in the inventory"
        problems.add(host.name, "guest.hypervisor", name, wrong, nearest(name, hypervisors))
        return
    for interface in host.interfaces:
        if interface.network in site.networks and site.hosts[name].bridge_on(interface.network) is None:
            right = f"declare one in {name}'s hypervisor_bridges"
            wrong = "no bridge is on this network, which stands in"
            problems.add(
                host.name,
                f"node_interfaces.{interface.name}.network",
                interface.network,
                f"hypervisor {name} has no bridge on it",
                right,
                cause=Cause(
                    "hypervisor_bridges", interface.network, wrong, f"declare one on {name}", host=name
                ),
            )


def _view(point: Viewpoint) -> Parts:
    """A hypervisor's guests."""
    if not point.host.bridges:
        return {}
    return {"guest": {"vms": [_vm(point.site, guest) for guest in point.site.guests_of(point.host.name)]}}


def _vm(site: Site, host: Host) -> parts.Vm:
    guest = host.guest
    if guest is None:
        raise LookupError(f"{host.name} is no guest")
    managed = [i for i in host.interfaces if site.networks[i.network].management and i.addresses]
    return {
        "name": host.name,
        "user": guest_user(host),
        "memory_mib": guest.memory_mib,
        "cpus": guest.cpus,
        "disk_mib": guest.disk_mib,
        "swap_mib": guest.swap_mib,
        "interfaces": [{"name": i.name, "mac": i.mac, "tap": i.tap} for i in host.interfaces],
        "management": {
            "interface": managed[0].name,
            "mac": managed[0].mac,
            "address": str(site.networks[managed[0].network].on_link(managed[0].addresses[0])),
        }
        if managed
        else None,
    }


SECTION = Section(
    variables=("guest",),
    reads_host={"guest": read_guest},
    against=("hypervisor_bridges", "node_interfaces"),
    alone=_OPTIONS[1:],
    elsewhere={f"guest_{option}": f"{option} of guest, as in guest: {{{option}: …}}" for option in _OPTIONS},
    check_host=check_guest,
    view=_view,
)
