# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Maps and sets of a ruleset that say who answers, as nft's words, and as the kernel has them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.nft.names import FAMILY

MAP, GONE, LAST = "balancer.{}", "balancer.{}.gone", "balancer.{}.last"
LAST_PORT = "balancer.{}.last.port"
"""Names of a balancer's maps and set, by its own name. No name that a site gives has a dot."""
_WITH = " . "
"""Between an address and a port, in nft's words."""


def slots_map(name: str) -> str:
    return MAP.format(name)


def gone_set(name: str) -> str:
    return GONE.format(name)


def last_map(name: str) -> str:
    return LAST.format(name)


def last_port_map(name: str) -> str:
    return LAST_PORT.format(name)


def member(address: object, port: int | None) -> str:
    """Who answers, as an element of maps and sets has it: with a port where the balancer translates ports."""
    return str(address) if port is None else f"{address}{_WITH}{port}"


def split_member(text: str) -> tuple[str, str]:
    """The address and the port of a member; an empty port where the balancer translates none."""
    address, _with, port = text.partition(_WITH)
    return address, port


def flush_map(table: str, name: str) -> str:
    return f"flush map {FAMILY} {table} {name}\n"


def elements(members: Sequence[str]) -> list[str]:
    """The elements of a map: each slot's number, with the member that it leads to."""
    return [f"{slot} : {one}" for slot, one in enumerate(members)]


def cover(members: Sequence[str], slots: int) -> list[str]:
    """Let them take turns in so many slots at least.

    While a site changes, the rules of the one list of servers may be there with the program of the other one.
    """
    count = max(len(members), slots)
    return [members[slot % len(members)] for slot in range(count)] if members else []


def replace_map(table: str, name: str, members: Sequence[str]) -> str:
    """Let others answer. What nft is given at once is there at once, or not at all."""
    return _replace("map", table, name, elements(members))


def replace_set(table: str, name: str, members: Iterable[str]) -> str:
    return _replace("set", table, name, sorted(members))


def _replace(kind: str, table: str, name: str, items: Sequence[str]) -> str:
    flush = f"flush {kind} {FAMILY} {table} {name}\n"
    return flush + (f"add element {FAMILY} {table} {name} {{ {', '.join(items)} }}\n" if items else "")


def read_map(listing: str) -> list[str]:
    """The member in each slot, of what `nft --json list map` prints. Raises ValueError or KeyError."""
    found = {int(_plain(slot)): _member(address) for slot, address in _elements(listing, "map")}
    return [found[slot] for slot in sorted(found)]


def read_set(listing: str) -> frozenset[str]:
    return frozenset(_member(one) for one in _elements(listing, "set"))


def _member(value: Any) -> str:
    plain = _plain(value)
    return _WITH.join(map(str, plain["concat"])) if isinstance(plain, dict) else str(plain)


def _elements(listing: str, kind: str) -> list[Any]:
    for one in json.loads(listing)["nftables"]:
        if kind in one:
            found: list[Any] = one[kind].get("elem", [])
            return found
    return []


def _plain(value: Any) -> Any:
    """An element is bare, or has what is left of its time beside it."""
    return value["elem"]["val"] if isinstance(value, dict) and "elem" in value else value
