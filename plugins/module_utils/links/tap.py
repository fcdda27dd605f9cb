# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the taps that are wanted and the devices that are there to an ordered list of changes. No I/O.

A tap is held while a process has it open, which is what a running VM does. A held tap's membership, MTU and
link state can change under it. Its owner and its flags can't, and to delete it would take it from under the
VM.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.links.types import (
    Create,
    Delete,
    Device,
    Devices,
    LinkChange,
    LinkError,
    SettingValue,
    SetValue,
    check_kind,
    check_mtu,
    check_name,
    check_unique,
    differences,
    fold,
)

KIND = "tap"

# what TUNSETIFF gives a new tap that asks for nothing; without pi, since no hypervisor wants the four bytes
NEW_TAP: dict[str, SettingValue] = {
    "owner": None,
    "group": None,
    "multi_queue": False,
    "vnet_hdr": False,
    "pi": False,
    "persist": True,
}

# what only a process that has the tap open can set
HOLDERS_SETTINGS = ("owner", "group", "vnet_hdr")

Lookup = Callable[[str], "int | None"]


@dataclass(frozen=True)
class WantedTap:
    """A tap as it is wanted. None stands for 'leave it alone', an empty `bridge` for 'in none'.

    An owner or a group that is still text is one that nobody knows.
    """

    name: str
    present: bool = True
    up: bool | None = True
    mtu: int | None = None
    bridge: str | None = None
    isolated: bool | None = None
    settings: Mapping[str, SettingValue] = field(default_factory=dict)


def parse(items: Sequence[Mapping[str, Any]], uid: Lookup, gid: Lookup) -> list[WantedTap]:
    """The module's option, checked; raises LinkError for what no kernel would take.

    `uid` and `gid` turn a name into a number, or into None if nobody has that name.
    """
    for item in items:
        check_name(KIND, item["name"])
    check_unique(KIND, [item["name"] for item in items])
    return [_parse(item, uid, gid) for item in items]


def _parse(item: Mapping[str, Any], uid: Lookup, gid: Lookup) -> WantedTap:
    name = item["name"]
    if item["bridge"]:
        check_name(KIND, item["bridge"])
    settings: dict[str, SettingValue] = {}
    for key, lookup in (("owner", uid), ("group", gid)):
        if item[key] is not None:
            settings[key] = _number(name, key, item[key], lookup)
    for key in ("multi_queue", "vnet_hdr"):
        if item[key] is not None:
            settings[key] = item[key]
    return WantedTap(
        name=name,
        present=item["state"] == "present",
        up=item["up"],
        mtu=check_mtu(KIND, name, item["mtu"]),
        bridge=item["bridge"],
        isolated=item["isolated"],
        settings=settings,
    )


def _number(name: str, key: str, text: str, lookup: Lookup) -> int | str:
    if not text:
        raise LinkError(KIND, name, f"{key} is empty; leave it out where it doesn't matter")
    if text.isdigit():
        # the highest number is the kernel's 'nobody'
        if int(text) >= 2**32 - 1:
            raise LinkError(KIND, name, f"{key} {text}: too large")
        return int(text)
    number = lookup(text)
    return text if number is None else number


def plan(desired: Sequence[WantedTap], devices: Devices) -> list[LinkChange]:
    """What makes the devices as desired.

    Taps go away before others come. Within a tap the flags come first, because they may need a new device,
    and it goes up last, when it is what it should be; one that goes down does that first.
    """
    changes: list[LinkChange] = []
    for tap in desired:
        current = check_kind(KIND, tap.name, devices)
        if not tap.present and current is not None:
            _check_free(current, "be deleted")
            changes.append(Delete(current))
    for tap in desired:
        if tap.present:
            changes += _made(tap, fold(devices, changes))
    return changes


def _made(tap: WantedTap, devices: Devices) -> list[LinkChange]:
    current = devices.get(tap.name)
    changes: list[LinkChange] = []
    if current is None:
        current = _new(tap)
        changes.append(Create(current))
    elif not current.settings["persist"]:
        raise LinkError(
            KIND, tap.name, "a running process made it for itself, and takes it away when it ends"
        )
    elif tap.settings.get("multi_queue") not in (None, current.settings["multi_queue"]):
        _check_free(current, "be made anew with other queues")
        changes.append(Delete(current))
        current = replace(current, settings={**current.settings, **tap.settings})
        changes.append(Create(current))
    for change in differences(current, {key: tap.settings.get(key) for key in HOLDERS_SETTINGS}):
        _check_free(current, change.action.split(" (", maxsplit=1)[0])
        changes.append(change)
    if tap.up is False:
        changes += differences(current, {"up": False})
    changes += differences(current, {"mtu": tap.mtu})
    changes += _membership(tap, current)
    if tap.up:
        changes += differences(current, {"up": True})
    return changes


def _new(tap: WantedTap) -> Device:
    return Device(tap.name, KIND, settings={**NEW_TAP, **tap.settings})


def _membership(tap: WantedTap, current: Device) -> list[LinkChange]:
    changes: list[LinkChange] = []
    if tap.bridge is not None and (tap.bridge or None) != current.master:
        changes += _moved(tap, current)
        current = current.with_value("master", tap.bridge or None)
    if tap.isolated and current.master is None:
        raise LinkError(KIND, tap.name, "isolated is a flag of a bridge's port, and it is in no bridge")
    if current.master is not None:
        changes += differences(current, {"isolated": tap.isolated})
    return changes


def _moved(tap: WantedTap, current: Device) -> list[LinkChange]:
    # said before the port leaves, so that undoing it in reverse finds the port in its old bridge
    lost = differences(current, {"isolated": False})
    return [*lost, SetValue(current.name, current.kind, "master", current.master, tap.bridge or None)]


def _check_free(current: Device, action: str) -> None:
    if current.held:
        raise LinkError(KIND, current.name, f"cannot {action}: a running process holds it")
