# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep a node's balancers: ask their servers, and let those answer that are well.

Each server has a thread that asks it. One loop takes in what they have found, and writes who answers into the
maps of the ruleset. It looks after these as well: whoever loads the ruleset again may bring back what it
began with. Nothing here has to run for a flow to go on.

A loop that hangs tells systemd nothing any more, and is started anew.
"""

# pylint: disable=ansible-bad-function
# (a program of its own on nodes, and no module)

from __future__ import annotations

import json
import queue
import random
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.agent import arguments
from ansible_collections.ftfw.pair.plugins.module_utils.agent.balance.counter import CONNTRACK, FlowCounter
from ansible_collections.ftfw.pair.plugins.module_utils.agent.balance.ipvs import (
    IpvsKeeper,
    former_services,
)
from ansible_collections.ftfw.pair.plugins.module_utils.agent.balance.news import News
from ansible_collections.ftfw.pair.plugins.module_utils.balance.checks import (
    ask,
    digest_of,
)
from ansible_collections.ftfw.pair.plugins.module_utils.balance.config import (
    BalancersConfig,
    CheckConfig,
    ServerConfig,
    read_config,
)
from ansible_collections.ftfw.pair.plugins.module_utils.balance.datagrams import CheckError
from ansible_collections.ftfw.pair.plugins.module_utils.balance.flows import asked_words
from ansible_collections.ftfw.pair.plugins.module_utils.balance.maps import (
    cover,
    flush_map,
    read_map,
    read_set,
    replace_map,
    replace_set,
    split_member,
)
from ansible_collections.ftfw.pair.plugins.module_utils.balance.state import (
    BalancerState,
    Happening,
    ServerState,
    Verdict,
)
from ansible_collections.ftfw.pair.plugins.module_utils.netlink.nftables import generation
from ansible_collections.ftfw.pair.plugins.module_utils.nft.names import FAMILY
from ansible_collections.ftfw.pair.plugins.module_utils.system.commands import (
    ANSWER_SECONDS,
    AskError,
    run,
)
from ansible_collections.ftfw.pair.plugins.module_utils.system.commands import ask as ask_program
from ansible_collections.ftfw.pair.plugins.module_utils.system.files import content, write
from ansible_collections.ftfw.pair.plugins.module_utils.system.journal import (
    ERROR,
    NOTICE,
    WARNING,
    log,
    notify_systemd,
)

LOOK_SECONDS = 1.0
"""Seconds between two looks at the maps."""
NFT = "/usr/sbin/nft"
FoundVerdict = tuple[str, str, Verdict]
"""A balancer, a server, and what its check has found."""


class Asker(threading.Thread):
    """Asks one server again and again. It tells a failure when it was one several times."""

    def __init__(
        self, balancer: str, server: ServerConfig, check: CheckConfig, found: queue.Queue[FoundVerdict]
    ) -> None:
        super().__init__(daemon=True, name=f"{balancer}: {server.name}")
        self.balancer, self.server, self.check, self.found = balancer, server, check, found

    def run(self) -> None:
        failed = 0
        # not all at once: a checker that starts is no reason for a server to be flooded
        time.sleep(random.uniform(0, self.check.warmup))  # noqa: S311 (it spreads, and keeps nothing secret)
        while True:
            verdict = ask(self.server, self.check)
            failed = 0 if verdict.ok else failed + 1
            again = 0 < failed <= self.check.retry
            if not again:
                self.found.put((self.balancer, self.server.name, verdict))
            time.sleep(self.check.delay_before_retry if again else self.check.delay_loop)


class BalanceProgram:
    """The I/O around it."""

    def __init__(self, config: BalancersConfig, folder: Path, drained: Path) -> None:
        self.config, self.drained = config, drained
        self.state_file = folder / "state.json"
        now = time.time()
        self.states = {one.name: BalancerState.begin(one, now) for one in config.balancers}
        self.ipvs = IpvsKeeper(self.states.values(), ())
        self.recall()
        self.found: queue.Queue[FoundVerdict] = queue.Queue()
        self.news = News(config.host)
        self.said = ""
        """What went wrong with the maps, if anything."""
        self.unsaved = False
        """Whether the state file could not be written."""
        self.drain_text: str | None = None
        self.counter = FlowCounter()
        self.seen: tuple[int, list[list[str]]] | None = None
        """The generation of the kernel's rules, and the members, when the maps were as they should be."""

    def recall(self) -> None:
        """Take up what an earlier run has left."""
        try:
            said = json.loads(content(self.state_file) or "{}")
            self.ipvs.former = former_services(said)
            for one in said.get("balancers", ()):
                if one["name"] in self.states:
                    self.states[one["name"]].recall(one)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            log(WARNING, f"{self.state_file}: {error!r}")

    def run(self) -> None:
        """Go on until systemd ends it."""
        told = [state for state in self.states.values() if state.config.omega]
        if told:
            signal.signal(signal.SIGTERM, _end)
        self.news.start()
        try:
            for state in told:
                self.news.put(state.config, state.all_that_is_up(True))
            self.look_after()
        finally:
            self.tell_end(told)

    def look_after(self) -> None:
        for state in self.states.values():
            for server, check in state.checks():
                Asker(state.config.name, server, check, self.found).start()
        notify_systemd("READY=1")
        while True:
            self.take_in(LOOK_SECONDS)
            self.read_drained()
            self.counter.count(self.states.values())
            self.keep_maps()
            self.ipvs.keep()
            self.save()
            notify_systemd("WATCHDOG=1")

    def tell_end(self, states: Sequence[BalancerState]) -> None:
        """Run the commands of what is no longer asked (keepalived.conf(5), omega)."""
        for state in states:
            self.news.put(state.config, state.all_that_is_up(False))
        if states:
            # what has happened before is told before
            self.news.waiting.join()

    def take_in(self, seconds: float) -> None:
        """Wait for what a check has found, and take all that is there."""
        try:
            found = [self.found.get(timeout=seconds)]
        except queue.Empty:
            return
        while True:
            for balancer, server, verdict in found:
                state = self.states[balancer]
                self.tell(state, state.note(server, verdict, time.time()))
            try:
                found = [self.found.get_nowait()]
            except queue.Empty:
                return

    def read_drained(self) -> None:
        """What was taken out on purpose: a file of balancer → servers, which outlives a reboot."""
        text = content(self.drained) or "{}"
        if text == self.drain_text:
            return
        self.drain_text = text
        try:
            said = {str(name): frozenset(map(str, of)) for name, of in json.loads(text).items()}
        except (ValueError, TypeError, AttributeError) as error:
            log(ERROR, f"{self.drained}: {error}")
            return
        for name, state in self.states.items():
            before = {server for server, one in state.servers.items() if one.drained}
            self.tell(state, state.drain(said.get(name, frozenset()), time.time()))
            after = {server for server, one in state.servers.items() if one.drained}
            for server in sorted(before ^ after):
                log(NOTICE, f"{name}: {server} is {'taken out' if server in after else 'let in again'}")

    def tell(self, state: BalancerState, happenings: Sequence[Happening]) -> None:
        for one in happenings:
            who = f"{state.config.name}: {one.server or 'quorum'}"
            log(NOTICE if one.up else WARNING, f"{who}: {one.text}")
        self.news.put(state.config, happenings)

    def keep_maps(self) -> None:
        """Write what differs. Where nobody has changed anything, nothing is asked."""
        wrong: list[str] = []
        seen = None
        try:
            by_rules = [state for state in self.states.values() if state.config.ipvs is None]
            now = generation(), [[*state.members(), *sorted(state.gone())] for state in by_rules]
            if now[0] and now == self.seen:
                return
            # what was written is looked at once more
            written = [self.keep(state, wrong) for state in by_rules]
            seen = None if any(written) or wrong else now
        except OSError as error:
            wrong.append(error.strerror or str(error))
        self.seen = seen
        said = "; ".join(dict.fromkeys(wrong))
        if said != self.said:
            log(ERROR if said else NOTICE, f"the ruleset's maps: {said or 'are written again'}")
            self.said = said

    def keep(self, state: BalancerState, wrong: list[str]) -> bool:
        """Write a balancer's map and set where they differ. What goes wrong is that balancer's.

        New flows go elsewhere first, and what is open is reset last: who asks meanwhile is not refused.
        """
        try:
            first, last, dead = self.changes(state)
            error = _load(first) if first else None
            if not error and dead:
                self.forget(state, dead)
            error = error or (_load(last) if last else None)
        except (AskError, ValueError, KeyError) as failed:
            wrong.append(f"{state.config.name}: {failed}")
            return False
        if error:
            wrong.append(f"{state.config.name}: {error}")
        return bool(first or last)

    def changes(self, state: BalancerState) -> tuple[str, str, frozenset[str]]:
        """What nft is given first, and what in the end: the resets of servers that have failed since."""
        config, gone = state.config, state.gone()
        there = read_map(self.listed("map", config.map))
        wanted = cover(state.members(), len(there))
        text = ""
        if there != wanted:
            text += replace_map(self.config.table, config.map, wanted)
            # who is remembered may be one who must not get anything new; those who only get less may go on
            forgotten = (config.last, config.last_port) if not state.takers().issuperset(there) else ()
            for name in filter(None, forgotten):
                text += flush_map(self.config.table, name)
        before = read_set(self.listed("set", config.gone))
        # who is back is refused nothing from the moment on in which flows are led there
        left = before & gone
        text += replace_set(self.config.table, config.gone, left) if left != before else ""
        resets = replace_set(self.config.table, config.gone, gone) if left != gone else ""
        return text, resets, gone - before

    def forget(self, state: BalancerState, dead: frozenset[str]) -> None:
        """End what goes on without an answer, and keeps its flow and with it the server.

        Datagrams go on coming. A connection that is not open yet is asked for again (RFC 9293, section
        3.8.1), and gets another server then.
        """
        for one in sorted(dead):
            address, port = split_member(one)
            ends = ["--orig-dst", state.config.address, "--reply-src", address]
            ends += ["--reply-port-src", port] if port else []
            for words in asked_words(state.config.asked):
                ended = run([CONNTRACK, "-D", *words, *ends], ANSWER_SECONDS, keep_output=False)
                # it is an error where there was none
                if ended.failure is not None or (not ended.ok and "0 flow entries" not in ended.errors):
                    log(WARNING, f"{state.config.name}: conntrack: {ended.last_word or ended.failure}")

    def listed(self, kind: str, name: str) -> str:
        return ask_program([NFT, "--json", "list", kind, FAMILY, self.config.table, name])

    def save(self) -> None:
        said: dict[str, Any] = {
            "version": 1,
            "problem": "; ".join(filter(None, (self.said, self.ipvs.problem))),
        }
        said["balancers"] = list(map(_told, self.states.values()))
        if self.ipvs.services:
            said["ipvs"] = self.ipvs.services
        text = json.dumps(said)
        if text == (content(self.state_file) or "").strip():
            return
        try:
            write(self.state_file, text + "\n")
        except OSError as error:
            # a full file system: at the next look it is tried again
            if not self.unsaved:
                log(ERROR, f"{self.state_file}: {error.strerror or error}")
            self.unsaved = True
        else:
            self.unsaved = False


def _end(*_of: object) -> None:
    raise SystemExit(0)


def _told(state: BalancerState) -> dict[str, Any]:
    sorry = state.config.sorry
    return {
        "name": state.config.name,
        "address": state.config.address,
        "asked": [one._asdict() for one in state.config.asked],
        "ipvs": state.config.ipvs is not None,
        "quorum": state.quorum,
        "since": round(state.since),
        "needed": state.config.quorum,
        "alive": state.alive,
        "sorry": state.sorry and split_member(state.sorry)[0],
        "sorry_server": sorry and state.sorry_server and _told_server(sorry, state.sorry_server),
        "servers": [_told_server(one, state.servers[one.name]) for one in state.config.servers],
    }


def _told_server(one: ServerConfig, state: ServerState) -> dict[str, Any]:
    return {
        "name": one.name,
        "address": one.address,
        "port": one.port,
        "weight": state.weight,
        "up": state.up,
        "checked": state.checked,
        "drained": state.drained,
        "full": state.full,
        "flows": state.flows,
        "reason": state.reason,
        "since": round(state.since),
    }


def _load(text: str) -> str | None:
    """Give nft a transaction; why it was refused, or None."""
    done = run([NFT, "--file", "-"], ANSWER_SECONDS, given=text)
    if done.failure is not None:
        return str(done.failure)
    return None if done.ok else (done.errors.strip().splitlines() or ["nft refuses it"])[0]


def main(words: Sequence[str]) -> None:
    parser = arguments.parser("balance", "Ask the servers of balancers, and let those answer that are well.")
    parser.add_argument("--config", type=Path, default=Path("/etc/ftfw/balancers.json"))
    parser.add_argument("--check", action="store_true", help="check the configuration, and do nothing else")
    parser.add_argument(
        "--clear", action="store_true", help="take what is there out of IPVS, and do nothing else"
    )
    parser.add_argument("--digest", metavar="URL", help="print the digest of a page, and do nothing else")
    parser.add_argument("--virtualhost", metavar="NAME", help="the host that --digest asks for")
    parser.add_argument("--folder", type=Path, default=Path("/run/pair-balance"), help="for what it tells")
    parser.add_argument("--drained", type=Path, default=Path("/var/lib/ftfw/drained.json"))
    chosen = parser.parse_args(words)
    if chosen.digest:
        try:
            print(digest_of(chosen.digest, chosen.virtualhost))
        except (CheckError, OSError) as error:
            sys.exit(f"{chosen.digest}: {str(error) or 'no answer'}")
        return
    try:
        config = read_config(chosen.config)
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.exit(f"{chosen.config}: {f'no {error}' if isinstance(error, KeyError) else error}")
    if chosen.check:
        return
    program = BalanceProgram(config, chosen.folder, chosen.drained)
    if chosen.clear:
        if wrong := program.ipvs.clear():
            sys.exit(f"IPVS: {wrong}")
    else:
        program.run()
