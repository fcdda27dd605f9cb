# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site's names of addresses mean: entries of site_addresses, hosts of the inventory, literals."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, summarize_address_range

from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import Problems, nearest
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.values import Value
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import Addresses
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Host, Network, Pair
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import FAMILIES
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.ranges import (
    PrefixError,
    Range,
    merge,
    parse_prefix,
    written,
)

ReadFile = Callable[[str], str]
"""Gives the text of a file that an inventory names, or raises OSError or ValueError."""

Members = Mapping[int, Sequence[Range]]
"""Ranges by family."""

_LITERAL = re.compile(r"[0-9.]+(/.*)?|[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*(/.*)?")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
_LAST_4 = 2**32 - 1
_DEPTH = 50
_SHOWN = 10
"""So many bad lines of a file are told one by one."""


def no_file(path: str) -> str:
    """Read nothing, where the model is made of plain data alone."""
    raise FileNotFoundError(2, "there are no files here", path)


def host_addresses(
    hosts: Mapping[str, Host], networks: Mapping[str, Network], pairs: Iterable[Pair]
) -> dict[str, Addresses]:
    """Each host with the addresses that it has on data networks, its bridges' among them."""
    apart = {network.name for network in networks.values() if network.management}
    apart |= {network for pair in pairs for network in pair.sync}
    found = {}
    for name, host in hosts.items():
        own = [a for i in host.interfaces if i.network not in apart for a in i.addresses]
        own += [a.ip for b in host.bridges if b.network not in apart for a in b.addresses]
        ranges = {f: [(int(a), int(a)) for a in own if a.version == f] for f in FAMILIES}
        found[name] = _addresses(name, False, ranges)[0]
    return found


@dataclass
class AddressBook:
    """Looks names of addresses up; each is resolved once, and each mistake told once."""

    entries: Mapping[str, Value]
    hosts: Mapping[str, Addresses]
    warnings: Problems
    read_file: ReadFile = no_file
    known: dict[str, Addresses] = field(default_factory=dict)
    _lists: dict[str, Addresses] = field(default_factory=dict)
    _path: list[str] = field(default_factory=list)

    def resolve(self) -> dict[str, Addresses]:
        """Resolve all entries, used or not."""
        for name, value in self.entries.items():
            if not _NAME.fullmatch(name):
                value.wrong(
                    "is no name of addresses", "begin with a letter; use up to 63, digits, '-' and '_'"
                )
            if name in self.hosts:
                value.wrong("is a host's name, too", "give the addresses another one")
            self._named(name, value)
        return self.known

    def listed(self, value: Value) -> Addresses | None:
        """Read the sources or destinations of an entry: None where it has none."""
        if value.raw is None:
            return None
        if value.raw == []:
            value.wrong("an empty list matches nothing", "name addresses, or leave it out for any")
        parts = self._items(value)
        if len(parts) == 1:
            return parts[0]
        label = ", ".join(sorted({part.label for part in parts}))
        if label not in self._lists:
            self._lists[label] = _addresses(label, False, _members(parts))[0]
        return self._lists[label]

    def _named(self, name: str, value: Value) -> Addresses:
        """Resolve an entry; one that is being resolved already, further up, refers to itself."""
        if name in self.known:
            return self.known[name]
        if name in self._path:
            circle = [*self._path[self._path.index(name) :], name]
            value.problems.add(
                value.host,
                f"site_addresses.{name}",
                " → ".join(circle),
                "refers to itself",
                "leave one of these names out",
            )
            return Addresses(name)
        if len(self._path) >= _DEPTH:
            value.wrong(f"is nested more than {_DEPTH} deep", "name the addresses themselves")
            return Addresses(name)
        self._path.append(name)
        if isinstance(value.raw, dict):
            found, overlapping = _addresses(name, True, self._file(value))
            if overlapping:
                self.warnings.add(
                    value.host,
                    value.key,
                    value.raw,
                    f"{overlapping} of its prefixes overlap others",
                    "they were merged",
                )
        else:
            if value.raw is None:
                value.wrong("is empty", "write a list, or {file: PATH}")
            found, _overlapping = _addresses(name, True, _members(self._items(value)))
        self._path.pop()
        self.known[name] = found
        return found

    def _items(self, value: Value) -> list[Addresses]:
        found = (self._item(item) for item in value.items())
        return [one for one in found if one is not None]

    def _item(self, value: Value) -> Addresses | None:
        text = value.text()
        if text is None:
            return None
        if text in self.entries:
            return self._named(text, self.entries[text])
        if not _LITERAL.fullmatch(text):
            return self._host(text, value)
        try:
            family, one = parse_prefix(text)
        except PrefixError as error:
            value.wrong(error.wrong, error.right)
            return None
        if wrong := _of_no_packet(family, one):
            value.wrong(*wrong)
            return None
        return _addresses(text, False, {family: [one]})[0]

    def _host(self, name: str, value: Value) -> Addresses | None:
        found = self.hosts.get(name)
        if found is None:
            wrong, right = _no_name(name) or (
                "is neither addresses nor a host",
                nearest(name, [*self.entries, *self.hosts]),
            )
            value.wrong(wrong, right, follows=True)
        elif not found.families():
            value.wrong(
                "this host has no address on a data network", "declare one, or write addresses", follows=True
            )
        return found

    def _file(self, value: Value) -> Members:
        named = value.section("file", required=["file"])["file"]
        path = named.text()
        if path is None or named.silent:
            return {}
        try:
            text = self.read_file(path)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            value.wrong(
                f"the file can't be read: {why}", "name a text file, from the inventory's directory on"
            )
            return {}
        return _lines(text, path, value)


def _of_no_packet(family: int, one: Range) -> tuple[str, str] | None:
    """What is wrong with an address that no packet of a flow has, and what was probably meant."""
    first, last = one
    if first == last == 0:
        return "is the unspecified address, which no packet has", "leave it out for any"
    if family == 6 and first >> 32 == 0xFFFF == last >> 32 and last - first < _LAST_4:
        meant = written((first & _LAST_4, last & _LAST_4), 4)
        return "is an IPv4-mapped address, which no packet has (RFC 4291, section 2.5.5.2)", f"write {meant}"
    return None


def _lines(text: str, path: str, value: Value) -> Members:
    """Read a prefix from each line of a file; blank lines and what follows a # don't count."""
    found: dict[int, list[Range]] = {family: [] for family in FAMILIES}
    bad = 0
    for number, line in enumerate(text.split("\n"), 1):
        words = line.partition("#")[0].strip()
        if not words:
            continue
        try:
            family, one = parse_prefix(words)
        except PrefixError as error:
            bad += 1
            if bad <= _SHOWN:
                place = f"{value.key}: {path} line {number}"
                value.problems.add(value.host, place, words, error.wrong, error.right)
        else:
            found[family].append(one)
    if bad > _SHOWN:
        value.problems.add(
            value.host, value.key, path, f"{bad - _SHOWN} more of its lines are bad", "write a prefix on each"
        )
    return found


def _members(parts: Sequence[Addresses]) -> Members:
    return {family: [one for part in parts for one in part.of_family(family)] for family in FAMILIES}


def _addresses(label: str, named: bool, members: Members) -> tuple[Addresses, int]:
    """Merge members, and count how many overlap others."""
    (v4, overlapping_v4), (v6, overlapping_v6) = (merge(members.get(family, ())) for family in FAMILIES)
    return Addresses(label, named, v4, v6), overlapping_v4 + overlapping_v6


def _no_name(text: str) -> tuple[str, str] | None:
    """What other firewalls have words for: exceptions, and ranges."""
    if text.startswith(("!", "not ")):
        return "a list has no exceptions", "write an entry about these addresses before this one"
    try:
        first, last = (ip_address(end.strip()) for end in text.split("-"))
        if first.version != last.version:
            return "begins in one family and ends in the other", "write the prefixes of each family"
        if int(first) > int(last):
            return "is a range that ends before it begins", "write prefixes, such as 192.0.2.0/24"
        prefixes = [str(one) for one in summarize_address_range(first, last)]
    except (ValueError, TypeError):
        return None
    some = ", ".join(prefixes[:8]) + (", …" if len(prefixes) > 8 else "")
    return "is a range, and a list has prefixes", f"write {some}"
