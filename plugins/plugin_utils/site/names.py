# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that would be taken for something else: by YAML, the kernel, Ansible, or the model itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SITE, Problems
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Host, Site

ROLES = ("hypervisor", "guest", "firewall", "endpoint")
"""What a host may become, also several of them."""
NOT_TEXT = ("True", "False", "None")
"""What becomes of the keys yes, no, on, off, true, false, null and ~ that stand without quotes (YAML 1.1)."""
_ALL, _ANY = {"all": "reads as each of them"}, {"any": "reads as each of them"}
_SETS = dict.fromkeys(("probe_pings", "probe_forwards"), "is the beginning of a set of the probe's")
_NETWORKS = {**_ALL, **_ANY, "firewall": "stands for the firewall itself in site_policy_tests"}
_CONTROLLER = {"localhost": "is the controller, where plays of their own run, and cannot be a node"}
_DEVICES = {
    "lo": "is the loopback interface, which each host has",
    # sysctl_dev_name_is_allowed() in the kernel's net/sysctl.h
    "all": "is refused by the kernel, which has settings of this name",
    "default": "is refused by the kernel, which has settings of this name",
    "bonding_masters": "is a file of the kernel's beside its interfaces",
}

Named = tuple[str, str, str, Mapping[str, str]]
"""Host, key, name, and what reserved names stand for there."""


def check_names(site: Site, problems: Problems) -> None:
    for host, key, name, reserved in _names(site):
        if name in NOT_TEXT:
            problems.add(
                host,
                key,
                name,
                "YAML takes this name for no text",
                "write it in quotes, or choose another one",
                follows=False,
                hole=True,
            )
        elif name in reserved:
            problems.add(host, key, name, reserved[name], "choose another name")
    for pair in site.pairs:
        names = {router.name for router in pair.routers}
        for router in pair.routers:
            second = f"{router.name}_v6"
            if len(router.families()) > 1 and second in names:
                problems.add(
                    SITE,
                    f"site_pairs.{pair.name}.virtual_routers.{second}",
                    second,
                    f"is what the IPv6 half of {router.name} is called",
                    "choose another name",
                )


def _names(site: Site) -> Iterator[Named]:
    for name in site.networks:
        yield SITE, f"site_networks.{name}", name, _NETWORKS
    for name in site.services:
        yield SITE, f"site_services.{name}", name, {}
    for name in site.addresses:
        yield SITE, f"site_addresses.{name}", name, {**_ANY, **_SETS}
    for pair in site.pairs:
        yield SITE, f"site_pairs.{pair.name}", pair.name, {**_ALL, **_ANY}
        for router in pair.routers:
            yield SITE, f"site_pairs.{pair.name}.virtual_routers.{router.name}", router.name, {}
    for host in site.hosts.values():
        yield host.name, "inventory_hostname", host.name, _CONTROLLER if host.interfaces else {}
        yield from _devices(host)


def _devices(host: Host) -> Iterator[Named]:
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


def roles(site: Site, host: Host) -> list[str]:
    in_pair = site.pair_of(host.name) is not None
    held = (bool(host.bridges), host.guest is not None, in_pair, bool(host.interfaces) and not in_pair)
    return [role for role, has in zip(ROLES, held) if has]


def check_groups(site: Site, groups: Mapping[str, Sequence[str]], problems: Problems) -> None:
    """Hosts are grouped by what they become; a group of the inventory's own must not have others in it."""
    for role in ROLES:
        group = f"site_{role}s"
        if not groups.get(group):
            continue
        hosts = {name for name, host in site.hosts.items() if role in roles(site, host)}
        others = [str(name) for name in groups[group] if str(name) not in hosts]
        if others:
            problems.add(
                others[0],
                "groups",
                group,
                f"hosts that become a {role} are put in this group, and this one does not",
                "give the group another name",
            )
    if "lab_nodes" in groups and "lab_controllers" not in groups:
        problems.add(
            SITE,
            "groups",
            "lab_nodes",
            "is the lab's own group, whose hosts are made as containers",
            "give the group another name",
        )
