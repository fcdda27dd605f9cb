# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each host of the inventory is a machine of its own: Ansible must not come to another one by its name."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address

from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import Problems
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.values import UNREADABLE
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.section import Checking, HostReading, Section
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Host, Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import Address

_KEY = "ansible_host"
CONNECTION_VARIABLES = ("ansible_host", "ansible_connection")
"""Ansible's own: they say which way it comes."""
CONNECTION_OPTIONS = (
    "ansible_port",
    "ansible_ssh_port",
    "ansible_ssh_args",
    "ansible_ssh_common_args",
    "ansible_ssh_extra_args",
)
"""Where these differ, one address may be two machines."""


def read_reached_at(host: HostReading) -> str:
    """Where ssh leads to, as far as it is said; a name is as good as an address."""
    variables = host.variables
    connection = str(variables.get("ansible_connection") or "ssh")
    if connection.rpartition(".")[2] not in ("ssh", "smart", "paramiko", "paramiko_ssh", "libssh"):
        return ""
    found = variables.get("ansible_host")
    return "" if found is UNREADABLE else str(found or "")


def read_reached_by(host: HostReading) -> tuple[str, ...] | None:
    """How ssh gets there, as far as it is written out; None where a template says it."""
    found = tuple(str(host.variables.get(name) or "") for name in CONNECTION_OPTIONS)
    return None if any(start in one for one in found for start in ("{{", "{%")) else found


def check_machines(checking: Checking) -> None:
    """Find hosts that are reached where another host is: each would be built over the other one."""
    site, problems = checking.site, checking.problems
    hosts = [host for host in site.hosts.values() if host.reached_at and (host.interfaces or host.bridges)]
    owners = _owners(site)
    seen: dict[tuple[object, ...], Host] = {}
    for host in hosts:
        address = _address(host.reached_at)
        if _is_anothers(site, host, address, owners, problems) or host.reached_by is None:
            continue
        first = seen.setdefault((address or host.reached_at, *host.reached_by), host)
        # an address that both declare is told there
        if first is not host and not all(address in _addresses(one) for one in (first, host)):
            wrong = f"{first.name} is reached there, too, so that both are one machine"
            problems.add(host.name, _KEY, host.reached_at, wrong, _right(site, host))


def _is_anothers(
    site: Site, host: Host, address: Address | None, owners: Mapping[Address, Host], problems: Problems
) -> bool:
    """Whether it is told that an address is a virtual one, or another host's.

    By another port, or through another host, one comes to a machine by the address of a second one.
    """
    if address is None or host.reached_by is None or any(host.reached_by):
        return False
    owner = owners.get(address)
    pairs = [pair.name for pair in site.index.pairs_at.get(address, ())]
    if pairs:
        wrong = f"is a virtual address of pair {pairs[0]}, which goes from one node to the other"
    elif owner is not None and owner != host and address not in _addresses(host):
        wrong = f"is an address of {owner.name}"
    else:
        return False
    problems.add(host.name, _KEY, host.reached_at, wrong, _right(site, host))
    return True


def _owners(site: Site) -> dict[Address, Host]:
    found: dict[Address, Host] = {}
    for host, interface in site.interfaces():
        found.update(dict.fromkeys(interface.addresses, host))
    for host, bridge in site.bridges():
        found.update((address.ip, host) for address in bridge.addresses)
    return found


def _addresses(host: Host) -> set[Address]:
    return {address for interface in host.interfaces for address in interface.addresses}


def _address(text: str) -> Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _right(site: Site, host: Host) -> str:
    """Name an address of the host's own, on a management network if it has one."""
    own = [
        (not network.management, str(address))
        for interface in host.interfaces
        if (network := site.networks.get(interface.network)) is not None
        for address in interface.addresses
    ]
    return (
        f"connect to {min(own, key=lambda one: one[0])[1]}"
        if own
        else f"connect to an address of {host.name}"
    )


SECTION = Section(
    borrowed=(*CONNECTION_VARIABLES, *CONNECTION_OPTIONS),
    reads_host={"reached_at": read_reached_at, "reached_by": read_reached_by},
    against=("site_networks", "site_pairs", "node_interfaces", "hypervisor_bridges"),
    check=check_machines,
)
