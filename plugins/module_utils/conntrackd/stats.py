# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""conntrackd's statistics (`conntrackd -s SECTION`) from text to typed values, without any I/O.

Lines that a newer daemon adds are passed over; a line that is known and not there is an error.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.conntrack.tuples import OutputError

ValueLayout = Sequence[tuple[str, Sequence[str]]]

# each line's label, and the names of its one or two numbers
OBJECTS: ValueLayout = (
    ("connections created", ("created", "created_failed")),
    ("connections updated", ("updated", "updated_failed")),
    ("connections destroyed", ("destroyed", "destroyed_failed")),
)
GENERAL: dict[str, ValueLayout] = {
    "cache": (("current active connections", ("active",)), *OBJECTS),
    "inject": OBJECTS,
    "bypass": (
        ("connections new", ("created",)),
        ("connections updated", ("updated",)),
        ("connections destroyed", ("destroyed",)),
    ),
}
CACHE: ValueLayout = (
    ("active objects", ("active_objects",)),
    ("active/total entries", ("active_entries", "total_entries")),
    ("creation OK/failed", ("created", "created_failed")),
    ("no memory available", ("created_failed_no_memory",)),
    ("no space left in cache", ("created_failed_no_space",)),
    ("update OK/failed", ("updated", "updated_failed")),
    ("entry not found", ("updated_failed_not_found",)),
    ("deletion created/failed", ("destroyed", "destroyed_failed")),
    ("entry not found", ("destroyed_failed_not_found",)),
)
NETWORK: ValueLayout = (
    ("Malformed messages", ("malformed_messages",)),
    ("Wrong protocol version", ("wrong_protocol_version",)),
    ("Malformed header", ("malformed_header",)),
    ("Malformed payload", ("malformed_payload",)),
    ("Bad message type", ("bad_message_type",)),
    ("Truncated message", ("truncated_messages",)),
    ("Bad message size", ("bad_message_size",)),
    ("Malformed messages", ("malformed_messages_sent",)),
    ("Packets lost", ("packets_lost",)),
    ("Packets before", ("packets_before",)),
)
NETLINK: ValueLayout = (
    ("events received", ("events_received",)),
    ("events filtered", ("events_filtered",)),
    ("events unknown type", ("events_unknown_type",)),
    ("catch event failed", ("catch_event_failed",)),
    ("dump unknown type", ("dump_unknown_type",)),
    ("netlink overrun", ("overruns",)),
    ("flush kernel table", ("kernel_table_flushes",)),
    ("resync with kernel table", ("kernel_table_resyncs",)),
    ("current buffer size (in bytes)", ("buffer_bytes",)),
)
DAEMON: ValueLayout = (
    ("child process failed", ("child_failed",)),
    ("child process segfault", ("child_segfaults",)),
    ("child process termsig", ("child_terminated",)),
    ("select failed", ("select_failed",)),
    ("wait failed", ("wait_failed",)),
    ("local read failed", ("local_read_failed",)),
    ("local unknown request", ("local_unknown_requests",)),
)
QUEUE: ValueLayout = (
    ("current elements", ("elements",)),
    ("maximum elements", ("maximum",)),
    ("not enough space errors", ("no_space_errors",)),
)

COUNTER = re.compile(
    r"^(?P<label>[^:]+):\s*(?P<first>\d+)(?:\s*/\s*(?P<second>\d+)|\s+failed:\s*(?P<failed>\d+))?$"
)
TRAFFIC = re.compile(r"(\d+) (Bytes|Pckts|Error) (sent|recv|send)")
LINK = re.compile(
    r"^(?P<transport>\S+) traffic \(?(?:active )?device=(?P<device>[^\s)]*)\)?"
    r"(?: status=(?P<status>.+?) role=(?P<role>\S+))?(?: server=\S+ client=\S+)?:$"
)


def read(lines: Sequence[str], layout: ValueLayout, where: str) -> dict[str, int]:
    """The numbers of `layout`, whose labels must come in this order."""
    values: dict[str, int] = {}
    rest = iter(lines)
    for label, names in layout:
        for line in rest:
            found = COUNTER.match(line.strip())
            if found and found["label"].strip() == label:
                numbers = [found["first"], found["second"] or found["failed"]]
                break
        else:
            raise OutputError(where, f"no '{label}'", "\n".join(lines))
        for name, number in zip(names, numbers):
            if number is None:
                raise OutputError(where, f"'{label}' has too few numbers", line)
            values[name] = int(number)
    return values


def blocks(text: str) -> list[list[str]]:
    """Paragraphs, which empty lines part."""
    return [part.splitlines() for part in re.split(r"\n\s*\n", text.strip("\n")) if part.strip()]


def two_sides(text: str, where: str, cache: ValueLayout) -> dict[str, dict[str, Any]]:
    """The internal and the external side, each `cache`, or what there is when the cache is turned off.

    Headings are 'cache internal:' or 'internal bypass:', and 'cache external:' or 'external inject:'; the
    extended ones put a counter on the same line ('cache:internal	active objects: 5').
    """
    sides: dict[str, dict[str, Any]] = {}
    for block in blocks(text):
        words = re.split(r"[\s:]+", block[0].strip())
        if words[:2] == ["cache", "stats"]:
            raise OutputError(where, "conntrackd runs in statistics mode, it replicates nothing")
        if len(words) < 2:
            continue
        if words[0] == "cache" and words[1] in ("internal", "external"):
            # the extended form has its first counter in the heading
            lines = [block[0].split("\t", 1)[-1], *block[1:]]
            sides[words[1]] = {"kind": "cache", **read(lines, cache, where)}
        elif words[0] in ("internal", "external") and words[1] in ("bypass", "inject"):
            sides[words[0]] = {"kind": words[1], **read(block, GENERAL[words[1]], where)}
    for side in ("internal", "external"):
        if side not in sides:
            raise OutputError(where, f"nothing about the {side} cache", text)
    return sides


def parse_links(text: str, where: str, section: str = "link") -> list[dict[str, Any]]:
    """The replication links. Only the section `link` tells status and role."""
    links: list[dict[str, Any]] = []
    for block in blocks(text):
        heading = LINK.match(block[0].strip())
        if not heading:
            continue
        numbers = {(unit, way): int(number) for number, unit, way in TRAFFIC.findall(" ".join(block[1:]))}
        try:
            link: dict[str, Any] = {
                "transport": heading["transport"].lower(),
                "device": heading["device"],
                "bytes_sent": numbers["Bytes", "sent"],
                "bytes_received": numbers["Bytes", "recv"],
                "packets_sent": numbers["Pckts", "sent"],
                "packets_received": numbers["Pckts", "recv"],
                "send_errors": numbers["Error", "send"],
                "receive_errors": numbers["Error", "recv"],
            }
        except KeyError as error:
            raise OutputError(where, f"a link without {' '.join(error.args[0])}", "\n".join(block)) from error
        if section == "link":
            if heading["status"] is None:
                raise OutputError(where, "a link without status", block[0])
            link = {**link, "status": heading["status"].lower(), "role": heading["role"].lower()}
        links.append(link)
    if not links:
        raise OutputError(where, "no replication link", text)
    return links


def parse_general(text: str, where: str) -> dict[str, Any]:
    values: dict[str, Any] = two_sides(text, where, GENERAL["cache"])
    processed = re.search(r"^traffic processed:\n\s*(\d+) Bytes\s+(\d+) Pckts$", text, re.MULTILINE)
    tracked = re.search(r"^message tracking:\n\s*(\d+) Malformed msgs\s+(\d+) Lost msgs$", text, re.MULTILINE)
    if not processed or not tracked:
        raise OutputError(where, "no traffic or no message tracking", text)
    values["traffic"] = {"bytes": int(processed[1]), "packets": int(processed[2])}
    values["messages"] = {"malformed": int(tracked[1]), "lost": int(tracked[2])}
    values["link"] = parse_links(text, where, "general")[0]
    return values


def parse_network(text: str, where: str) -> dict[str, Any]:
    return {**read(text.splitlines(), NETWORK, where), "link": parse_links(text, where, "network")[0]}


def parse_cache(text: str, where: str) -> dict[str, Any]:
    return two_sides(text, where, CACHE)


def parse_runtime(text: str, where: str) -> dict[str, Any]:
    """The daemon's uptime is told in whole minutes only."""
    uptime = re.match(r"daemon uptime: (?:(\d+) days? )?(?:(\d+) h )?(\d+) min$", text.partition("\n")[0])
    if not uptime:
        raise OutputError(where, "no uptime", text)
    days, hours, minutes = (int(number or 0) for number in uptime.groups())
    lines = text.splitlines()
    return {
        "uptime_minutes": (days * 24 + hours) * 60 + minutes,
        "netlink": read(lines, NETLINK, where),
        "daemon": read(lines, DAEMON, where),
    }


def parse_queue(text: str, where: str) -> dict[str, Any]:
    values: dict[str, Any] = read(text.splitlines(), (("allocated queue nodes", ("nodes",)),), where)
    queues = {}
    for block in blocks(text):
        heading = re.match(r"queue (\S+):$", block[0])
        if heading:
            queues[heading[1]] = read(block, QUEUE, where)
    if not queues:
        raise OutputError(where, "no queue", text)
    return {**values, "queues": queues}


def parse_expectations(text: str, where: str) -> dict[str, Any] | None:
    """None where the daemon does not replicate expectations: it prints nothing then."""
    return two_sides(text, where, GENERAL["cache"]) if text.strip() else None
