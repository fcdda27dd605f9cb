# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A node's own facts for its health, asked from its kernel and its daemons. All of it is I/O.

What can't be told is None and never an error: an ill node has to be able to say what ails it.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.conntrack.digest import Digest
from ansible_collections.ftfw.pair.plugins.module_utils.conntrack.orphans import Key, ask_masters, orphans
from ansible_collections.ftfw.pair.plugins.module_utils.conntrack.tuples import (
    Flow,
    OutputError,
    is_closing,
    parse_flow,
)
from ansible_collections.ftfw.pair.plugins.module_utils.conntrackd import stats
from ansible_collections.ftfw.pair.plugins.module_utils.health import parse
from ansible_collections.ftfw.pair.plugins.module_utils.health.rules import Rules, rule_counters
from ansible_collections.ftfw.pair.plugins.module_utils.system.commands import (
    AskError,
    ask,
    lines,
)
from ansible_collections.ftfw.pair.plugins.module_utils.system.files import content, number
from ansible_collections.ftfw.pair.plugins.module_utils.system.version import version

DAEMONS = (
    "keepalived",
    "conntrackd",
    "pair-state",
    "pair-guard",
    "pair-watch",
    "pair-path",
    "pair-preempt",
    "pair-balance",
)
OPTIONAL = frozenset(("pair-path", "pair-preempt", "pair-balance"))
"""Where the site leaves them out, or the other node has them, their units are not there."""
SECTIONS: dict[str, Callable[[str, str], Any]] = {
    "general": stats.parse_general,
    "network": stats.parse_network,
    "cache": stats.parse_cache,
    "queue": stats.parse_queue,
    "runtime": stats.parse_runtime,
    "link": stats.parse_links,
}
PROGRAMS = {
    "keepalived": ["keepalived", "--version"],
    "conntrackd": ["conntrackd", "-v"],
    "nft": ["nft", "--version"],
}
STALL_SECONDS = 5
"""In mode FTFW conntrackd sends a message each second at least (alive messages); a few may get lost."""
POLL_SECONDS = 0.3
RECENT = "-15min"


@dataclass(frozen=True)
class HealthConfig:
    """/etc/ftfw/health.json: what the node has to know of itself."""

    pair: str
    node: str
    peer: str
    virtual_addresses: list[str]
    names: dict[str, str]
    """What is the node's own in its ruleset, and what it is for: `{"eth0": "outside"}`."""
    links: list[dict[str, Any]] = field(default_factory=list)
    """Replication links, each with this node's address as `local` and the other's as `peer`."""
    port: int = 3783
    """Where the other node's check answers, TCP."""
    textfile: str = ""
    ruleset: str = "/etc/ftfw/ruleset.nft"
    names_file: str = "/run/ftfw/cards"
    watch_file: str = "/run/pair-watch/state.json"
    state_file: str = "/run/pair-state/state.json"
    balance_file: str = "/run/pair-balance/state.json"
    conntrackd: str = "/etc/conntrackd/conntrackd.conf"
    memory: str = "/run/pair-health"


@dataclass
class NodeFacts:
    """Asks for the facts. `heard` is when which number of packets had come, as an earlier check saw it."""

    config: HealthConfig
    heard: dict[str, Any] = field(default_factory=dict)

    def facts(self, compare: bool, flows: bool) -> dict[str, Any]:
        """All facts; with `compare` also versions, which only a comparison with the peer needs.

        With `flows` also digests of these, which cost time where they are many.
        """
        started = time.monotonic()
        conntrackd, error = self.statistics()
        packets = conntrackd["network"]["link"]["packets_received"] if conntrackd else None
        units = self.units()
        watched = content(Path(self.config.watch_file))
        found: dict[str, Any] = {
            "pair": self.config.pair,
            "node": self.config.node,
            "peer": self.config.peer,
            **self.vrrp(),
            "units": {name: unit["active"] for name, unit in units.items()},
            "stopped": [name for name, unit in units.items() if unit["pid"] and is_stopped(unit["pid"])],
            "failed_units": failed_units(),
            "entries": entries(conntrackd),
            "links": [
                {"interface": name, "carrier": carrier(name)} for name in self.replication().interfaces
            ],
            "names": (content(Path(self.config.names_file)) or "").splitlines(),
            **{what: parse.parse_watch(watched, what) for what in ("cards", "duplicates")},
            "balancers": self.balancers() if "pair-balance" in units else [],
            "conntrackd": conntrackd,
            "conntrackd_error": error,
            "last_error": last_error(),
            "boot": boot(),
            "counters": rule_counters(),
            "ruleset": self.rules().facts(),
            "versions": versions() if compare else None,
            "flows": self.flows(conntrackd) if flows else None,
        }
        silent = None if packets is None else self.silence(started, packets)
        return {
            **found,
            "replication": counters(conntrackd, silent),
            "clock": {"wall": time.time(), "monotonic": time.monotonic()},
        }

    def shared(self, flows: bool) -> dict[str, Any]:
        """What the peer compares with its own, and no more: it asks often."""
        begun = time.time()
        conntrackd, _error = self.statistics(("general",)) if flows else (None, None)
        return {
            "pair": self.config.pair,
            "node": self.config.node,
            "virtual_addresses": self.vrrp()["virtual_addresses"],
            "ruleset": {"policy": self.rules().policy()},
            "versions": versions(),
            "flows": self.flows(conntrackd) if flows else None,
            "clock": {"begun": begun, "ended": time.time()},
        }

    def replication(self) -> parse.Replication:
        return parse.parse_replication(content(Path(self.config.conntrackd)) or "")

    def statistics(
        self, sections: Sequence[str] = tuple(SECTIONS)
    ) -> tuple[dict[str, Any] | None, str | None]:
        """What conntrackd tells, or why it doesn't."""
        found = {}
        try:
            for section in sections:
                read = SECTIONS[section]
                # without a section it is the general statistics
                words = ["conntrackd", "-s", *([] if section == "general" else [section])]
                found[section] = read(ask(words), " ".join(words))
        except (AskError, OutputError) as error:
            return None, str(error)
        return found, None

    def silence(self, since: float, packets: int) -> float:
        """Seconds since the peer's last message; `packets` had come at `since`.

        It takes about a second, and STALL_SECONDS where nothing comes.
        """
        before = time.monotonic()
        while True:
            try:
                link = stats.parse_network(ask(["conntrackd", "-s", "network"]), "conntrackd -s network")[
                    "link"
                ]
            except (AskError, OutputError):
                return round(time.monotonic() - since, 1)
            now = time.monotonic()
            if link["packets_received"] != packets:
                return round(now - before, 1)
            if now - since >= STALL_SECONDS:
                known = self.heard.get("packets") == packets
                return round(now - min(since, self.heard["monotonic"] if known else since), 1)
            before = now
            time.sleep(POLL_SECONDS)

    def vrrp(self) -> dict[str, Any]:
        """State and addresses; read once more where they are seen in the middle of a transition."""
        for attempt in (1, 2):
            told = content(Path(self.config.state_file)) or ""
            state = parse.parse_transitions(told, time.monotonic())
            held = self.held()
            masters = [name for name, known in state["groups"].items() if known == "MASTER"]
            settled = state["pending"] is None and bool(held) == bool(masters)
            if settled or attempt == 2:
                break
            time.sleep(1.5)
        return {"vrrp": state, "virtual_addresses": held}

    def held(self) -> list[str]:
        try:
            links = json.loads(ask(["ip", "-json", "address", "show"]))
            present = {entry.get("local") for link in links for entry in link.get("addr_info", [])}
        except (AskError, ValueError):
            return []
        return [address for address in self.config.virtual_addresses if address in present]

    def units(self) -> dict[str, dict[str, Any]]:
        names = [f"{name}.service" for name in DAEMONS]
        try:
            told = ask(["systemctl", "show", "--property=LoadState,ActiveState,MainPID", "--", *names])
        except AskError:
            told = ""
        return parse.parse_units(DAEMONS, told, OPTIONAL)

    def balancers(self) -> list[dict[str, Any]]:
        """What pair-balance says of them; an earlier site may have left its file."""
        return parse.parse_balancers(content(Path(self.config.balance_file)))

    def rules(self) -> Rules:
        return Rules(Path(self.config.ruleset), Path(self.config.memory), self.config.names)

    def flows(self, conntrackd: dict[str, Any] | None) -> dict[str, Any]:
        """Digests of the flows to replicate that the kernel has, and of those in the external cache.

        `external` is None without an external cache; `why` says why there is no digest. `orphans` are flows
        apart from `kernel`, which can't be replicated any more; an external cache has had them in any case.
        `unreplicated` counts flows of protocols that can't be replicated at all, by protocol.
        """
        if conntrackd is None:
            # a cache is gone with its daemon, and whether there was one only the daemon tells
            return {**NO_FLOWS, "why": "conntrackd does not tell where they are"}
        replication = self.replication()
        try:
            masters: dict[Key, Key] = {}
            cached = None
            if conntrackd["general"]["external"]["kind"] == "cache":
                cached = {flow.key for flow in lasting(["conntrackd", "-e"])}
            else:
                masters = ask_masters()
            listed = list(lasting(["conntrack", "-L"]))
            kernel = [flow for flow in listed if replication.replicates(flow)]
        except (AskError, OutputError) as error:
            return {**NO_FLOWS, "why": str(error)}
        except OSError as error:
            return {
                **NO_FLOWS,
                "why": f"the kernel does not tell what helpers expected: {error.strerror or error}",
            }
        alone = orphans(kernel, masters)
        return {
            "why": None,
            "kernel": Digest.of({flow.key for flow in kernel} - alone).pack(),
            "external": None if cached is None else Digest.of(cached).pack(),
            "orphans": Digest.of(alone).pack(),
            "unreplicated": Counter(flow.protocol for flow in listed if replication.loses(flow)),
        }


def lasting(command: list[str]) -> Iterator[Flow]:
    """The flows that a command lists, but for TCP flows that end."""
    return (parse_flow(line, " ".join(command)) for line in lines(command) if not is_closing(line))


NO_FLOWS: dict[str, Any] = {"kernel": None, "external": None, "orphans": None, "unreplicated": {}}


def is_stopped(pid: int) -> bool:
    """Whether a daemon or a child of it is stopped (SIGSTOP): such a one runs, but does nothing."""
    children = (content(Path(f"/proc/{pid}/task/{pid}/children")) or "").split()
    return parse.stopped(content(Path(f"/proc/{each}/stat")) or "" for each in [str(pid), *children])


def boot() -> str | None:
    """What is another at each start of the node: the kernel's number (random(4)), and when init began."""
    kernel, init = content(Path("/proc/sys/kernel/random/boot_id")), content(Path("/proc/1/stat"))
    # proc(5): the name, in parentheses, may have blanks; field 22 is the start
    return f"{kernel.strip()} {init.rpartition(')')[2].split()[19]}" if kernel and init else None


def failed_units() -> list[str] | None:
    try:
        told = ask(["systemctl", "list-units", "--failed", "--plain", "--no-legend", "--no-pager"])
    except AskError:
        return None
    return [line.split()[0] for line in told.splitlines() if line.strip()]


def last_error() -> dict[str, Any] | None:
    units = [word for name in DAEMONS for word in ("--unit", f"{name}.service")]
    options = ["--quiet", "--no-pager", "--output=json", "--priority=err", f"--since={RECENT}", "--lines=1"]
    try:
        return parse.parse_error(ask(["journalctl", *options, *units]))
    except AskError:
        return None


def carrier(interface: str) -> bool:
    return number(f"/sys/class/net/{interface}/carrier") == 1


def entries(conntrackd: dict[str, Any] | None) -> dict[str, int | None]:
    """Entries of the kernel's table, how many fit, and those of both caches; None for a cache that is off."""
    general = conntrackd["general"] if conntrackd else {"internal": {}, "external": {}}
    return {
        "kernel": number("/proc/sys/net/netfilter/nf_conntrack_count"),
        "maximum": number("/proc/sys/net/netfilter/nf_conntrack_max"),
        "internal": general["internal"].get("active"),
        "external": general["external"].get("active"),
    }


def counters(conntrackd: dict[str, Any] | None, silent: float | None) -> dict[str, Any] | None:
    """What tells how replication goes, taken out of conntrackd's statistics."""
    if conntrackd is None:
        return None
    queues = conntrackd["queue"]["queues"]
    return {
        "silent_seconds": silent,
        "unconfirmed": queues.get("rsqueue", {}).get("elements", 0),
        "lost": conntrackd["general"]["messages"]["lost"],
        "malformed": conntrackd["general"]["messages"]["malformed"],
        "overruns": conntrackd["runtime"]["netlink"]["overruns"],
        "no_space": sum(queue["no_space_errors"] for queue in queues.values()),
    }


def versions() -> dict[str, str | None]:
    """Of all whose difference between the nodes may matter; pair-state's is that of the whole program."""
    found: dict[str, str | None] = {"kernel": os.uname().release}
    for name, command in PROGRAMS.items():
        try:
            # keepalived tells it on standard error
            found[name] = parse.parse_version(ask(command, complaints=True))
        except AskError:
            found[name] = None
    return {**found, "pair-state": version()}
