# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notice that a leg of this node is lost although its carrier is up, and let the other node take over.

VRRP doesn't: on the lost leg the backup hears no adverts, but its sync group waits for the other legs, on
which it still hears them. So both nodes report to each other on every link that they share, several times a
second. What is concluded, and why, is in plan.py. A node that gives way writes 1 into a file that
keepalived tracks (keepalived.conf(5), track_file): its sync group goes to FAULT. With 0 it is at the pair's
disposal again.

All that has arrived is taken in before anything is judged, once in an interval: a program that was kept
waiting judges by what came meanwhile. The file outlives the program and is taken up again; it outlives no
boot.
"""

# pylint: disable=ansible-bad-function
# (a program of its own on nodes, and no module)

from __future__ import annotations

import os
import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path

from ansible_collections.ftfw.pair.plugins.module_utils.agent import arguments
from ansible_collections.ftfw.pair.plugins.module_utils.agent.path.announcements import Announcements
from ansible_collections.ftfw.pair.plugins.module_utils.agent.path.channel import Channel
from ansible_collections.ftfw.pair.plugins.module_utils.agent.path.config import PathConfig, read_config
from ansible_collections.ftfw.pair.plugins.module_utils.agent.path.plan import (
    DEAD,
    MAX_BYTES,
    MAX_NEIGHBOURS,
    PEER,
    THIRD,
    Judgement,
    Report,
    ReportError,
    Watch,
    decode,
    encode,
    targets,
)
from ansible_collections.ftfw.pair.plugins.module_utils.agent.path.questions import announce, questions
from ansible_collections.ftfw.pair.plugins.module_utils.netlink.changes import Moves
from ansible_collections.ftfw.pair.plugins.module_utils.netlink.route import held, neighbours
from ansible_collections.ftfw.pair.plugins.module_utils.system.files import write_in_place
from ansible_collections.ftfw.pair.plugins.module_utils.system.journal import (
    ERROR,
    INFO,
    NOTICE,
    WARNING,
    log,
    notify_systemd,
)

HOUSEKEEPING, NEIGHBOURS = 1.0, 10.0
"""Seconds between two looks at devices and keepalived, and at the kernel's neighbours."""
CLAIM_SECONDS = 3.0
"""So long a claim stands: longer ago is not now."""
LASTING = 0.5
"""Seconds that a leg must have been the same before that is worth a line."""
MEANING = {
    PEER: "is heard by the peer, and hears it",
    THIRD: "works here, since others answer; but not between here and the peer",
    DEAD: "is dead here: neither the peer nor anybody else answers",
}


def read_fault(file: Path) -> bool:
    """What an earlier run has left; nothing, or nonsense, is no fault."""
    try:
        return int(file.read_text()) != 0
    except (OSError, ValueError):
        return False


def write_fault(file: Path, fault: bool) -> None:
    """keepalived watches this file."""
    write_in_place(file, "1\n" if fault else "0\n")


def read_claim(file: Path | None, now: float) -> bool:
    """Whether the file stands for a comparison of a moment ago; it tells when that was (monotonic clock)."""
    try:
        return file is not None and 0 <= now - float(file.read_text()) <= CLAIM_SECONDS
    except (OSError, ValueError):
        return False


def runs(pid_file: Path) -> bool:
    """Whether the process that the file names is there."""
    try:
        return Path(f"/proc/{int(pid_file.read_text())}").exists()
    except (OSError, ValueError):
        return False


class PathProgram:
    """The I/O around the judgement."""

    def __init__(self, config: PathConfig, fault_file: Path, pid_file: Path, notify_fifo: Path) -> None:
        self.config, self.fault_file, self.pid_file = config, fault_file, pid_file
        self.notify_fifo = notify_fifo
        self.links = {link.network: link for link in config.links}
        self.channels = {
            name: Channel(link.interface, link.local, link.peer, config.port)
            for name, link in self.links.items()
        }
        self.questions = {
            name: questions(link.interface, link.local) for name, link in self.links.items() if link.leg
        }
        self.own = [
            *config.virtual_addresses,
            *(address for link in config.links for address in (link.local, link.peer)),
        ]
        fault = read_fault(fault_file)
        self.watch = Watch(
            {link.network: link.leg for link in config.links},
            config.timing,
            config.preferred,
            fault,
            config.yields,
        )
        self.boot, self.sequence = secrets.token_hex(8), 0
        self.known: dict[str, tuple[str, ...]] = {}
        self.able = self.claims = False
        self.last = Judgement({}, frozenset(), fault, ())
        self.announcements = Announcements()
        self.moves = Moves(config.virtual_addresses)
        self.looked_at = self.asked_kernel_at = -NEIGHBOURS
        self.complaints: dict[str, str | None] = {}
        self.changed_at: dict[str, float] = {}
        self.logged: dict[str, str] = {}
        write_fault(fault_file, fault)

    def look_around(self, now: float) -> None:
        """What changes seldom: devices, keepalived, neighbours."""
        if now - self.looked_at >= HOUSEKEEPING:
            self.looked_at = now
            self.able = runs(self.pid_file)
            self.claims = read_claim(self.config.claim_file, now)
            for name, channel in self.channels.items():
                sent = channel.error
                channel.reopen()
                self.complain(f"{name} ({channel.interface})", sent or channel.error)
        if now - self.asked_kernel_at >= NEIGHBOURS:
            self.asked_kernel_at = now
            names = {self.links[name].interface: name for name in self.questions}
            families = {each: ip_address(self.links[name].local).version for each, name in names.items()}
            try:
                found = neighbours(families, 2 * MAX_NEIGHBOURS)
            except OSError as error:
                self.complain("neighbours", str(error))
                return
            for interface, addresses in found.items():
                name = names[interface]
                # one that has gone silent since stays known until others have taken its place
                known = (addresses, self.known.get(name, ()))
                self.known[name] = targets(known, self.own, MAX_NEIGHBOURS)

    def complain(self, what: str, error: str | None) -> None:
        """Log an error when it comes and when it goes."""
        if error != self.complaints.get(what):
            self.complaints[what] = error
            log(WARNING if error else NOTICE, f"{what}: {error or 'works again'}")

    def take_in(self, now: float) -> None:
        data, report = b"", None
        for name, channel in self.channels.items():
            for datagram in channel.received(MAX_BYTES):
                # the same round comes on every link
                if datagram != data or report is None:
                    data = datagram
                    try:
                        report = decode(data)
                    except ReportError as error:
                        report = None
                        self.complain(f"reports on {name}", str(error))
                        continue
                self.watch.hear(name, report, now)
        for name, asked in self.questions.items():
            if asked.answered():
                self.watch.answer(name, now)

    def ask(self, name: str) -> None:
        if name in self.questions:
            peer = self.watch.peer
            sources = (
                self.links[name].targets,
                self.known.get(name, ()),
                peer.neighbours.get(name, ()) if peer else (),
            )
            self.questions[name].ask(targets(sources, self.own))

    def log_legs(self, legs: Mapping[str, str], now: float) -> None:
        for name, verdict in legs.items():
            if verdict != self.last.legs.get(name):
                self.changed_at[name] = now
            lasts = now - self.changed_at.get(name, now) >= LASTING
            if lasts and verdict in MEANING and verdict != self.logged.get(name, PEER):
                self.logged[name] = verdict
                level = NOTICE if verdict == PEER else WARNING
                log(level, f"{name} ({self.links[name].interface}) {MEANING[verdict]}")

    def tell(self, judgement: Judgement, now: float) -> None:
        """Let keepalived know of what is new, and log it."""
        self.log_legs(judgement.legs, now)
        last, self.last = self.last, judgement
        if judgement.fault != last.fault:
            write_fault(self.fault_file, judgement.fault)
            legs = ", ".join(name for name, verdict in judgement.legs.items() if verdict == DEAD)
            if judgement.fault and legs:
                log(ERROR, f"gives way to the peer: {legs} is dead here, and works there")
            elif judgement.fault:
                log(NOTICE, "gives the role back to the preferred node, which holds all flows")
            else:
                log(NOTICE, "at the pair's disposal again" + (f", without {legs}" if legs else ""))
        if judgement.legs != last.legs or judgement.fault != last.fault:
            verdicts = ", ".join(f"{name} {verdict}" for name, verdict in judgement.legs.items())
            notify_systemd(f"STATUS={'given way; ' if judgement.fault else ''}{verdicts}")

    def announce(self, why: str) -> None:
        """Announce the virtual addresses that are here now, if any."""
        said, failed = [], None
        try:
            for interface, address in held(self.config.virtual_addresses):
                try:
                    announce(interface, address)
                    said.append(f"{address} on {interface}")
                except OSError as error:
                    failed = f"{address} on {interface}: {error.strerror or error}"
        except OSError as error:
            failed = error.strerror or str(error)
        self.complain("announcements", failed)
        if said:
            log(INFO, f"{why}, announced {', '.join(said)}")

    def tell_pair_state(self) -> None:
        """Messages were lost, and both may have been primary: who is it sends all its flows once more."""
        try:
            descriptor = os.open(self.notify_fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                os.write(descriptor, b"PEER heard\n")
            finally:
                os.close(descriptor)
            self.complain("pair-state", None)
        except OSError as error:
            self.complain("pair-state", error.strerror or str(error))

    def round(self, now: float) -> None:
        self.look_around(now)
        self.take_in(now)
        judgement = self.watch.judge(now)
        self.announcements.note(self.last, judgement, now)
        self.announcements.note_peer(self.watch.peer, now)
        self.announcements.note_own(self.moves.come(), now)
        self.tell(judgement, now)
        if why := self.announcements.due(now):
            self.announce(why)
        if self.announcements.sends(now):
            self.tell_pair_state()
        self.sequence += 1
        report = Report(
            self.boot,
            self.sequence,
            self.able,
            judgement.fault,
            judgement.heard,
            judgement.legs,
            self.known,
            self.claims,
            self.moves.gone,
        )
        data = encode(report)
        for channel in self.channels.values():
            channel.send(data)
        for name, asked in self.questions.items():
            if name in judgement.ask:
                self.ask(name)
            elif not self.watch.asking(name):
                asked.close()

    def run(self) -> None:
        due = time.monotonic()
        while True:
            self.round(time.monotonic())
            # rounds that were missed are not made up for
            due = max(due + self.config.timing.interval, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))


def main(words: Sequence[str]) -> None:
    parser = arguments.parser("path", "Track the legs of a firewall pair.")
    parser.add_argument("--config", type=Path, default=Path("/etc/ftfw/path.json"))
    parser.add_argument("--check", action="store_true", help="check the configuration, and do nothing else")
    parser.add_argument("--fault-file", type=Path, default=Path("/run/pair-path/fault"))
    parser.add_argument(
        "--pid-file", type=Path, default=Path("/run/vrrp.pid"), help="of keepalived's VRRP process"
    )
    parser.add_argument("--notify-fifo", type=Path, default=Path("/run/pair-state/notify"))
    chosen = parser.parse_args(words)
    try:
        config = read_config(chosen.config)
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f"no {error}" if isinstance(error, KeyError) else str(error)
        sys.exit(f"{chosen.config}: {what}")
    if chosen.check:
        return
    program = PathProgram(config, chosen.fault_file, chosen.pid_file, chosen.notify_fifo)
    notify_systemd("READY=1")
    program.run()
