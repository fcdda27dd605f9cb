# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watch what others may take away under a firewall that runs: its table of rules, its cards, its addresses.

The table. Whoever says `nft flush ruleset` takes it away, and everything would pass, unfiltered and without
NAT. The kernel tells of it at once. Then this node gives way (keepalived stops, and the other node takes
over), is closed, gets its table again from the ruleset file, and is at the pair's disposal again. If it
can't be loaded, the node stays closed and without a role. What was counted, and what was in dynamic sets, is
lost.

The cards. Daemons are deaf on a card that was made anew; plan.py says when. keepalived reads its
configuration again (its states survive that), conntrackd starts anew, and the ruleset, whose flowtable has
lost the card, is loaded again with all its counts.

The addresses. Who else on a wire has one of them is asked every half minute (duplicates.py).

What can't be mended yet is in the state file, for pair-health.
"""

# pylint: disable=ansible-bad-function
# (a program of its own on nodes, and no module)

from __future__ import annotations

import json
import select
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from ansible_collections.ftfw.pair.plugins.module_utils.agent import arguments
from ansible_collections.ftfw.pair.plugins.module_utils.agent.watch.config import WatchConfig, read_config
from ansible_collections.ftfw.pair.plugins.module_utils.agent.watch.duplicates import Duplicates
from ansible_collections.ftfw.pair.plugins.module_utils.agent.watch.plan import ListeningDaemon, sentences
from ansible_collections.ftfw.pair.plugins.module_utils.agent.watch.wire import WINDOW, look
from ansible_collections.ftfw.pair.plugins.module_utils.netlink.changes import Changes
from ansible_collections.ftfw.pair.plugins.module_utils.netlink.nftables import has_rules
from ansible_collections.ftfw.pair.plugins.module_utils.netlink.route import cards
from ansible_collections.ftfw.pair.plugins.module_utils.system.commands import problem, run
from ansible_collections.ftfw.pair.plugins.module_utils.system.files import write
from ansible_collections.ftfw.pair.plugins.module_utils.system.journal import ERROR, NOTICE, WARNING, log

LOOK_SECONDS = 1.0
"""Seconds between two looks when the kernel tells nothing."""
AGAIN_SECONDS = 10.0
"""Seconds until what has failed is tried once more."""
COMMAND_SECONDS = 60.0
SYSTEMCTL = "/bin/systemctl"
FLOWS = Path("/etc/systemd/system/pair-flows.socket")
RULES, VRRP, REPLICATION = "ftfw-nftables.service", "keepalived.service", "conntrackd.service"


def identity(pid_file: Path) -> str | None:
    """Process and time of its start, by a file with its number; None where it does not run.

    conntrackd leaves no number; its socket is made anew at each start.
    """
    try:
        if pid_file.is_socket():
            made = pid_file.stat()
            return f"{made.st_ino}:{made.st_mtime_ns}"
        pid = int(pid_file.read_text())
        # the name of the program may have spaces; proc(5): starttime is the 22nd field
        return f"{pid}:{Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[19]}"
    except (OSError, ValueError, IndexError):
        return None


def load_again() -> str | None:
    """Have the ruleset loaded; why that has failed, or None.

    A start waits for the devices of the flowtables, for a minute and more where one is not there; a reload
    does without. A unit that has failed can only be started, and one whose rules can't be loaded has to fail,
    for keepalived asks for that.
    """
    if problem([SYSTEMCTL, "reload", RULES], COMMAND_SECONDS) is None:
        return None
    return problem([SYSTEMCTL, "restart", RULES], COMMAND_SECONDS)


def is_about_to_start(unit: str) -> bool:
    """Whether systemd is starting the unit, or waits for others before it does, as at boot."""
    done = run([SYSTEMCTL, "show", "--property=ActiveState,Job", unit], 2)
    said = dict(line.partition("=")[::2] for line in done.output.splitlines())
    waits = said.get("Job", "0") not in ("", "0")
    return said.get("ActiveState") == "activating" or (said.get("ActiveState") == "inactive" and waits)


class WatchProgram:
    """The I/O around it."""

    def __init__(self, config: WatchConfig, folder: Path, load: str, pid_files: dict[str, Path]) -> None:
        self.config, self.load, self.pid_files = config, load, pid_files
        self.state_file, self.stopped_file = folder / "state.json", folder / "stopped"
        self.rules, self.links = Changes.of_rules(), Changes.of_cards()
        self.listeners = {
            "keepalived": ListeningDaemon("keepalived", config.legs),
            "conntrackd": ListeningDaemon("conntrackd", config.replication),
            "the flowtable": ListeningDaemon("the flowtable", config.offload),
            # bound to its card, where the pair has it
            "pair-flows": ListeningDaemon("pair-flows", config.replication[:1]),
        }
        self.actions = {
            "keepalived": (SYSTEMCTL, "reload", VRRP),
            # its socket outlives a daemon that was killed: what does not run is not started
            "conntrackd": (SYSTEMCTL, "try-restart", REPLICATION),
            "the flowtable": (SYSTEMCTL, "reload", RULES),
            "pair-flows": (SYSTEMCTL, "restart", FLOWS.name),
        }
        self.again: dict[str, float] = {}
        self.said: list[str] = []
        self.duplicates: list[str] = []
        """Replaced as a whole by the thread that asks, read by the other."""
        self.saved = ""
        self.recall()

    def recall(self) -> None:
        """Take up what an earlier run has left."""
        try:
            known = json.loads(self.state_file.read_text())["listeners"]
            for name, listener in self.listeners.items():
                listener.identity, listener.known = known[name]["identity"], dict(known[name]["known"])
        except (OSError, ValueError, KeyError, TypeError):
            pass

    def save(self, said: list[str]) -> None:
        """Keep it, where it is not what the file has already."""
        listeners = {
            name: {"identity": listener.identity, "known": listener.known}
            for name, listener in self.listeners.items()
        }
        state = {"cards": said, "duplicates": self.duplicates, "listeners": listeners}
        text = json.dumps(state) + "\n"
        if text == self.saved:
            return
        try:
            write(self.state_file, text)
        except OSError as error:
            # a full file system: at the next look it is tried again
            if self.due("the state file"):
                self.result("the state file", error.strerror or str(error))
            return
        self.saved = text
        self.result("the state file", None)

    def due(self, what: str) -> bool:
        """Whether it may be tried now: what has failed waits a while."""
        return time.monotonic() >= self.again.get(what, 0)

    def result(self, what: str, error: str | None) -> bool:
        """Note what has come of a trial; whether it was well."""
        if error is None:
            self.again.pop(what, None)
            return True
        self.again[what] = time.monotonic() + AGAIN_SECONDS
        log(ERROR, f"{what}: {error}")
        return False

    def watch_table(self) -> None:
        try:
            if has_rules(self.config.table):
                if self.stopped_file.exists():
                    self.give_back()
                return
        except OSError as error:
            if self.due("the ruleset can't be asked for"):
                self.result("the ruleset can't be asked for", error.strerror or str(error))
            return
        if self.due("the table"):
            self.restore_table()

    def restore_table(self) -> None:
        begun = time.monotonic()
        if identity(self.pid_files["keepalived"]) is not None or is_about_to_start(VRRP):
            self.stopped_file.touch()
        # both at once: nothing unfiltered goes through, and the other node takes over
        with subprocess.Popen([SYSTEMCTL, "stop", VRRP], stdin=subprocess.DEVNULL):
            closed = problem([self.load, "--closed"], COMMAND_SECONDS)
            shut = time.monotonic() - begun
        log(ERROR, f"table inet {self.config.table} is gone: gives way to the peer, and loads it again")
        log(WARNING, closed or f"nothing passes any more, {shut * 1000:.0f} ms after that was seen")
        if self.result("the table", load_again()):
            log(NOTICE, f"table inet {self.config.table} is back after {time.monotonic() - begun:.2f} s")
            self.give_back()
        else:
            # mending is somebody's work now, and so is the start of keepalived
            self.stopped_file.unlink(missing_ok=True)

    def give_back(self) -> None:
        if not self.stopped_file.exists() or not self.due("keepalived's start"):
            return
        if self.result("keepalived's start", problem([SYSTEMCTL, "start", VRRP], COMMAND_SECONDS)):
            self.stopped_file.unlink(missing_ok=True)

    def identity(self, name: str) -> str | None:
        """Of a process by its file; the others are there as long as the node runs."""
        if name in self.pid_files:
            return identity(self.pid_files[name])
        return None if name == "pair-flows" and not FLOWS.exists() else "kernel"

    def watch_cards(self) -> None:
        found = cards()
        said: list[str] = []
        for name, listener in self.listeners.items():
            listener.note(self.identity(name), found)
            deaf = listener.deaf(found)
            ready = [interface for interface, lack in deaf.items() if lack is None]
            if ready and self.due(name):
                error = problem(self.actions[name], COMMAND_SECONDS)
                if self.result(name, error):
                    log(NOTICE, f"{', '.join(ready)}: made anew; {' '.join(self.actions[name][1:])}")
                    listener.note(self.identity(name), found)
                    listener.told(found)
                    deaf = listener.deaf(found)
            said += sentences(name, deaf)
        self.say(said)

    def say(self, said: list[str]) -> None:
        for sentence in said:
            if sentence not in self.said:
                log(WARNING, sentence)
        for sentence in self.said:
            if sentence not in said:
                log(NOTICE, f"no more: {sentence}")
        self.said = said
        self.save(said)

    def ask_wires(self, every: float) -> None:
        """Who else has our addresses. A thread does this: it waits for answers, and the table can't wait."""
        duplicates = Duplicates(self.config.virtual_addresses, self.config.peers)
        complaint = None
        while True:
            try:
                found = cards()
                duplicates.note(look(duplicates.places(found), found, window=min(WINDOW, every)), found)
                error = None
            except Exception as failed:
                # whatever it is: a thread that has ended would leave its last findings for ever
                error = getattr(failed, "strerror", None) or repr(failed)
                duplicates = Duplicates(self.config.virtual_addresses, self.config.peers)
            if error != complaint:
                complaint = error
                log(WARNING if error else NOTICE, f"who else has our addresses: {error or 'is asked again'}")
            said, before = duplicates.sentences(), self.duplicates
            self.duplicates = said
            for sentence in [each for each in said if each not in before]:
                log(ERROR, sentence)
            for sentence in [each for each in before if each not in said]:
                log(NOTICE, f"no more: {sentence}")
            time.sleep(every)

    def look(self) -> None:
        self.rules.drain()
        self.watch_table()
        self.links.drain()
        self.watch_cards()

    def run(self, every: float) -> None:
        threading.Thread(target=self.ask_wires, args=(every,), daemon=True).start()
        while True:
            self.look()
            select.select([self.rules, self.links], [], [], LOOK_SECONDS)


def main(words: Sequence[str]) -> None:
    parser = arguments.parser("watch", "Watch a firewall's table and cards.")
    parser.add_argument("--config", type=Path, default=Path("/etc/ftfw/watch.json"))
    parser.add_argument("--check", action="store_true", help="check the configuration, and do nothing else")
    parser.add_argument("--every", type=float, default=30, help="seconds between two looks for duplicates")
    parser.add_argument("--folder", type=Path, default=Path("/run/pair-watch"), help="for what it remembers")
    parser.add_argument("--load", default="/usr/local/libexec/ftfw/load-ruleset")
    parser.add_argument("--vrrp-pid-file", type=Path, default=Path("/run/vrrp.pid"))
    parser.add_argument("--conntrackd-socket", type=Path, default=Path("/run/conntrackd.ctl"))
    chosen = parser.parse_args(words)
    try:
        config = read_config(chosen.config)
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.exit(f"{chosen.config}: {f'no {error}' if isinstance(error, KeyError) else error}")
    if chosen.check:
        return
    pid_files = {"keepalived": chosen.vrrp_pid_file, "conntrackd": chosen.conntrackd_socket}
    WatchProgram(config, chosen.folder, chosen.load, pid_files).run(chosen.every)
