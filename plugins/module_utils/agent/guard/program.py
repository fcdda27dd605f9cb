# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take the virtual addresses away from a keepalived that is dead or does not move any more.

The other node takes the addresses as soon as it hears no adverts. A process that was stopped, or hangs, sends
none and yet keeps its addresses in the kernel: two nodes would answer for them. systemd sees a process that
ends, but not one that stands still. So this program looks at the VRRP process's context switches (proc(5),
/proc/PID/status): sending or hearing adverts it is woken many times a second. When it was not woken for a
while, the whole service is killed: systemd then removes the addresses (ExecStopPost=) and starts it again.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.ftfw.pair.plugins.module_utils.agent import arguments
from ansible_collections.ftfw.pair.plugins.module_utils.system.commands import ANSWER_SECONDS, problem, run
from ansible_collections.ftfw.pair.plugins.module_utils.system.journal import ERROR, log

REMOVE_SECONDS = 60
_SWITCHES = re.compile(r"^(?:non)?voluntary_ctxt_switches:\s+(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class GuardLook:
    """What was seen at one moment: seconds of the monotonic clock, the VRRP process, its context switches."""

    at: float
    pid: int | None
    switches: int


@dataclass(frozen=True)
class FreezeVerdict:
    """What is wrong, if anything, and since which look."""

    frozen: bool
    since: GuardLook


def judge(since: GuardLook, last: GuardLook, now: GuardLook, patience: float) -> FreezeVerdict:
    """Compare with the first look at which the process had done what it has done now.

    `patience` is in seconds. A look that comes so late after the last one (this program, or the whole
    machine, stood still) proves nothing about keepalived, and starts the clock anew.
    """
    if (
        now.pid is None
        or (now.pid, now.switches) != (since.pid, since.switches)
        or now.at - last.at >= patience
    ):
        return FreezeVerdict(False, now)
    return FreezeVerdict(now.at - since.at >= patience, since)


def switches_of(status: str) -> int:
    """Sum the context switches in the text of /proc/PID/status."""
    return sum(int(count) for count in _SWITCHES.findall(status))


def look(pid_file: Path) -> GuardLook:
    """Look at the process that the file names; no process where there is none."""
    now = time.monotonic()
    try:
        pid = int(pid_file.read_text())
        return GuardLook(now, pid, switches_of(Path(f"/proc/{pid}/status").read_text()))
    except (OSError, ValueError):
        return GuardLook(now, None, 0)


def holds_addresses(addresses: list[str]) -> bool:
    """Whether the kernel has one of the addresses, with their prefix lengths. They may be hundreds."""
    listed = run(["/bin/ip", "-oneline", "address", "show"], ANSWER_SECONDS).output
    return not {word for line in listed.splitlines() for word in line.split()[3:4]}.isdisjoint(addresses)


def kill_service(unit: str, pid: int) -> None:
    """End all processes of the unit at once; at least the one that was found to be frozen."""
    command = ["/bin/systemctl", "kill", "--kill-whom=all", "--signal=SIGKILL", unit]
    if error := problem(command, 5):
        log(ERROR, f"{unit}: {error}")
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def main(words: Sequence[str]) -> None:
    parser = arguments.parser("guard", "Guard the virtual addresses.")
    parser.add_argument("--address", action="append", required=True, help="a virtual address")
    parser.add_argument("--unit", default="keepalived.service")
    parser.add_argument("--pid-file", type=Path, default=Path("/run/vrrp.pid"), help="of the VRRP process")
    parser.add_argument("--remove", default="/usr/local/libexec/ftfw/remove-virtual-addresses")
    parser.add_argument("--patience", type=float, default=2, help="seconds that keepalived may stand still")
    parser.add_argument("--interval", type=float, default=0.5, help="seconds between looks")
    chosen = parser.parse_args(words)

    since = last = look(chosen.pid_file)
    absent_since: float | None = None
    while True:
        time.sleep(chosen.interval)
        now = look(chosen.pid_file)
        verdict = judge(since, last, now, chosen.patience)
        since, last = verdict.since, now
        if verdict.frozen and now.pid is not None and holds_addresses(chosen.address):
            log(ERROR, f"keepalived ({now.pid}) has not moved for {now.at - since.at:.1f} s: it is killed")
            kill_service(chosen.unit, now.pid)
        if now.pid is not None:
            absent_since = None
        elif absent_since is None:
            absent_since = now.at
        elif now.at - absent_since >= chosen.patience and holds_addresses(chosen.address):
            log(ERROR, "keepalived is gone, and has left virtual addresses behind")
            if error := problem([chosen.remove], REMOVE_SECONDS):
                log(ERROR, error)
