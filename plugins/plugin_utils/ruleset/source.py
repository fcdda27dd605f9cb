# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role needs to know of a ruleset: from the compiler or, where a site has its own text, from that."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.nft.contents import Contents
from ansible_collections.ftfw.pair.plugins.module_utils.nft.names import FAMILY, TABLE
from ansible_collections.ftfw.pair.plugins.module_utils.nft.text import Source, TextError, described, read


def ruleset_source(text: str, known: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What is in a text, and what is left of it without flowtables, in plain JSON types.

    `known` is what the compiler says of its own text. A text that can't be read has nothing in it:
    nft_ruleset tells why.
    """
    source = _source(text, known)
    if source is None:
        empty: dict[str, Any] = {"text": text, "contents": None, "devices": []}
        return {**empty, "helpers": [], "offloads": False, "without_flowtables": empty}
    return {
        **_told(source),
        "helpers": source.contents.pack()["helpers"],
        "offloads": bool(source.contents.offload),
        "without_flowtables": _told(source.without_flowtables()),
    }


def _told(source: Source) -> dict[str, Any]:
    return {
        "text": source.text,
        "contents": source.contents.pack(),
        "devices": list(source.contents.needed_devices()),
    }


def _source(text: str, known: Mapping[str, Any] | None) -> Source | None:
    try:
        told = described(text, f"{FAMILY} {TABLE}", Contents.unpack(known or {}))
    except (KeyError, TypeError, ValueError):
        told = None
    return told or _read(text)


@lru_cache(maxsize=8)
def _read(text: str) -> Source | None:
    """Once for all variables that ask for it."""
    try:
        return read(text, FAMILY, TABLE)
    except TextError:
        return None
