# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Persistent taps over /dev/net/tun (linux/if_tun.h, Documentation/networking/tuntap.rst).

To set something of a tap, a process attaches to it and detaches again. Attaching also sets the flags, so
that they are always given as they shall be. Only one process can attach to a tap that has a single queue.
"""

from __future__ import annotations

import fcntl
import os
import platform
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from ansible_collections.ftfw.pair.plugins.module_utils.links.types import Device

TUN_DEVICE = "/dev/net/tun"

IFF_TAP = 0x0002
IFF_MULTI_QUEUE = 0x0100
IFF_NO_PI = 0x1000
IFF_VNET_HDR = 0x4000
IFF_TUN_EXCL = 0x8000

# _IOW('T', NUMBER, int); a few architectures have other direction bits (asm/ioctl.h)
_IOW = 0x8004_5400 if platform.machine().startswith(("alpha", "mips", "ppc", "sparc")) else 0x4004_5400
TUNSETIFF = _IOW | 202
TUNSETPERSIST = _IOW | 203
TUNSETOWNER = _IOW | 204
TUNSETGROUP = _IOW | 206


def set_tap(tap: Device, *, create: bool = False, persist: bool = True, changed: str | None = None) -> None:
    """Create a tap, let it go with `persist=False`, or set the one setting that is named by `changed`.

    Raises OSError, with EBUSY if somebody holds the tap or a device to create exists.
    """
    with attached(tap, create=create) as descriptor:
        for key, request in (("owner", TUNSETOWNER), ("group", TUNSETGROUP)):
            value = tap.settings[key]
            if isinstance(value, int) and (create or changed == key):
                fcntl.ioctl(descriptor, request, value)
        if create or not persist:
            fcntl.ioctl(descriptor, TUNSETPERSIST, int(persist))


@contextmanager
def attached(tap: Device, *, create: bool = False) -> Iterator[int]:
    flags = IFF_TAP
    for key, flag in (("multi_queue", IFF_MULTI_QUEUE), ("vnet_hdr", IFF_VNET_HDR)):
        flags |= flag if tap.settings[key] else 0
    flags |= 0 if tap.settings["pi"] else IFF_NO_PI
    flags |= IFF_TUN_EXCL if create else 0
    # struct ifreq: the name, then a union of which the flags are the first two bytes
    request = struct.pack("16sH22x", tap.name.encode(), flags)
    descriptor = os.open(TUN_DEVICE, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.ioctl(descriptor, TUNSETIFF, request)
        yield descriptor
    finally:
        os.close(descriptor)
