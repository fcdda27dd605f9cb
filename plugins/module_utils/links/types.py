# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network devices and the changes to them, without any I/O.

A planner turns what is wanted and what is there into a list of changes. The kernel applies them, `fold`
predicts their outcome, and `inverse` says how each is undone.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple, Union

# IFNAMSIZ of linux/if.h is 16, with the final zero byte
NAME_BYTES = 15


class LinkError(Exception):
    """What is wanted of a device can't be had; `reason` says why, for a person."""

    def __init__(self, kind: str, name: str, reason: str) -> None:
        super().__init__(f"{kind} {name}: {reason}")
        self.kind = kind
        self.name = name
        self.reason = reason


class Vlan(NamedTuple):
    """A VLAN of a bridge itself, as `bridge vlan show` has it."""

    vid: int
    pvid: bool = False
    untagged: bool = False

    def __str__(self) -> str:
        return f"{self.vid}{' pvid' if self.pvid else ''}{' untagged' if self.untagged else ''}"


# owner and group that have a name but no number are kept as text
SettingValue = Union[bool, int, float, str, None, "tuple[Vlan, ...]"]


@dataclass(frozen=True)
class Device:
    """A device as the kernel has it. `settings` are those of its kind, `mac` is None while it is unknown."""

    name: str
    kind: str
    mac: str | None = None
    mtu: int = 1500
    up: bool = False
    master: str | None = None
    isolated: bool = False
    addresses: tuple[str, ...] = ()
    settings: Mapping[str, SettingValue] = field(default_factory=dict)
    held: bool = False

    def get(self, key: str) -> SettingValue:
        return getattr(self, key) if key in DEVICE_KEYS else self.settings.get(key)

    def with_value(self, key: str, value: SettingValue) -> Device:
        changed: dict[str, Any] = {"settings": {**self.settings, key: value}}
        if key == "master":
            # the kernel forgets a port's flags when it leaves its bridge
            changed = {"master": value, "isolated": False}
        elif key in DEVICE_KEYS:
            changed = {key: value}
        return replace(self, **changed)


DEVICE_KEYS = frozenset(f.name for f in fields(Device)) - {"name", "kind", "addresses", "settings", "held"}

Devices = Mapping[str, Device]


@dataclass(frozen=True)
class Create:
    device: Device

    subject = property(lambda self: f"{self.device.kind} {self.device.name}")
    action = "create"


@dataclass(frozen=True)
class Delete:
    device: Device

    subject = property(lambda self: f"{self.device.kind} {self.device.name}")
    action = "delete"


@dataclass(frozen=True)
class SetValue:
    """One value of a device that exists: an attribute of `Device`, or one of its settings."""

    name: str
    kind: str
    key: str
    before: SettingValue
    after: SettingValue

    @property
    def subject(self) -> str:
        if self.key == "master":
            return f"bridge {self.after or self.before}"
        return f"{self.kind} {self.name}"

    @property
    def action(self) -> str:
        if self.key == "master":
            if not self.after:
                return f"remove port {self.name}"
            return f"add port {self.name}" + (f", now of {self.before}" if self.before else "")
        if self.key == "up":
            return "bring up" if self.after else "bring down"
        return f"set {self.key} to {show(self.after)} (was {show(self.before)})"


@dataclass(frozen=True)
class AddAddress:
    name: str
    kind: str
    address: str

    subject = property(lambda self: f"{self.kind} {self.name}")
    action = property(lambda self: f"add address {self.address}")


@dataclass(frozen=True)
class RemoveAddress:
    name: str
    kind: str
    address: str

    subject = property(lambda self: f"{self.kind} {self.name}")
    action = property(lambda self: f"remove address {self.address}")


LinkChange = Union[Create, Delete, SetValue, AddAddress, RemoveAddress]


def describe(change: LinkChange) -> str:
    return f"{change.subject}: {change.action}"


def show(value: SettingValue) -> str:
    """A value in words."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def inverse(change: LinkChange) -> LinkChange | None:
    """What undoes a change, or None if the kernel offers no way back."""
    if isinstance(change, Create):
        return Delete(change.device)
    if isinstance(change, Delete):
        return Create(change.device)
    if isinstance(change, AddAddress):
        return RemoveAddress(change.name, change.kind, change.address)
    if isinstance(change, RemoveAddress):
        return AddAddress(change.name, change.kind, change.address)
    if change.key in ("owner", "group") and change.before is None:
        return None
    return replace(change, before=change.after, after=change.before)


def fold(devices: Devices, changes: Iterable[LinkChange]) -> dict[str, Device]:
    """The devices as they are after the changes."""
    after = dict(devices)
    for change in changes:
        if isinstance(change, Create):
            after[change.device.name] = change.device
        elif isinstance(change, Delete):
            del after[change.device.name]
            for port in [d for d in after.values() if d.master == change.device.name]:
                after[port.name] = port.with_value("master", None)
        elif change.name not in after:
            # found by `missing`: in check mode the device may be one that an earlier task would make
            continue
        elif isinstance(change, SetValue):
            after[change.name] = after[change.name].with_value(change.key, change.after)
        else:
            device = after[change.name]
            kept = [a for a in device.addresses if a != change.address]
            added = [change.address] if isinstance(change, AddAddress) else []
            after[change.name] = replace(device, addresses=tuple(sorted(kept + added)))
    return after


def missing(changes: Sequence[LinkChange], devices: Devices) -> list[str]:
    """What the changes rely on and nobody has made: devices, users, groups. One line each."""
    found = []
    present = set(devices)
    for change in changes:
        if isinstance(change, Create):
            present.add(change.device.name)
            found += _strangers(change, change.device.settings)
        elif isinstance(change, Delete):
            present.discard(change.device.name)
        elif isinstance(change, SetValue):
            found += _strangers(change, {change.key: change.after})
            found += [
                f"{change.subject}: cannot {change.action}: no such device: {name}"
                for name in (change.name, change.after if change.key == "master" else None)
                if name is not None and name not in present
            ]
    return found


def _strangers(change: LinkChange, settings: Mapping[str, SettingValue]) -> list[str]:
    return [
        f"{change.subject}: no such {word}: {settings[key]}"
        for key, word in (("owner", "user"), ("group", "group"))
        if isinstance(settings.get(key), str)
    ]


def rendered(devices: Devices, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The named devices that are there, as plain data for diffs and return values."""
    return {name: _plain(devices[name]) for name in sorted(set(names)) if name in devices}


def _plain(device: Device) -> dict[str, Any]:
    values: dict[str, Any] = {"kind": device.kind, "addresses": list(device.addresses)}
    values.update((key, device.get(key)) for key in sorted(DEVICE_KEYS))
    values.update(device.settings)
    if "vlans" in values:
        values["vlans"] = [v._asdict() for v in values["vlans"]] if values["vlan_filtering"] else []
    return values


def check_name(kind: str, name: str) -> None:
    """Raise LinkError for a name that the kernel would not take (dev_valid_name in net/core/dev.c)."""
    size = len(name.encode())
    if size > NAME_BYTES:
        raise LinkError(kind, name, f"the name has {size} bytes, and the kernel takes {NAME_BYTES} at most")
    if name in ("", ".", "..") or re.search(r"[\s/:]", name):
        raise LinkError(kind, name, "not a name that a device can have")


def check_unique(kind: str, names: Sequence[str]) -> None:
    for index, name in enumerate(names):
        if name in names[:index]:
            raise LinkError(kind, name, "listed twice")


def check_kind(kind: str, name: str, devices: Devices) -> Device | None:
    """The device of that name, or None. One of another kind is somebody else's, and is never touched."""
    device = devices.get(name)
    if device is not None and device.kind != kind:
        raise LinkError(kind, name, f"a device of this name exists, and its kind is {device.kind}")
    return device


def check_mtu(kind: str, name: str, mtu: int | None) -> int | None:
    if mtu is not None and not 68 <= mtu <= 65535:
        raise LinkError(kind, name, f"mtu {mtu}: not between 68 and 65535")
    return mtu


def canonical_mac(kind: str, name: str, mac: str | None) -> str | None:
    """The MAC in the kernel's spelling."""
    if mac is None:
        return None
    if not re.fullmatch(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}", mac):
        raise LinkError(kind, name, f"mac {mac}: not six pairs of hexadecimal digits with colons")
    if int(mac[:2], 16) & 1 or mac == "00:00:00:00:00:00":
        raise LinkError(kind, name, f"mac {mac}: not the address of one station")
    return mac.lower()


def canonical_address(kind: str, name: str, address: str) -> str:
    """The address with its prefix length, in the kernel's spelling."""
    if "/" not in address:
        raise LinkError(kind, name, f"address {address}: has no prefix length")
    try:
        return str(ipaddress.ip_interface(address))
    except ValueError as error:
        raise LinkError(kind, name, f"address {address}: {error}") from error


def is_link_local(address: str) -> bool:
    """IPv6 addresses that the kernel makes by itself, one per device."""
    parsed = ipaddress.ip_interface(address)
    return parsed.version == 6 and parsed.ip.is_link_local


def differences(device: Device, wanted: Mapping[str, SettingValue]) -> list[LinkChange]:
    """The values that differ, in the order in which they are wanted; None stands for 'leave it alone'."""
    return [
        SetValue(device.name, device.kind, key, device.get(key), value)
        for key, value in wanted.items()
        if value is not None and device.get(key) != value
    ]
