# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node's programs and files say, read for its health. Pure code."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.conntrack.tuples import Flow, fields

WORD = r"[\w.:-]"
# A colon or a slash goes on an address, a dot or a dash a name.
TOKEN = re.compile(rf"(?<!{WORD}){WORD}+")
VERSION = re.compile(r"\bv?(\d+(?:\.\d+)+\S*)")

# conntrack(8) has no names for these
_NAMES = {"ipv6-icmp": "icmpv6", "ipencap": "4", "ipv6": "41", "esp": "50", "ah": "51"}
UNREPLICATED = ("gre", "udplite")
"""conntrackd 1.4.7 sends GRE without its keys, and UDP-Lite without its ports."""


@dataclass(frozen=True)
class Replication:
    """What conntrackd.conf(5) says of what is replicated, and over which interfaces."""

    interfaces: tuple[str, ...]
    protocols: frozenset[str]
    """Empty: all."""
    ignored: frozenset[str]
    """Addresses, and prefixes."""

    def replicates(self, flow: Flow) -> bool:
        """Whether conntrackd sends this flow, which has to come with its reply.

        conntrackd compares the real ends of a flow (`Address Ignore`): the source of the original tuple, and
        that of the reply, which is where a port forward leads to.
        """
        return self._sends(flow.protocol) and self._cares(flow)

    def loses(self, flow: Flow) -> bool:
        """Whether a flow that goes through the node ends with a takeover, since conntrackd can't send it."""
        return flow.protocol in UNREPLICATED and not self._sends(flow.protocol) and self._cares(flow)

    def _sends(self, protocol: str) -> bool:
        return not self.protocols or _known(protocol) in self.protocols

    def _cares(self, flow: Flow) -> bool:
        return not any(self._ignores(fields(side).get("src")) for side in (flow.original, flow.reply) if side)

    def _ignores(self, address: str | None) -> bool:
        if address is None or address in self.ignored:
            return address is not None
        networks = self._networks
        return bool(networks) and any(ip_address(address) in network for network in networks)

    @cached_property
    def _networks(self) -> list[IPv4Network | IPv6Network]:
        return [ip_network(one, strict=False) for one in self.ignored if "/" in one]


def parse_replication(text: str) -> Replication:
    """Read conntrackd.conf(5). Blocks other than those looked for are passed over."""
    text = re.sub(r"#.*", "", text)
    protocols = _block(text, r"Protocol\s+Accept")
    addresses = [words.split()[-1] for words in _block(text, r"Address\s+Ignore")]
    return Replication(
        tuple(dict.fromkeys(re.findall(r"^\s*Interface\s+(\S+)", text, re.MULTILINE))),
        frozenset(_known(name) for name in protocols),
        frozenset(_same_form(address) for address in addresses),
    )


def _block(text: str, heading: str) -> list[str]:
    found = re.search(rf"\b{heading}\s*{{([^}}]*)}}", text)
    return [line.strip() for line in found[1].splitlines() if line.strip()] if found else []


def _known(protocol: str) -> str:
    """One name for what conntrack(8) and /etc/protocols call differently."""
    return _NAMES.get(protocol.lower(), protocol.lower())


def _same_form(address: str) -> str:
    try:
        return str(ip_address(address))
    except ValueError:
        return address


def parse_transitions(text: str, now: float) -> dict[str, Any]:
    """The state file of pair-state: state, since when (seconds since the epoch) and what is incomplete.

    A node's state began with its last group's. `now` is by CLOCK_MONOTONIC, as the file's deadline is; `left`
    are the seconds that what is pending may still take, None when nothing is under way.
    """
    try:
        found = json.loads(text)
        groups = {str(name): str(state) for name, state in dict(found["groups"]).items()}
        since = {str(name): float(moment) for name, moment in dict(found["since"]).items()}
        times = [since[name] for name, state in groups.items() if state == found["state"] and name in since]
        return {
            "state": str(found["state"]),
            "groups": groups,
            "since": max(times) if times else None,
            "pending": found["pending"],
            "left": _left(found, now),
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return {"state": "UNKNOWN", "groups": {}, "since": None, "pending": None, "left": None}


def _left(found: Mapping[str, Any], now: float) -> float | None:
    deadline = found.get("deadline")
    if found["pending"] is None or deadline is None or float(deadline) <= now:
        return None
    return round(float(deadline) - now, 1)


def parse_units(names: Sequence[str], text: str, optional: Collection[str] = ()) -> dict[str, dict[str, Any]]:
    """From `systemctl show --property=LoadState,ActiveState,MainPID`, one paragraph per unit, in order.

    A unit that is `optional` and unknown to systemd is left out.
    """
    paragraphs = [
        dict(line.split("=", 1) for line in part.splitlines() if "=" in line)
        for part in text.strip().split("\n\n")
    ]
    units = {}
    for name, known in zip(names, paragraphs + [{}] * len(names)):
        if name in optional and known.get("LoadState") == "not-found":
            continue
        pid = known.get("MainPID", "")
        units[name] = {
            "active": known.get("ActiveState") == "active",
            "pid": int(pid) if pid.isdigit() else 0,
        }
    return units


def parse_error(text: str) -> dict[str, Any] | None:
    """The last line of `journalctl --output=json`: time (seconds since the epoch), unit and message."""
    for line in reversed(text.splitlines()):
        try:
            entry = json.loads(line)
            message = entry["MESSAGE"]
            # a message that is no UTF-8 is a list of bytes
            words = message if isinstance(message, str) else bytes(message).decode(errors="replace")
            unit = str(
                entry.get("_SYSTEMD_UNIT") or entry.get("UNIT") or entry.get("SYSLOG_IDENTIFIER") or "?"
            )
            time = int(entry["__REALTIME_TIMESTAMP"]) / 1e6
        except (ValueError, KeyError, TypeError):
            continue
        return {"time": time, "unit": unit, "message": " ".join(words.split())}
    return None


def parse_version(text: str) -> str | None:
    """The version in the first line of what a program says of itself that has one."""
    found = VERSION.search(text)
    return found[1].strip("(),.") if found else None


def normalised(ruleset: str, names: Mapping[str, str]) -> str:
    """The text of a ruleset without comments, and with `names` in place of what is the node's own.

    Two nodes of a pair have other addresses, and may have other names of interfaces. With these called by
    what they are for, both have the same text when they have the same policy.
    """
    lines = (re.sub(r"\s*#.*", "", line).strip() for line in ruleset.splitlines())
    return "\n".join(
        TOKEN.sub(lambda found: f"<{names[found[0]]}>" if found[0] in names else found[0], line)
        for line in lines
        if line
    )


def stopped(stats: Iterable[str]) -> bool:
    """Whether one of some processes is stopped or traced, by /proc/PID/stat (proc(5))."""
    # the name of a program may have blanks and brackets
    return any(text.rpartition(")")[2].split()[:1] in (["T"], ["t"]) for text in stats)


def parse_watch(text: str | None, what: str) -> list[str]:
    """What pair-watch says of `cards` or `duplicates`, each a sentence; nothing where it has not run yet."""
    try:
        said = json.loads(text or "{}").get(what, [])
    except (ValueError, AttributeError):
        return []
    return [sentence for sentence in said if isinstance(sentence, str)] if isinstance(said, list) else []


def parse_balancers(text: str | None) -> list[dict[str, Any]]:
    """What pair-balance says, each balancer with the `problem` of the maps; none where nothing is said."""
    try:
        said = json.loads(text or "{}")
        return [{**one, "problem": said["problem"]} for one in said.get("balancers", ())]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []


def digest(text: str) -> str:
    """What two texts are compared by."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
