# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads plain YAML values as typed ones; each value knows where it was found, so that an error can say so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from ipaddress import ip_address, ip_interface, ip_network
from typing import NamedTuple, TypeVar

from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import (
    Problems,
    closest,
    nearest,
    render,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import (
    Address,
    InterfaceAddress,
    Prefix,
)

_DEVICE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
BOOLEANS = {"true": True, "yes": True, "false": False, "no": False}
DEVICE_NAME_BYTES = 15
"""IFNAMSIZ of linux/if.h is 16, with the terminating zero."""

T = TypeVar("T")


class Unreadable:
    """In the place of a value that could not be resolved, which is told already."""


UNREADABLE = Unreadable()


def present(values: Iterable[T | None]) -> tuple[T, ...]:
    return tuple(value for value in values if value is not None)


NO_TEXT = "YAML takes this name for no text"
NO_NAME = "is an empty name"
QUOTE_IT = "write it in quotes, or choose another one"


class Value(NamedTuple):
    """A value and its place. A tuple, because there are thousands, and one is made in a third of the time.

    Readers return None, after noting why, when the value is not what it must be."""

    host: str
    key: str
    raw: object
    problems: Problems
    silent: bool = False
    """Its key is wrong, and told, so that nothing else is told of it."""

    def wrong(self, what: str, right: str, *, follows: bool | None = None, hole: bool | None = None) -> None:
        place = self.host, self.key, self.raw
        self.problems.add(*place, what, right, follows=follows, hole=hole, silent=self.silent)

    def child(self, key: str, raw: object) -> Value:
        return self.at(f"{self.key}.{key}" if self.key else key, raw)

    def at(self, key: str, raw: object) -> Value:
        if raw is UNREADABLE:
            return Value(self.host, key, None, self.problems, True)
        return Value(self.host, key, raw, self.problems, self.silent)

    @property
    def given(self) -> bool:
        return self.raw is not None and self.raw != ""

    def entries(self, right: str = "write {NAME: {…}, …}") -> dict[str, Value]:
        """Read a mapping whose keys are the user's own names."""
        if self.raw is None:
            return {}
        if not isinstance(self.raw, dict):
            self.wrong("is not a mapping", right)
            return {}
        at, before = self.at, f"{self.key}." if self.key else ""
        found = {str(key): at(f"{before}{key}", item) for key, item in self.raw.items()}
        if "" in found:
            at(before, "").wrong(NO_NAME, "write a name there", follows=False, hole=True)
            found[""] = found[""]._replace(silent=True)
        for key in self.raw:
            if not (isinstance(key, (str, bool)) or key is None):
                at(f"{before}{key}", key).wrong(NO_TEXT, QUOTE_IT, follows=False, hole=True)
                found[str(key)] = found[str(key)]._replace(silent=True)
        return found

    def section(
        self, *known: str, required: Iterable[str] = (), others: Mapping[str, str] | None = None
    ) -> dict[str, Value]:
        """Read a mapping with fixed keys; every known key is there, an absent one with the raw value None.

        A misspelt key is told once, and its value taken for that of the key that was meant. `others` says
        what is right in place of keys that other programs have.
        """
        sound = isinstance(self.raw, dict)
        shape = "" if sound else ", ".join(f"{key}: …" for key in required or known[:1])
        found = self.entries(f"write {{{shape}}}")
        unknown = [key for key in found if key not in known]
        for key in unknown:
            instead = (others or {}).get(key)
            meant = None if instead else closest(key, known)
            right = instead or nearest(key, known)
            found[key].wrong("unknown option", right, follows=False, hole=meant is None)
            if meant is not None:
                found.setdefault(meant, found[key]._replace(silent=True))
        host, problems, silent = self.host, self.problems, self.silent
        before = f"{self.key}." if self.key else ""
        # most of them are absent, and made here without a call
        fields = {key: found.get(key) or Value(host, before + key, None, problems, silent) for key in known}
        # what is missing has probably been given under a name that nobody knows
        missing = [key for key in required if not fields[key].given]
        if unknown or not (self.raw is None or sound):
            return fields
        if not self.raw and len(missing) > 1:
            self.wrong("is empty", f"{', '.join(missing)} are required here")
            return fields
        for key in missing:
            fields[key].wrong("is missing", f"{key} is required here")
        return fields

    def items(self) -> list[Value]:
        if self.raw is None:
            return []
        if not isinstance(self.raw, list):
            scalar = self.given and not isinstance(self.raw, dict)
            self.wrong("is not a list", f"write [{render(self.raw)}]" if scalar else "write [VALUE, …]")
            return []
        given = []
        for index, item in enumerate(self.raw):
            value = self.at(f"{self.key}[{index}]", item)
            if value.given:
                given.append(value)
            else:
                value.wrong("is empty", "write a value, or leave the item out")
        return given

    def text(self, right: str | None = None) -> str | None:
        """Read a text. `right` says what to write where quotes alone would not make a sound value."""
        if self.raw is None or isinstance(self.raw, str):
            return self.raw or None
        kind = "list" if isinstance(self.raw, list) else "mapping" if isinstance(self.raw, dict) else None
        self.wrong(
            f"is a {kind}, and not a text" if kind else "is not a text",
            right or (f"write a text in place of the {kind}" if kind else "write it in quotes"),
        )
        return None

    def name(self) -> str | None:
        """A name that is looked up later, known or not; a whole number counts as its digits."""
        if isinstance(self.raw, int) and not isinstance(self.raw, bool):
            return str(self.raw)
        return self.text()

    def word(self, longest: int = 63, *, follows: bool | None = None) -> str | None:
        """A name that can stand in files, comments and other names."""
        text = self.text()
        if text is not None and not (_WORD.fullmatch(text) and len(text) <= longest):
            self.wrong("is no name", f"use up to {longest} letters, digits, '-' and '_'", follows=follows)
            return None
        return text

    def choice(self, *known: str) -> str | None:
        text = self.text(f"write one of {', '.join(known)}")
        if text is not None and text not in known:
            self.wrong("is unknown", nearest(text, known))
            return None
        return text

    def boolean(self, default: bool) -> bool:
        if self.raw is None or isinstance(self.raw, bool):
            return default if self.raw is None else self.raw
        truth = BOOLEANS.get(str(self.raw).lower())
        if truth is None:
            self.wrong("is neither true nor false", "write true or false")
            return default
        return truth

    def integer(self, lowest: int, highest: int) -> int | None:
        """A whole number; digits in a text count, because older Ansible templates give texts."""
        raw = self.raw
        if raw is None:
            return None
        number = int(raw) if isinstance(raw, str) and raw.isascii() and raw.isdigit() else raw
        if isinstance(number, bool) or not isinstance(number, int):
            self.wrong("is not a whole number", f"use {lowest} to {highest}")
            return None
        if not lowest <= number <= highest:
            self.wrong("is out of range", f"use {lowest} to {highest}")
            return None
        return int(number)

    def seconds(self, lowest: str, highest: str, reason: str) -> float | None:
        """Seconds, in whole hundredths. The bounds are decimal numbers; the reason says whose they are."""
        if self.raw is None:
            return None
        right = f"use {lowest} to {highest} seconds, {reason}"
        try:
            number = Decimal("NaN" if isinstance(self.raw, bool) else str(self.raw))
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite():
            self.wrong("is not a number", right)
        elif not Decimal(lowest) <= number <= Decimal(highest):
            self.wrong("is out of range", right)
        elif number * 100 % 1:
            self.wrong("is not a whole number of hundredths", right)
        else:
            return float(number)
        return None

    def _without_zone(self, text: str) -> bool:
        """See that an address names no interface (RFC 4007, section 11): its place in the inventory does."""
        plain, percent, rest = text.partition("%")
        if percent:
            length = rest.partition("/")
            self.wrong("names a zone", f"write {plain}{length[1]}{length[2]}: the interface is known here")
        return not percent

    def address(self, zone: bool = False) -> Address | None:
        """An address; with `zone` one that may name its interface, such as fe80::1%eth0."""
        text = self.text("write one address such as 192.168.2.1 or 2001:db8::1")
        if text is None or not (zone or self._without_zone(text)):
            return None
        try:
            return ip_address(text)
        except ValueError:
            if "/" in text:
                self.wrong("has a prefix length", "write the address alone: the network knows its prefix")
            else:
                self.wrong("is not an IP address", "write one such as 192.168.2.1 or 2001:db8::1")
            return None

    def addresses(self, zone: bool = False) -> tuple[Address, ...]:
        return present(item.address(zone) for item in self.items())

    def interface_address(self) -> InterfaceAddress | None:
        text = self.text("write one such as 192.168.0.3/24")
        if text is None or not self._without_zone(text):
            return None
        try:
            if "/" in text:
                return ip_interface(text)
        except ValueError:
            pass
        self.wrong("is not an address with prefix length", "write one such as 192.168.0.3/24")
        return None

    def prefix(self) -> Prefix | None:
        text = self.text("write one such as 192.168.2.0/24")
        if text is None or not self._without_zone(text):
            return None
        try:
            if "/" in text:
                return ip_network(text)
        except ValueError:
            try:
                proper = ip_network(text, strict=False)
            except ValueError:
                pass
            else:
                self.wrong("has host bits set", f"write {proper}")
                return None
        self.wrong("is not a prefix", "write one such as 192.168.2.0/24")
        return None

    def mac(self) -> str | None:
        if self.raw is None:
            return None
        text = str(self.raw).lower()
        if not isinstance(self.raw, str) or not _MAC.fullmatch(text):
            self.wrong("is not a MAC address", 'write six octets in quotes, such as "12:34:56:78:9a:01"')
            return None
        if int(text[:2], 16) & 1 or text == "00:00:00:00:00:00":
            self.wrong("cannot be an interface's own MAC address", "use a unicast one: an even first octet")
            return None
        if text.startswith(("00:00:5e:00:01:", "00:00:5e:00:02:")):
            self.wrong("belongs to a virtual router (RFC 9568, section 7.3)", "write the card's own address")
            return None
        return text

    def device_name(self) -> str | None:
        text = self.text()
        if text is None:
            return None
        length = len(text.encode())
        if length > DEVICE_NAME_BYTES:
            self.wrong(
                f"an interface name of {length} bytes is too long", f"use up to {DEVICE_NAME_BYTES} bytes"
            )
            return None
        if not _DEVICE_NAME.fullmatch(text):
            self.wrong("is no interface name", "use letters, digits, '.', '-' and '_'")
            return None
        return text

    def named_device(self) -> bool:
        """Check the last part of the key as an interface name: bridges and interfaces are keyed by it."""
        name = self.key.split(".", 1)[1]
        return Value(self.host, self.key, name, self.problems).device_name() is not None
