# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `conntrack_sync` changes on one node, planned without any I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Union

# the daemon's option for each direction of a resync
RESYNC_OPTIONS = {"request": "-n", "send": "-B", "kernel": "-R"}


class PlanError(Exception):
    """What is wanted can't be had from this daemon."""


@dataclass(frozen=True)
class Caches:
    """How many flows the caches hold, and how many of the external one are not in the kernel's table.

    A kind is `cache`, or what the daemon has instead when that cache is turned off: `bypass` or `inject`.
    """

    internal: int
    external: int
    uncommitted: int = 0
    internal_kind: str = "cache"
    external_kind: str = "cache"


@dataclass(frozen=True)
class Commit:
    flows: int

    def __str__(self) -> str:
        return f"commit the external cache, {self.flows} of its flows are not in the kernel's table"


@dataclass(frozen=True)
class Resync:
    direction: str

    def __str__(self) -> str:
        return {
            "request": "request all flows from the peer",
            "send": "send all flows to the peer",
            "kernel": "read the internal cache anew from the kernel's table",
        }[self.direction]


@dataclass(frozen=True)
class Flush:
    cache: str
    flows: int

    def __str__(self) -> str:
        return f"flush {self.flows} flows from the {self.cache} cache"


CacheChange = Union[Commit, Resync, Flush]


def plan_committed(caches: Caches) -> list[CacheChange]:
    """Nothing to do where the kernel has all flows: a commit would replace its entries with older ones."""
    return [Commit(caches.uncommitted)] if caches.uncommitted else []


def plan_resynced(direction: str, mode: str, caches: Caches) -> list[CacheChange]:
    if direction == "request" and mode == "ALARM":
        raise PlanError("a resync can't be requested in mode ALARM, it repeats all flows by itself")
    if direction == "kernel" and caches.internal_kind != "cache":
        raise PlanError("there is no internal cache to resync, the configuration turns it off")
    return [Resync(direction)]


def plan_flushed(wanted: Sequence[str], caches: Caches) -> list[CacheChange]:
    changes: list[CacheChange] = []
    if "internal" in wanted:
        # without the cache, the daemon flushes the kernel's table instead, and with it every flow
        if caches.internal_kind != "cache":
            raise PlanError("there is no internal cache to flush, the configuration turns it off")
        if caches.internal:
            changes.append(Flush("internal", caches.internal))
    if "external" in wanted and caches.external:
        changes.append(Flush("external", caches.external))
    return changes


def fold(caches: Caches, changes: Sequence[CacheChange]) -> Caches:
    """The caches after `changes`. What a resync brings is not known before."""
    for change in changes:
        if isinstance(change, Commit):
            caches = replace(caches, uncommitted=0)
        elif isinstance(change, Flush) and change.cache == "external":
            caches = replace(caches, external=0, uncommitted=0)
        elif isinstance(change, Flush):
            caches = replace(caches, internal=0)
    return caches


def shown(caches: Caches) -> dict[str, int]:
    """The part of a diff."""
    return {"internal": caches.internal, "external": caches.external, "uncommitted": caches.uncommitted}
