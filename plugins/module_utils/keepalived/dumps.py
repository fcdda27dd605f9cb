# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""keepalived's own dumps read, without any I/O.

`keepalived.json` has the instances but no sync groups, `keepalived.data` (text) has both; the groups are
taken from there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

# VRRP_STATE_* of keepalived/include/vrrp.h; 97 is an instance that a reload removes
STATES = {0: "INIT", 1: "BACKUP", 2: "MASTER", 3: "FAULT", 97: "DELETED", 98: "STOP"}

# our names of counters, and keepalived's
COUNTERS = {
    "adverts_sent": "advert_sent",
    "adverts_received": "advert_rcvd",
    "became_master": "become_master",
    "released_master": "release_master",
    "priority_zero_sent": "pri_zero_sent",
    "priority_zero_received": "pri_zero_rcvd",
}
ERRORS = {
    "packet_length": "packet_len_err",
    "advert_interval": "advert_interval_err",
    "ip_ttl": "ip_ttl_err",
    "invalid_type": "invalid_type_rcvd",
    "address_list": "addr_list_err",
    "invalid_authentication_type": "invalid_authtype",
}

GROUPS_HEADING = "------< VRRP Sync groups >------"
GROUP = re.compile(r"^ VRRP Sync Group = (?P<name>.+), (?P<state>\w+)$")
MEMBERS = "   VRRP member instances :"
MEMBER = re.compile(r"^     (?P<name>\S.*)$")


class DumpError(Exception):
    """A dump is not understood; `where` is the file."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where}: {reason}")
        self.where = where
        self.reason = reason


def parse_instances(text: str, where: str) -> list[dict[str, Any]]:
    """The VRRP instances of keepalived.json, in the order of the configuration."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise DumpError(where, f"not JSON: {error}") from error
    # version 2 of the format puts the list into an object
    entries = found.get("vrrp") if isinstance(found, Mapping) else found
    if not isinstance(entries, list):
        raise DumpError(where, "no list of instances")
    return [parse_instance(entry, where) for entry in entries]


def parse_instance(entry: Any, where: str) -> dict[str, Any]:
    try:
        data, stats = entry["data"], entry["stats"]
        name = str(data["iname"])
        number = int(data["state"])
        changed = float(data["last_transition"])
        return {
            "name": name,
            # an interface that is gone, or was never there, is not told
            "interface": data.get("ifp_ifname"),
            "state": STATES[number] if number in STATES else unknown(where, name, number),
            "version": int(data["version"]),
            "vrid": int(data["vrid"]),
            "priority": int(data["effective_priority"]),
            "base_priority": int(data["base_priority"]),
            "master_priority": int(data["master_priority"]),
            "preempt": not data["nopreempt"],
            "advert_interval": float(data["adver_int"]),
            "addresses": [parse_address(item, where) for item in data.get("vips", [])],
            "excluded_addresses": [parse_address(item, where) for item in data.get("evips", [])],
            "since": datetime.fromtimestamp(changed, timezone.utc).isoformat() if changed else None,
            "since_epoch": changed or None,
            **{ours: int(stats[theirs]) for ours, theirs in COUNTERS.items()},
            "errors": {ours: int(stats[theirs]) for ours, theirs in ERRORS.items()},
        }
    except (KeyError, TypeError, ValueError) as error:
        raise DumpError(
            where, f"an instance that is not understood ({error!r}): {str(entry)[:200]}"
        ) from error


def unknown(where: str, name: str, number: int) -> str:
    raise DumpError(where, f"instance {name} is in a state of an unknown number, {number}")


def parse_address(text: str, where: str) -> dict[str, Any]:
    """An address as keepalived's `format_ipaddress` prints it: `192.168.0.100 dev eth0 scope global set`.

    The length of a host prefix is left out there. The last word is `set` while the address is on the
    interface.
    """
    words = text.split()
    if not words:
        raise DumpError(where, "an empty address")
    address = words[0] if "/" in words[0] else f"{words[0]}/{128 if ':' in words[0] else 32}"
    interface = words[words.index("dev") + 1] if "dev" in words[:-1] else None
    return {"address": address, "interface": interface, "set": words[-1] == "set"}


def parse_groups(text: str, where: str) -> list[dict[str, Any]]:
    """The sync groups of keepalived.data. The section is absent where there are none."""
    if "------< " not in text:
        raise DumpError(where, "not a dump of keepalived")
    groups: list[dict[str, Any]] = []
    members = False
    for line in text.partition(GROUPS_HEADING)[2].splitlines():
        if line.startswith("------< "):
            break
        group = GROUP.match(line)
        member = MEMBER.match(line)
        if group:
            groups.append({"name": group["name"], "state": group["state"], "instances": []})
        elif members and member and groups:
            groups[-1]["instances"].append(member["name"])
            continue
        members = line == MEMBERS
    if GROUPS_HEADING in text and not (groups and all(group["instances"] for group in groups)):
        raise DumpError(where, "sync groups that are not understood")
    return groups
