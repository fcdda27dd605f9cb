# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Maps and sets of a ruleset that say who answers, as nft's words, and as the kernel has them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.nft.names import FAMILY

MAP, GONE, LAST = "balancer.{}", "balancer.{}.gone", "balancer.{}.last"
"""Names of a balancer's maps and set, by its own name. No name that a site gives has a dot."""


def slots_map(name: str) -> str:
    return MAP.format(name)


def gone_set(name: str) -> str:
    return GONE.format(name)


def last_map(name: str) -> str:
    return LAST.format(name)


def flush_map(table: str, name: str) -> str:
    return f"flush map {FAMILY} {table} {name}\n"


def elements(addresses: Sequence[str]) -> list[str]:
    """The elements of a map: each slot's number, with the address that it leads to."""
    return [f"{slot} : {address}" for slot, address in enumerate(addresses)]


def cover(addresses: Sequence[str], slots: int) -> list[str]:
    """Let them take turns in so many slots at least.

    While a site changes, the rules of the one list of servers may be there with the program of the other one.
    """
    count = max(len(addresses), slots)
    return [addresses[slot % len(addresses)] for slot in range(count)] if addresses else []


def replace_map(table: str, name: str, addresses: Sequence[str]) -> str:
    """Let others answer. What nft is given at once is there at once, or not at all."""
    return _replace("map", table, name, elements(addresses))


def replace_set(table: str, name: str, addresses: Iterable[str]) -> str:
    return _replace("set", table, name, sorted(addresses))


def _replace(kind: str, table: str, name: str, items: Sequence[str]) -> str:
    flush = f"flush {kind} {FAMILY} {table} {name}\n"
    return flush + (f"add element {FAMILY} {table} {name} {{ {', '.join(items)} }}\n" if items else "")


def read_map(listing: str) -> list[str]:
    """The address in each slot, of what `nft --json list map` prints. Raises ValueError or KeyError."""
    found = {int(_plain(slot)): str(_plain(address)) for slot, address in _elements(listing, "map")}
    return [found[slot] for slot in sorted(found)]


def read_set(listing: str) -> frozenset[str]:
    return frozenset(str(_plain(one)) for one in _elements(listing, "set"))


def _elements(listing: str, kind: str) -> list[Any]:
    for one in json.loads(listing)["nftables"]:
        if kind in one:
            found: list[Any] = one[kind].get("elem", [])
            return found
    return []


def _plain(value: Any) -> Any:
    """An element is bare, or has what is left of its time beside it."""
    return value["elem"]["val"] if isinstance(value, dict) and "elem" in value else value
