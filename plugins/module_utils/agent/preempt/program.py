# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Give the preferred node its role back, but only once it holds every flow of the primary's.

`pair-preempt serve` runs on the other node, for each connection that systemd has accepted from the preferred
one (systemd.socket(5), Accept=yes): it writes the flows that this node replicates to its standard output.
`pair-preempt watch` runs on the preferred node. While that is backup, it compares the primary's flows with
its own, and keeps a file as long as it holds them all. pair-path tells the primary of the file, and the
primary gives way. How flows are compared is in plan.py.
"""

# pylint: disable=ansible-bad-function
# (a program of its own on nodes, and no module)

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.agent import arguments
from ansible_collections.ftfw.pair.plugins.module_utils.agent.preempt.plan import (
    FlowComparison,
    Preemption,
    SetError,
    hash_of,
    read_set,
    write_set,
)
from ansible_collections.ftfw.pair.plugins.module_utils.conntrack.tuples import (
    Flow,
    OutputError,
    is_closing,
    parse_flow,
)
from ansible_collections.ftfw.pair.plugins.module_utils.health import parse
from ansible_collections.ftfw.pair.plugins.module_utils.system.commands import AskError, ask, lines
from ansible_collections.ftfw.pair.plugins.module_utils.system.files import write
from ansible_collections.ftfw.pair.plugins.module_utils.system.journal import ERROR, log

BACKUP = "BACKUP"
APART = 1.0
"""Seconds between the primary's first set and the own one: what the first one has is under way so long."""
ANSWER_SECONDS = 30.0


@dataclass(frozen=True)
class PreemptConfig:
    """/etc/ftfw/preempt.json. Times in seconds."""

    interface: str
    local: str
    peer: str
    port: int
    replication: str
    interval: float
    deadline: float


def read_config(file: Path) -> PreemptConfig:
    """Read the configuration. Raises ValueError that names the key."""
    said: dict[str, Any] = json.loads(file.read_text())
    try:
        config = PreemptConfig(**said)
    except TypeError as error:
        raise ValueError(str(error)) from error
    if ip_address(config.local).version != ip_address(config.peer).version:
        raise ValueError(f"{config.local} and {config.peer} are of different families")
    if not 1 <= config.interval <= 3600:
        raise ValueError(f"interval is {config.interval:g} s, it must be between 1 and 3600")
    if config.deadline <= 0:
        raise ValueError(f"deadline is {config.deadline:g} s, it must be more than 0")
    return config


def listed(*command: str) -> Iterator[tuple[str, Flow]]:
    """Lines of a dump, and the flows that they tell of."""
    return ((line, parse_flow(line, " ".join(command))) for line in lines(list(command)))


def replicated_flows(conntrackd: Path) -> set[int]:
    """What this node's kernel has of what it replicates, but for TCP flows that end."""
    replication = parse.parse_replication(conntrackd.read_text())
    return {
        hash_of(flow.key)
        for line, flow in listed("conntrack", "-L")
        if not is_closing(line) and replication.replicates(flow)
    }


def present_flows(replication: str) -> set[int]:
    """What this node holds: its kernel's flows and, where there is one, those of the external cache."""
    commands = [("conntrack", "-L"), *([("conntrackd", "-e")] if replication == "external" else [])]
    return {hash_of(flow.key) for command in commands for _line, flow in listed(*command)}


def ask_primary(config: PreemptConfig) -> set[int]:
    """Read the peer's flows. Raises OSError and SetError."""
    family = socket.AF_INET if ip_address(config.local).version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_STREAM) as opened:
        opened.settimeout(ANSWER_SECONDS)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, config.interface.encode() + b"\0")
        opened.bind((config.local, 0))
        opened.connect((config.peer, config.port))
        with opened.makefile("rb") as file:
            return read_set(file)


def compare(config: PreemptConfig) -> FlowComparison | str:
    """Compare once; or why that can't be done."""
    try:
        before = ask_primary(config)
        time.sleep(APART)
        own = present_flows(config.replication)
        return FlowComparison.of(before, own, ask_primary(config))
    except SetError as error:
        return f"the peer's flows: {error}"
    except OSError as error:
        return f"the peer does not tell its flows: {error.strerror or error}"
    except (AskError, OutputError) as error:
        return f"the flows here: {error}"


def request_flows() -> str | None:
    """Ask the peer to send all its flows (conntrackd(8)); why that was not possible."""
    try:
        ask(["conntrackd", "-n"])
    except AskError as error:
        return f"the peer can't be asked for its flows: {error}"
    return None


def vrrp_state(file: Path) -> str:
    """The state that pair-state keeps; with a transition that is not complete, that it is under way."""
    try:
        known = json.loads(file.read_text())
        return str(known["state"]) if known["pending"] is None else "a transition is under way"
    except (OSError, ValueError, KeyError, TypeError):
        return "unknown"


def claim(file: Path, claims: bool) -> None:
    """The file's age counts: it is written anew after each comparison that it stands for."""
    if claims:
        write(file, f"{time.monotonic():.3f}\n")
    else:
        file.unlink(missing_ok=True)


def watch(config: PreemptConfig, state_file: Path, file: Path) -> None:
    known = Preemption(config.deadline)
    while True:
        state = vrrp_state(state_file)
        if state == BACKUP:
            found = compare(config)
            # it may have become something else meanwhile
            state = vrrp_state(state_file)
        if state == BACKUP:
            if known.compared(found, time.monotonic()) and (why := request_flows()):
                known.told.append((ERROR, why))
        else:
            known.other_state(state)
        try:
            claim(file, known.claims)
        except OSError as error:
            known.told.append((ERROR, f"{file}: {error.strerror or error}"))
        for level, text in known.told:
            log(level, text)
        known.told.clear()
        time.sleep(config.interval)


def main(words: Sequence[str]) -> None:
    parser = arguments.parser("preempt", "Give the preferred node its role back, with all flows.")
    parser.add_argument("do", choices=["serve", "watch", "check"], help="check: of the configuration")
    parser.add_argument("--config", type=Path, default=Path("/etc/ftfw/preempt.json"))
    parser.add_argument("--conntrackd", type=Path, default=Path("/etc/conntrackd/conntrackd.conf"))
    parser.add_argument("--state-file", type=Path, default=Path("/run/pair-state/state.json"))
    parser.add_argument("--claim-file", type=Path, default=Path("/run/pair-preempt/claim"))
    chosen = parser.parse_args(words)
    try:
        if chosen.do == "serve":
            write_set(replicated_flows(chosen.conntrackd), sys.stdout.buffer)
            return
        config = read_config(chosen.config)
    except (OSError, ValueError) as error:
        sys.exit(f"{chosen.conntrackd if chosen.do == 'serve' else chosen.config}: {error}")
    except (AskError, OutputError) as error:
        sys.exit(str(error))
    if chosen.do == "watch":
        watch(config, chosen.state_file, chosen.claim_file)
