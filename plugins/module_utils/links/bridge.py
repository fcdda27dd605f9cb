# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the bridges that are wanted and the devices that are there to an ordered list of changes. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.links.types import (
    AddAddress,
    Create,
    Delete,
    Device,
    Devices,
    LinkChange,
    LinkError,
    RemoveAddress,
    SettingValue,
    SetValue,
    Vlan,
    canonical_address,
    canonical_mac,
    check_kind,
    check_mtu,
    check_name,
    check_unique,
    differences,
    fold,
    is_link_local,
)

KIND = "bridge"

# what the kernel gives a new bridge (br_dev_setup in net/bridge/br_device.c)
NEW_BRIDGE: dict[str, SettingValue] = {
    "stp": False,
    "ageing_time": 300,
    "forward_delay": 15,
    "multicast_snooping": True,
    "vlan_filtering": False,
    "vlans": (Vlan(1, pvid=True, untagged=True),),
}

# IEEE 802.1D-1998 8.10.2; the kernel has no limits while STP is off
STP_FORWARD_DELAY = range(2, 31)


@dataclass(frozen=True)
class WantedBridge:
    """A bridge as it is wanted. None stands for 'leave it alone', an empty tuple for 'none'."""

    name: str
    present: bool = True
    up: bool | None = True
    mac: str | None = None
    mtu: int | None = None
    addresses: tuple[str, ...] | None = None
    ports: tuple[str, ...] | None = None
    purge_ports: bool = False
    settings: Mapping[str, SettingValue] = field(default_factory=dict)


def parse(items: Sequence[Mapping[str, Any]]) -> list[WantedBridge]:
    """The module's option, checked; raises LinkError for what no kernel would take."""
    for item in items:
        check_name(KIND, item["name"])
    check_unique(KIND, [item["name"] for item in items])
    return [_parse(item) for item in items]


def _parse(item: Mapping[str, Any]) -> WantedBridge:
    name = item["name"]
    addresses, ports = item["addresses"], item["ports"]
    for port in ports or ():
        check_name(KIND, port)
    settings = {key: item[key] for key in NEW_BRIDGE if item[key] is not None}
    if "vlans" in settings:
        settings["vlans"] = _vlans(name, item["vlans"])
    for key in ("ageing_time", "forward_delay"):
        if settings.get(key, 0) < 0:
            raise LinkError(KIND, name, f"{key} {settings[key]}: less than 0")
    return WantedBridge(
        name=name,
        present=item["state"] == "present",
        up=item["up"],
        mac=canonical_mac(KIND, name, item["mac"]),
        mtu=check_mtu(KIND, name, item["mtu"]),
        addresses=None if addresses is None else tuple(canonical_address(KIND, name, a) for a in addresses),
        ports=None if ports is None else tuple(ports),
        purge_ports=item["purge_ports"],
        settings=settings,
    )


def _vlans(name: str, items: Sequence[Mapping[str, Any]]) -> tuple[Vlan, ...]:
    vlans = tuple(sorted(Vlan(v["vid"], v["pvid"], v["untagged"]) for v in items))
    for vlan in vlans:
        if not 1 <= vlan.vid <= 4094:
            raise LinkError(KIND, name, f"vid {vlan.vid}: not between 1 and 4094")
    vids = [vlan.vid for vlan in vlans]
    if len(set(vids)) < len(vids):
        raise LinkError(KIND, name, "a VLAN is listed twice")
    if sum(vlan.pvid for vlan in vlans) > 1:
        raise LinkError(KIND, name, "more than one VLAN is the pvid")
    return vlans


def plan(desired: Sequence[WantedBridge], devices: Devices) -> list[LinkChange]:
    """What makes the devices as desired.

    Ports are released before any bridge takes one, so that one task can move a port. Within a bridge
    everything that decides what it forwards comes before the first port, and the ports before the bridge
    goes up; one that goes down does that first.
    """
    changes: list[LinkChange] = []
    for bridge in desired:
        check_kind(KIND, bridge.name, devices)
        changes += _released(bridge, devices)
    for bridge in desired:
        if not bridge.present and bridge.name in devices:
            changes.append(Delete(fold(devices, changes)[bridge.name]))
    for bridge in desired:
        if bridge.present:
            changes += _made(bridge, fold(devices, changes))
    return changes


def _released(bridge: WantedBridge, devices: Devices) -> list[LinkChange]:
    """Ports that are given up: all of a bridge that goes away, the unlisted ones where that is asked for."""
    if not bridge.present:
        keep: tuple[str, ...] = ()
    elif bridge.purge_ports and bridge.ports is not None:
        keep = bridge.ports
    else:
        return []
    changes: list[LinkChange] = []
    for port in sorted(devices.values(), key=lambda device: device.name):
        if port.master == bridge.name and port.name not in keep:
            # said before the port is released, so that undoing it in reverse finds the port in the bridge
            changes += differences(port, {"isolated": False})
            changes.append(SetValue(port.name, port.kind, "master", bridge.name, None))
    return changes


def _made(bridge: WantedBridge, devices: Devices) -> list[LinkChange]:
    current = devices.get(bridge.name)
    changes: list[LinkChange] = []
    if current is None:
        current = Device(bridge.name, KIND, mac=bridge.mac, settings=NEW_BRIDGE)
        changes.append(Create(current))
    _check_settings(bridge, current)
    if bridge.up is False:
        changes += differences(current, {"up": False})
    changes += differences(current, {**_ordered(bridge.settings), "mac": bridge.mac, "mtu": bridge.mtu})
    changes += _addresses(bridge, current)
    changes += _added(bridge, devices)
    if bridge.up:
        changes += differences(current, {"up": True})
    return changes


def _check_settings(bridge: WantedBridge, current: Device) -> None:
    wanted = {**current.settings, **bridge.settings}
    delay = bridge.settings.get("forward_delay")
    if wanted["stp"] and delay is not None and delay not in STP_FORWARD_DELAY:
        raise LinkError(KIND, bridge.name, f"forward_delay {delay}: not between 2 and 30, as STP needs it")
    if "vlans" in bridge.settings and not wanted["vlan_filtering"]:
        raise LinkError(KIND, bridge.name, "vlans without vlan_filtering have no effect")


def _ordered(settings: Mapping[str, SettingValue]) -> dict[str, SettingValue]:
    """A short forward delay is taken only while STP is off; VLANs come after their filtering."""
    order = ["ageing_time", "forward_delay", "multicast_snooping", "vlan_filtering", "vlans"]
    order.insert(len(order) if settings.get("stp") else 0, "stp")
    return {key: settings[key] for key in order if key in settings}


def _addresses(bridge: WantedBridge, current: Device) -> list[LinkChange]:
    if bridge.addresses is None:
        return []
    removed = [a for a in current.addresses if a not in bridge.addresses and not is_link_local(a)]
    added = [a for a in dict.fromkeys(bridge.addresses) if a not in current.addresses]
    return [
        *(RemoveAddress(bridge.name, KIND, address) for address in removed),
        *(AddAddress(bridge.name, KIND, address) for address in added),
    ]


def _added(bridge: WantedBridge, devices: Devices) -> list[LinkChange]:
    changes: list[LinkChange] = []
    for name in dict.fromkeys(bridge.ports or ()):
        port = devices.get(name) or Device(name, "device")
        if name == bridge.name:
            raise LinkError(KIND, bridge.name, "cannot be a port of itself")
        if port.master not in (None, bridge.name):
            raise LinkError(KIND, bridge.name, f"cannot add port {name}: already a member of {port.master}")
        changes += differences(port, {"master": bridge.name})
    return changes
