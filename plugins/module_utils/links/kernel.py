# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bridges and taps in the kernel: reads devices, and applies the changes that the planners ask for.

Works with pyroute2 0.7.2 and later.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, cast

from ansible_collections.ftfw.pair.plugins.module_utils.links.tun import set_tap
from ansible_collections.ftfw.pair.plugins.module_utils.links.types import (
    AddAddress,
    Create,
    Delete,
    Device,
    LinkChange,
    RemoveAddress,
    SettingValue,
    SetValue,
    Vlan,
    differences,
)

try:
    from pyroute2 import IPRoute, netns
    from pyroute2.netlink.exceptions import NetlinkError

    PYROUTE2_IMPORT_ERROR = None
except ImportError:
    PYROUTE2_IMPORT_ERROR = traceback.format_exc()

# linux/if_bridge.h
VLAN_PVID = 1 << 1
VLAN_UNTAGGED = 1 << 2

# linux/if_addr.h
IFA_F_NODAD = 0x02

# linux/if_tun.h, as IFLA_TUN_TYPE tells it
TYPE_TAP = 2

# option: netlink attribute, and units of the kernel in one of ours (USER_HZ is 100 everywhere)
BRIDGE_ATTRIBUTES = {
    "stp": ("br_stp_state", 1),
    "ageing_time": ("br_ageing_time", 100),
    "forward_delay": ("br_forward_delay", 100),
    "multicast_snooping": ("br_mcast_snooping", 1),
    "vlan_filtering": ("br_vlan_filtering", 1),
}
BRIDGE_FLAGS = ("stp", "multicast_snooping", "vlan_filtering")


class KernelError(Exception):
    """The kernel's devices can't be reached: no such namespace, no permission to enter it."""


class Kernel:
    """The devices of one network namespace, the process's own unless a name is given.

    The process itself moves there until `__exit__`, because /dev/net/tun serves the namespace of who opens
    it.
    """

    def __init__(self, namespace: str | None = None) -> None:
        self._namespace = namespace
        self._home = -1

    def __enter__(self) -> Kernel:
        if self._namespace is not None:
            _check_namespace(self._namespace)
            self._home = os.open("/proc/self/ns/net", os.O_RDONLY)
            try:
                netns.setns(self._namespace, flags=0)
            except OSError as error:
                os.close(self._home)
                raise KernelError(f"netns {self._namespace}: cannot enter it: {error}") from error
        self._ip = IPRoute()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ip.close()
        if self._home >= 0:
            netns.setns(self._home, flags=0)
            os.close(self._home)

    def read(self) -> dict[str, Device]:
        links = list(self._ip.get_links())
        names = {link["index"]: link.get_attr("IFLA_IFNAME") for link in links}
        addresses = self._addresses()
        devices = {}
        for link in links:
            device = _device(link, names, tuple(sorted(addresses.get(link["index"], ()))))
            devices[device.name] = device
        for device in list(devices.values()):
            if device.settings.get("vlan_filtering"):
                devices[device.name] = device.with_value("vlans", self._vlans(self._index(device.name)))
        return devices

    def apply(self, change: LinkChange) -> None:
        """Raises OSError when the kernel refuses."""
        with _as_os_error():
            if isinstance(change, Create):
                self._create(change.device)
            elif isinstance(change, Delete):
                self._delete(change.device)
            elif isinstance(change, SetValue):
                self._set(change)
            elif isinstance(change, AddAddress):
                self._add_address(change.name, change.address)
            else:
                self._remove_address(change)

    def _create(self, device: Device) -> None:
        """Make a whole device, or nothing."""
        if device.kind == "tap":
            set_tap(device, create=True)
        else:
            # with its MAC from the start, so that udev's policy for new devices leaves it alone
            mac = {"address": device.mac} if device.mac else {}
            self._ip.link("add", ifname=device.name, kind=device.kind, **mac)
        try:
            self._complete(device)
        except Exception:
            self._ip.link("del", index=self._index(device.name))
            raise

    def _complete(self, device: Device) -> None:
        current = self.read()[device.name]
        wanted: dict[str, SettingValue] = {**device.settings, "mac": device.mac, "mtu": device.mtu}
        if not device.settings.get("vlan_filtering"):
            wanted.pop("vlans", None)
        wanted.update(master=device.master, isolated=device.isolated or None, up=device.up)
        for change in differences(current, wanted):
            self.apply(change)
        for address in device.addresses:
            if address not in self.read()[device.name].addresses:
                self._add_address(device.name, address)

    def _delete(self, device: Device) -> None:
        if device.kind == "tap":
            # not by netlink, which would take it from under a process that holds it
            set_tap(device, persist=False)
        else:
            self._ip.link("del", index=self._index(device.name))

    def _set(self, change: SetValue) -> None:
        index, key, value = self._index(change.name), change.key, change.after
        if key == "mtu":
            self._ip.link("set", index=index, mtu=value)
        elif key == "mac":
            self._ip.link("set", index=index, address=value)
        elif key == "up":
            self._set_up(change.name, bool(value))
        elif key == "master":
            self._ip.link("set", index=index, master=self._index(str(value)) if value else 0)
        elif key == "isolated":
            self._ip.brport("set", index=index, isolated=int(bool(value)))
        elif key == "vlans":
            self._set_vlans(index, cast("tuple[Vlan, ...]", value))
        elif key in BRIDGE_ATTRIBUTES:
            name, units = BRIDGE_ATTRIBUTES[key]
            number = round(cast(float, value) * units)
            self._ip.link("set", index=index, kind="bridge", **{name: number})
        else:
            device = self.read()[change.name]
            set_tap(device.with_value(key, value), changed=key)

    def _set_up(self, name: str, up: bool) -> None:
        if up:
            self._ip.link("set", index=self._index(name), state="up")
            return
        with self._addresses_kept(name):
            self._ip.link("set", index=self._index(name), state="down")

    def _set_vlans(self, index: int, wanted: tuple[Vlan, ...]) -> None:
        current = self._vlans(index)
        for vlan in set(current) - set(wanted):
            self._vlan("del", index, vlan.vid, 0)
        for vlan in set(wanted) - set(current):
            flags = (VLAN_PVID if vlan.pvid else 0) | (VLAN_UNTAGGED if vlan.untagged else 0)
            self._vlan("add", index, vlan.vid, flags)

    def _vlan(self, command: str, index: int, vid: int, flags: int) -> None:
        self._ip.vlan_filter(command, index=index, vlan_flags="self", vlan_info={"vid": vid, "flags": flags})

    def _vlans(self, index: int) -> tuple[Vlan, ...]:
        found = []
        for link in self._ip.get_vlans():
            spec = link.get_attr("IFLA_AF_SPEC") if link["index"] == index else None
            for info in spec.get_attrs("IFLA_BRIDGE_VLAN_INFO") if spec is not None else ():
                flags = info["flags"]
                found.append(Vlan(info["vid"], bool(flags & VLAN_PVID), bool(flags & VLAN_UNTAGGED)))
        return tuple(sorted(found))

    def _add_address(self, name: str, address: str) -> None:
        parsed = ipaddress.ip_interface(address)
        options: dict[str, Any] = {"address": str(parsed.ip), "prefixlen": parsed.network.prefixlen}
        if parsed.version == 4 and parsed.network.prefixlen < 31:
            options["broadcast"] = str(parsed.network.broadcast_address)
        if parsed.version == 6:
            # on a bridge without a carrier it would stay tentative
            options["flags"] = IFA_F_NODAD
        self._ip.addr("add", index=self._index(name), **options)

    def _remove_address(self, change: RemoveAddress) -> None:
        parsed = ipaddress.ip_interface(change.address)
        with self._addresses_kept(change.name, but=change.address):
            index, length = self._index(change.name), parsed.network.prefixlen
            self._ip.addr("del", index=index, address=str(parsed.ip), prefixlen=length)

    @contextmanager
    def _addresses_kept(self, name: str, but: str | None = None) -> Iterator[None]:
        """Put back what the kernel drops too: secondaries with a primary, IPv6 when a device goes down."""
        before = self.read()[name].addresses
        yield
        after = self.read()[name].addresses
        for address in before:
            if address not in (but, *after) and not ipaddress.ip_interface(address).is_link_local:
                self._add_address(name, address)

    def _addresses(self) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        for message in list(self._ip.get_addr()):
            # with a peer, IFA_ADDRESS is the peer's and IFA_LOCAL our own
            own = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
            address = str(ipaddress.ip_interface(f"{own}/{message['prefixlen']}"))
            found.setdefault(message["index"], []).append(address)
        return found

    def _index(self, name: str) -> int:
        for index in list(self._ip.link_lookup(ifname=name)):
            return int(index)
        raise OSError(errno.ENODEV, "no such device", name)


def _check_namespace(name: str) -> None:
    # pyroute2 would take a path as well, and ip-netns(8) says that a name is one in iproute2's folder
    if "/" in name or name not in netns.listnetns():
        raise KernelError(f"netns {name}: no such network namespace")


def _device(link: Any, names: dict[int, str], addresses: tuple[str, ...]) -> Device:
    info = link.get_attr("IFLA_LINKINFO")
    kind = (info.get_attr("IFLA_INFO_KIND") if info is not None else None) or "device"
    data = info.get_attr("IFLA_INFO_DATA") if info is not None else None
    settings: dict[str, SettingValue] = {}
    held = False
    if kind == "bridge" and data is not None:
        settings = _bridge_settings(data)
    elif kind == "tun" and data is not None:
        kind = "tap" if data.get_attr("IFLA_TUN_TYPE") == TYPE_TAP else "tun"
        settings = _tun_settings(data)
        # a queue gives carrier to a tap; only one with several queues tells their number
        held = bool(
            link.get_attr("IFLA_CARRIER")
            or data.get_attr("IFLA_TUN_NUM_QUEUES")
            or data.get_attr("IFLA_TUN_NUM_DISABLED_QUEUES")
        )
    return Device(
        name=link.get_attr("IFLA_IFNAME"),
        kind=kind,
        mac=link.get_attr("IFLA_ADDRESS"),
        mtu=link.get_attr("IFLA_MTU"),
        up=bool(link["flags"] & 1),
        master=names.get(link.get_attr("IFLA_MASTER") or 0),
        isolated=_isolated(info),
        addresses=addresses,
        settings=settings,
        held=held,
    )


def _isolated(info: Any) -> bool:
    if info is None or info.get_attr("IFLA_INFO_SLAVE_KIND") != "bridge":
        return False
    port = info.get_attr("IFLA_INFO_SLAVE_DATA")
    return bool(port is not None and port.get_attr("IFLA_BRPORT_ISOLATED"))


def _bridge_settings(data: Any) -> dict[str, SettingValue]:
    settings: dict[str, SettingValue] = {"vlans": ()}
    for key, (name, units) in BRIDGE_ATTRIBUTES.items():
        value = data.get_attr(f"IFLA_{name.upper()}")
        if key in BRIDGE_FLAGS:
            settings[key] = bool(value)
        else:
            settings[key] = value // units if value % units == 0 else value / units
    return settings


def _tun_settings(data: Any) -> dict[str, SettingValue]:
    settings: dict[str, SettingValue] = {
        key: bool(data.get_attr(f"IFLA_TUN_{key.upper()}"))
        for key in ("multi_queue", "vnet_hdr", "pi", "persist")
    }
    for key in ("owner", "group"):
        settings[key] = data.get_attr(f"IFLA_TUN_{key.upper()}")
    return settings


@contextmanager
def _as_os_error() -> Iterator[None]:
    try:
        yield
    except NetlinkError as error:
        raise OSError(error.code, os.strerror(error.code)) from error
