# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applies changes in order, and undoes them when one fails."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from ansible_collections.ftfw.pair.plugins.module_utils.links.types import (
    Devices,
    LinkChange,
    SetValue,
    describe,
    fold,
    inverse,
    missing,
    rendered,
)


class Applier(Protocol):
    def apply(self, change: LinkChange) -> None: ...


class MissingError(Exception):
    """The changes rely on what nobody has made. Nothing was changed."""


class ApplyError(Exception):
    """A change was refused. Those before it were undone in reverse, except for the ones in `left`."""

    def __init__(
        self, change: LinkChange, cause: OSError, undone: Sequence[LinkChange], left: Sequence[LinkChange]
    ) -> None:
        self.change = change
        self.cause = cause
        self.undone = list(undone)
        self.left = list(left)
        parts = [f"{change.subject}: cannot {change.action}: {reason(change, cause)}"]
        if undone:
            many = len(undone) > 1
            parts.append(f"{len(undone)} change{'s' * many} before it {'were' if many else 'was'} undone")
        if left:
            parts.append("these are left, since they could not be undone: " + ", ".join(map(describe, left)))
        super().__init__("; ".join(parts))


def apply_all(kernel: Applier, changes: Sequence[LinkChange], before: Devices) -> None:
    """Make all the changes or none."""
    absent = missing(changes, before)
    if absent:
        raise MissingError("; ".join(absent))
    done: list[LinkChange] = []
    for change in changes:
        try:
            kernel.apply(change)
        except OSError as error:
            undone, left = _undo(kernel, done)
            raise ApplyError(change, error, undone, left) from error
        done.append(change)


def _undo(kernel: Applier, done: Sequence[LinkChange]) -> tuple[list[LinkChange], list[LinkChange]]:
    undone: list[LinkChange] = []
    left: list[LinkChange] = []
    for change in reversed(done):
        back = inverse(change)
        try:
            if back is not None:
                kernel.apply(back)
        except OSError:
            back = None
        (left if back is None else undone).append(change)
    return undone, left


def reason(change: LinkChange, error: OSError) -> str:
    """Why the kernel refused, in words that tell what to do about it."""
    if error.errno in (errno.EPERM, errno.EACCES):
        return f"{os.strerror(error.errno)} (root or CAP_NET_ADMIN is needed)"
    key = change.key if isinstance(change, SetValue) else None
    if error.errno == errno.EOPNOTSUPP and key in ("vlan_filtering", "vlans"):
        return "this kernel has no VLAN filtering (CONFIG_BRIDGE_VLAN_FILTERING)"
    if error.errno == errno.EBUSY:
        return "a running process holds it, or a device of this name has just been made"
    if error.errno in (errno.ENOENT, errno.ENXIO) and error.filename:
        return f"{error.filename}: {error.strerror} (kernel module tun)"
    return error.strerror or str(error)


def result(changes: Sequence[LinkChange], before: Devices, names: Iterable[str]) -> Mapping[str, Any]:
    """What a module returns: `changed`, the changes in words, and the diff of the named devices."""
    named = list(names)
    # ports are in the diff too, because membership is a property of theirs
    for change in changes:
        if isinstance(change, SetValue):
            named.append(change.name)
    after = fold(before, changes)
    return {
        "changed": bool(changes),
        "changes": [describe(change) for change in changes],
        "diff": {"before": rendered(before, named), "after": rendered(after, named)},
        "devices": rendered(after, named),
    }
