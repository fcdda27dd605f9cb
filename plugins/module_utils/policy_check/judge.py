# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds what became of a probe against what was expected, as a row of a table."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.packets.packet import WITH_PORTS
from ansible_collections.ftfw.pair.plugins.module_utils.packets.types import (
    ACCEPT,
    OPENING,
    VERDICTS,
    Entry,
    Fate,
    PacketProbe,
)


def words_of(probe: PacketProbe, fate: Fate, entry: Entry | None) -> list[str]:
    """Say in the words of an expectation what became of a probe."""
    words = [fate.verdict]
    arrived = fate.arrived.packet if fate.arrived else None
    if arrived is not None and probe.packet == OPENING:
        source, destination = arrived.source, arrived.destination
        words.append(f"snat to {source}" if source and source != probe.source else "no snat")
        translated = probe.protocol in WITH_PORTS and arrived.port != probe.port
        port = f" port {arrived.port}" if translated else ""
        changed = (destination and destination != probe.destination) or port
        words.append(f"dnat to {destination}{port}" if changed else "no dnat")
    words.append(f"helper {entry.helper}" if entry and entry.helper else "no helper")
    words.append("entry" if entry else "no entry")
    if fate.reply is not None:
        words.append("reply" if fate.reply else "no reply")
    return words


def row(probe: PacketProbe, fate: Fate, entry: Entry | None) -> dict[str, Any]:
    """Make the row. An accepted flow has to come out where it should, and its reply has to get back."""
    seen = words_of(probe, fate, entry)
    known = {*seen, *_whole(fate)}
    ok = all(any(one in known for one in _canonical(word)) for word in probe.expected)
    why = [fate.why] if fate.why else []
    place = fate.arrived.place if fate.arrived else None
    if fate.verdict == ACCEPT and ACCEPT in probe.expected:
        if fate.reply is False and "no reply" not in probe.expected:
            ok = False
            why.append("its reply did not get back")
        if probe.to is not None and place != probe.to and probe.packet == OPENING:
            ok = False
            why.append(f"it came out on {place}, not on {probe.to}")
    return {
        "name": probe.name,
        "expected": ", ".join(probe.expected),
        "seen": ", ".join(_telling(probe, seen)),
        "ok": ok,
        "detail": "; ".join(why),
    }


def _canonical(word: str) -> list[str]:
    """The words of which one has to be seen."""
    kind, to, places = word.partition(" to ")
    return [f"{kind} to {_place(one)}" for one in places.split(" or ")] if to else [word]


def _place(text: str) -> str:
    address, port, number = text.partition(" port ")
    return f"{ip_address(address)}{port}{number}"


def _whole(fate: Fate) -> list[str]:
    """Where a packet has come out, with and without its port: an expectation may say either."""
    packet = fate.arrived.packet if fate.arrived else None
    if packet is None:
        return []
    return [f"dnat to {packet.destination}", f"dnat to {packet.destination} port {packet.port}"]


def _telling(probe: PacketProbe, seen: list[str]) -> list[str]:
    """Leave out what nobody asked for and is nothing special."""
    kinds = {_kind(word) for word in probe.expected}
    return [
        word
        for word in seen
        if word in VERDICTS
        or _kind(word) in kinds
        or not (word.startswith("no ") or word in ("entry", "reply"))
    ]


def _kind(word: str) -> str:
    return word.replace("no ", "", 1).split()[0]
