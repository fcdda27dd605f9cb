# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the entries of site_policy; what they have to do with each other is site_policy_checks' matter."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from ansible_collections.ftfw.pair.plugins.module_utils.packets.clock import DAYS
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.values import BOOLEANS, Value, present
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.addresses import AddressBook
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import (
    ACTIONS,
    ANY,
    DAY,
    EXPECTED,
    FLOWS,
    Log,
    PolicyEntry,
    Window,
)

_RATE = re.compile(r"[1-9][0-9]{0,6}/(second|minute|hour|day)")
_RATES = "write one such as 1/second, 30/minute, 5/hour or 100/day"
# what is over a limit is counted under the same name with _over
_COUNTER = re.compile(r"(?!.*_over$)[A-Za-z][A-Za-z0-9_]{0,62}")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00")
# nft has no escape in a string, and takes $ for a variable's beginning
_PREFIX = re.compile(r"[ !#%-\[\]-~]+")
PORTS = ("port", "ports", "dport", "destination_port", "protocol", "proto")
"""Keys that other programs have for what a service is."""
BY_SERVICE = "declare a service in site_services, with its ports, and name that"
_OTHERS = {
    **dict.fromkeys(PORTS, BY_SERVICE),
    **dict.fromkeys(
        ("family", "ip_version"), "leave it out: what holds for one family alone is said by addresses"
    ),
    **dict.fromkeys(("interface", "in", "out", "iif", "oif"), "name networks, in from and to"),
}
LOG_RATE = "5/minute"
LOG_PREFIX_BYTES = 127
"""NF_LOG_PREFIXLEN of the kernel's nf_log.h is 128, with the terminating zero."""
COMMENT_LENGTH = 200


def read_entry(index: int, value: Value, book: AddressBook) -> PolicyEntry:
    fields = value.section(
        "from",
        "to",
        "services",
        "sources",
        "destinations",
        "action",
        "limit",
        "log",
        "counter",
        "time",
        "comment",
        "offload",
        required=["from", "to", "services"],
        others=_OTHERS,
    )
    _check_narrowing(value, fields)
    action = fields["action"].choice(*ACTIONS) or "accept"
    limit = _rate(fields["limit"])
    if limit is not None and action != "accept":
        fields["limit"].wrong("bounds what is accepted, and this entry accepts nothing", "leave it out")
    entry = PolicyEntry(
        index,
        from_networks=_networks(fields["from"]),
        to_networks=_networks(fields["to"]),
        services=_services(fields["services"]),
        action=action,
        sources=book.listed(fields["sources"]),
        destinations=book.listed(fields["destinations"]),
        limit=limit,
        counter=_counter(fields["counter"], index),
        window=_window(fields["time"]),
        comment=one_line(fields["comment"].text() or "") or None,
        offload=_offload(fields["offload"], action),
    )
    log = _log(fields["log"], entry)
    return replace(entry, log=log)


def _counter(value: Value, index: int) -> str:
    if not isinstance(value.raw, str) or value.raw.lower() in BOOLEANS:
        return str(index) if value.boolean(False) else ""
    if not _COUNTER.fullmatch(value.raw):
        value.wrong(
            "is neither true nor false, and no name",
            "write true, or up to 63 letters, digits and '_', a letter first, without _over at the end",
        )
        return ""
    return value.raw


def _offload(value: Value, action: str) -> str:
    if value.raw in (None, False):
        return ""
    if action != "accept":
        value.wrong("is for what is accepted, and this entry accepts nothing", "leave it out")
        return ""
    if value.raw is not True and value.raw != EXPECTED:
        value.wrong("is unknown", f"write true for the entry's flows, or {EXPECTED} for what helpers expect")
        return ""
    return FLOWS if value.raw is True else EXPECTED


def _check_narrowing(entry: Value, fields: Mapping[str, Value]) -> None:
    """What was to make an entry narrower, and came out empty, would let in anything."""
    for key in ("sources", "destinations", "action", "time", "limit"):
        if isinstance(entry.raw, dict) and key in entry.raw and not fields[key].given:
            fields[key].wrong("is empty", "write a value, or leave the key out")


def one_line(text: str) -> str:
    """What can stand in a comment of nft: one line that is not too long, of what can be printed."""
    words = "".join(letter if letter.isprintable() else " " for letter in text).split()
    line = " ".join(words)
    return line if len(line) <= COMMENT_LENGTH else f"{line[: COMMENT_LENGTH - 1]}…"


def _networks(value: Value) -> tuple[str, ...]:
    """Read a network's name, or a list of some."""
    if not isinstance(value.raw, list):
        name = value.text()
        return (name,) if name else ()
    if not value.raw:
        value.wrong("is empty", "name a network")
    return tuple(dict.fromkeys(present(item.text() for item in value.items())))


def _services(value: Value) -> tuple[str, ...]:
    if value.raw == ANY:
        return (ANY,)
    if value.raw == []:
        value.wrong("an entry without services allows nothing", "name services, or leave the entry out")
    names = present(item.name() for item in value.items())
    if ANY in names and len(names) > 1:
        value.wrong(f"{ANY} has all the others in it", f"write services: {ANY}")
    return names


def _rate(value: Value) -> str | None:
    rate = value.text(_RATES)
    if rate is not None and not _RATE.fullmatch(rate):
        value.wrong("is no rate", _RATES)
    return rate


def _log(value: Value, entry: PolicyEntry) -> Log | None:
    """Read true, or a prefix and a rate. There is always a rate: whoever is refused must not fill a disk."""
    if isinstance(value.raw, str) and value.raw.lower() not in BOOLEANS:
        value.wrong("is neither true nor false", "write true, or what log lines begin with as {prefix: TEXT}")
        return None
    if not isinstance(value.raw, dict):
        return Log(_log_prefix(entry), LOG_RATE) if value.boolean(False) else None
    fields = value.section("prefix", "rate")
    prefix = fields["prefix"].text()
    if prefix is None:
        prefix = _log_prefix(entry)
    else:
        prefix = f"{prefix.rstrip()} "
        if not _PREFIX.fullmatch(prefix):
            fields["prefix"].wrong(
                "can't be logged", r'use ASCII letters, digits and signs, but none of " \ $'
            )
        elif len(prefix) > LOG_PREFIX_BYTES:
            fields["prefix"].wrong(
                f"{len(prefix) - 1} characters are too many", f"use up to {LOG_PREFIX_BYTES - 1}"
            )
    return Log(prefix, _rate(fields["rate"]) or LOG_RATE)


def _log_prefix(entry: PolicyEntry) -> str:
    """Name entry, networks and action; with many networks, only some of them."""
    end = f" {entry.action}: "
    return f"{str(entry)[: LOG_PREFIX_BYTES - len(end)]}{end}"


def _window(value: Value) -> Window | None:
    if value.raw is None:
        return None
    fields = value.section("days", "from", "to")
    names = present(item.choice(*DAYS) for item in fields["days"].items())
    if fields["days"].raw == []:
        fields["days"].wrong("is empty", "name a day, or leave it out for all")
    if isinstance(value.raw, dict) and not any(field.given for field in fields.values()):
        value.wrong("says no time", "give it days, from or to", follows=True)
    first, last = _minutes(fields["from"]), _minutes(fields["to"])
    first, last = 0 if first is None else first, DAY if last is None else last
    if first in (last, DAY):
        value.wrong("begins when it ends", "write from and to such as 08:00 and 17:00; 24:00 can only end it")
    elif last == 0:
        # it ends with the day that it began on
        last = DAY
    return Window(tuple(sorted({DAYS.index(name) for name in names})) or tuple(range(len(DAYS))), first, last)


def _minutes(value: Value) -> int | None:
    """Read a time of day. YAML makes a number of one such as 22:00 without quotes."""
    if value.raw is None:
        return None
    match = _CLOCK.fullmatch(value.raw) if isinstance(value.raw, str) else None
    if match is None:
        value.wrong("is no time of day", 'write it in quotes, such as "08:00" or "22:30"')
        return None
    return int(match[1]) * 60 + int(match[2]) if match[1] else DAY
