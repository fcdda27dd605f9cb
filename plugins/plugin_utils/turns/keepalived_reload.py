# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a reload of keepalived would do to a pair that runs, from the old and the new configuration. No I/O.

Seen with keepalived 2.2.7 and 2.3.3, whose sync groups are the reason for most of it:

- A router that is new, or has another VRID, interface or source, makes its whole group begin anew as
  BACKUP. Addresses, priorities, intervals, peers, names and routers that are gone don't.
- A reload takes in another version of VRRP. But nodes with two versions don't hear each other, and in any
  order of reloads both become primary. So a new version counts as what falls.
- A node takes the addresses of a group only when it hears the other one by none of the group's routers. So
  two nodes with different routers are one pair as long as one router is the same on both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_COMMENTS = ("#", "!")


class KeepalivedTextError(Exception):
    """The text is not understood; names its line, counted from 1."""


@dataclass(frozen=True)
class Router:
    """A vrrp_instance: `begins` is what it can't change without beginning anew, by keepalived's words."""

    begins: Mapping[str, str]
    peers: frozenset[str]
    addresses: frozenset[str]
    """Those that its adverts list."""
    others: frozenset[str]

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(self.begins.values())


@dataclass(frozen=True)
class Configuration:
    version: str
    routers: Mapping[str, Router]
    groups: Mapping[str, tuple[str, ...]]
    """Names of routers. Each router without a group has one of its own."""

    def addresses(self) -> frozenset[str]:
        """All virtual addresses, without their prefix lengths."""
        found = (address for router in self.routers.values() for address in router.addresses | router.others)
        return frozenset(address.partition("/")[0] for address in found)


def read(text: str) -> Configuration:
    """Read what matters of a keepalived.conf as the role writes it."""
    version, routers, groups = "2", {}, {}
    for words, block in _blocks(_lines(text)):
        if words == ["global_defs"]:
            version = _value(block, "vrrp_version") or version
        elif words[:1] == ["vrrp_instance"]:
            routers[words[1]] = _router(block)
        elif words[:1] == ["vrrp_sync_group"]:
            groups[words[1]] = tuple(word for line in _inner(block, "group") for word in line)
    grouped = {name for members in groups.values() for name in members}
    groups |= {name: (name,) for name in routers if name not in grouped}
    return Configuration(version, routers, groups)


def disturbances(old: Configuration, new: Configuration) -> list[str]:
    """Why virtual addresses would fall with a reload, one sentence each; none where they would not."""
    if not old.routers:
        return []
    if old.version != new.version:
        return [f"the version of VRRP becomes {new.version}"]
    told = []
    known = {router.key for router in old.routers.values()}
    for name, router in new.routers.items():
        if router.key in known:
            continue
        before = old.routers.get(name)
        if before is None:
            told.append(f"the virtual router {name} is new")
            continue
        told += [
            f"the virtual router {name} gets {what} {value}"
            for what, value in router.begins.items()
            if before.begins[what] != value
        ]
    together = [
        {old.routers[name].key for name in names if name in old.routers} for names in old.groups.values()
    ]
    for group, names in new.groups.items():
        keys = {new.routers[name].key for name in names if name in new.routers} & known
        if not any(keys <= others for others in together):
            told.append(f"the group {group} gets virtual routers of another one")
    return told


def deaf(old: Configuration, new: Configuration) -> bool:
    """Whether a node with the new configuration would not hear one with the old, and be primary beside it."""
    if not old.routers:
        return False
    heard = {(router.key, router.peers, router.addresses) for router in old.routers.values()}
    return old.version != new.version or not all(
        any((router.key, router.peers, router.addresses) in heard for router in members)
        for names in new.groups.values()
        for members in [[new.routers[name] for name in names if name in new.routers]]
    )


Lines = list[tuple[int, list[str]]]


def _lines(text: str) -> Lines:
    """The words of each line, without comments."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        end = next((n for n, word in enumerate(words) if word.startswith(_COMMENTS)), len(words))
        if words[:end]:
            found.append((number, words[:end]))
    return found


def _blocks(lines: Lines) -> Iterator[tuple[list[str], Lines]]:
    """The blocks of one level, each with the words before its brace."""
    depth, head, block = 0, list[str](), Lines()
    for number, words in lines:
        opens, closes = words[-1] == "{", words == ["}"]
        if any("{" in word or "}" in word for word in words) and not opens and not closes:
            raise KeepalivedTextError(f"line {number}: a brace among other words")
        depth += opens - closes
        if depth < 0:
            raise KeepalivedTextError(f"line {number}: a }} that closes nothing")
        if opens and depth == 1:
            head, block = words[:-1], Lines()
        elif closes and depth == 0:
            yield head, block
        elif depth:
            block.append((number, words))
    if depth:
        raise KeepalivedTextError("a { is not closed")


def _inner(block: Lines, name: str) -> list[list[str]]:
    return [words for head, inner in _blocks(block) if head == [name] for _number, words in inner]


def _value(block: Lines, name: str) -> str:
    return next((" ".join(words[1:]) for _number, words in block if words[0] == name), "")


def _router(block: Lines) -> Router:
    begins = {
        "VRID": _value(block, "virtual_router_id"),
        "the interface": _value(block, "interface"),
        "the source": _value(block, "unicast_src_ip"),
    }
    return Router(
        begins,
        frozenset(words[0] for words in _inner(block, "unicast_peer")),
        frozenset(words[0] for words in _inner(block, "virtual_ipaddress")),
        frozenset(words[0] for words in _inner(block, "virtual_ipaddress_excluded")),
    )


def compare(old: str, new: str) -> dict[str, Any]:
    """What a role has to know: `reasons`, `deaf`, and the `addresses` that are there before."""
    try:
        before = read(old)
    except KeepalivedTextError as error:
        return {"reasons": [f"its old file is not understood: {error}"], "deaf": True, "addresses": []}
    after = read(new)
    return {
        "reasons": disturbances(before, after),
        "deaf": deaf(before, after),
        "addresses": sorted(before.addresses()),
    }
