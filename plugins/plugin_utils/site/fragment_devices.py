# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Interfaces that a site's own rules name: by network, of which each node has its own, or as they are called.

`@interface(wan)` is no word of nft's, so that it can stand for nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_KEPT = re.compile(r'(#[^\n]*|"[^"\n]*")')
"""Comments and strings, in which nothing is replaced."""
_BY_NETWORK = re.compile(r"@interface\(\s*([^()\s]*)\s*\)")
_TOKEN = re.compile(r'"[^"\n]*"|[{},;\n]|[^\s{},;"]+')
_SELECTORS = ("iif", "oif", "iifname", "oifname", "device", "devices")
_OPERATORS = ("==", "!=", "=", "vmap")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.*-]*")


def networks_in(text: str) -> list[str]:
    """The networks whose interfaces a text asks for."""
    parts = _KEPT.split(text)[::2]
    return list(dict.fromkeys(name for part in parts for name in _BY_NETWORK.findall(part)))


def shut_in(text: str) -> list[str]:
    """Interfaces of networks that stand in quotes, where nothing is replaced: no card is called so."""
    parts = [part[1:-1] for part in _KEPT.split(text)[1::2] if part[0] == '"']
    return list(dict.fromkeys(part for part in parts if _BY_NETWORK.fullmatch(part)))


def with_devices(text: str, device: Callable[[str], str]) -> str:
    """Put a node's own interfaces in the place of their networks."""
    parts = _KEPT.split(text)
    parts[::2] = [_BY_NETWORK.sub(lambda match: f'"{device(match[1])}"', part) for part in parts[::2]]
    return "".join(parts)


def quoted_in(text: str) -> set[str]:
    """What stands in quotes, whole names of interfaces among it."""
    parts = {part[1:-1] for part in _KEPT.split(text)[1::2] if part[0] == '"'}
    return {part for part in parts if _NAME.fullmatch(part) and "*" not in part}


def devices_in(text: str) -> set[str]:
    """What is compared with an interface's name, with or without quotes; parts of a concatenation are not."""
    tokens = _TOKEN.findall("".join(part for part in _KEPT.split(text) if part[:1] != "#"))
    return {
        name
        for place, token in enumerate(tokens)
        if token in _SELECTORS
        for name in _values(tokens, place + 1)
    }


def _values(tokens: list[str], place: int) -> Iterator[str]:
    while place < len(tokens) and tokens[place] in _OPERATORS:
        place += 1
    first = tokens[place] if place < len(tokens) else ""
    found = [first]
    if first == "{":
        inner = tokens[place : tokens.index("}", place)] if "}" in tokens[place:] else []
        found = [after for before, after in zip(inner, inner[1:]) if before in ("{", ",")]
    for token in found:
        name = token.strip('"')
        if _NAME.fullmatch(name):
            yield name
