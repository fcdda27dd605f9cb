# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a balancer when its servers fail, come back, or are taken out. Pure.

The words are keepalived's: quorum and hysteresis as in keepalived.conf(5), "Virtual server(s)".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.balance.config import (
    SORRY,
    BalancerConfig,
    CheckConfig,
    ServerConfig,
)
from ansible_collections.ftfw.pair.plugins.module_utils.balance.slots import (
    LEAST,
    in_turn,
    level,
    share,
)

_WORTH = 50
"""A change of less than one of so many slots is none: each one is written into the kernel."""


@dataclass(frozen=True)
class Verdict:
    """What a check has found. A check may say which weight the server gets."""

    ok: bool
    reason: str
    weight: int | None = None


@dataclass(frozen=True)
class Happening:
    """Something that somebody wants to know of: a server, or (None) the whole balancer, is up or down."""

    server: str | None
    """SORRY for the sorry server."""
    up: bool
    text: str
    mail: bool = True
    """Whether it is worth a mail."""


@dataclass
class ServerState:
    """A server as it was last seen."""

    weight: int
    up: bool
    checked: bool = False
    drained: bool = False
    full: bool = False
    """Whether it has as many flows as it may."""
    flows: int | None = None
    """How many it has; None where nobody counts them."""
    reason: str = "not checked yet"
    since: float = 0

    @property
    def counts(self) -> int:
        """Its weight, as far as new flows go there while it is not full."""
        return self.weight if self.up and not self.drained else 0

    @property
    def takes(self) -> int:
        """Its weight, as far as new flows go there now."""
        return 0 if self.full else self.counts


@dataclass
class BalancerState:
    """A balancer and its servers. `now` is a time of the wall clock, in seconds."""

    config: BalancerConfig
    servers: dict[str, ServerState] = field(default_factory=dict)
    sorry_server: ServerState | None = None
    quorum: bool = True
    since: float = 0
    leveled: dict[str, int] = field(default_factory=dict)
    """How many slots members have, where that depends on their flows."""

    @classmethod
    def begin(cls, config: BalancerConfig, now: float) -> BalancerState:
        up = not (config.alpha and config.check)
        state = cls(config, since=now)
        for one in config.servers:
            reason = "not checked yet" if config.check else "is not checked"
            state.servers[one.name] = ServerState(one.weight, up, reason=reason, since=now)
        if config.sorry is not None:
            reason = "not checked yet" if config.sorry_check else "is not checked"
            state.sorry_server = ServerState(0, True, reason=reason, since=now)
        state.quorum = state.alive >= config.quorum
        return state

    def recall(self, said: Mapping[str, Any]) -> None:
        """Take up what an earlier run has found: a restart is no reason to send anybody to a dead server.

        Raises KeyError or TypeError for what is no state.
        """
        before = {(one["name"], one["address"], one.get("port")): one for one in said["servers"]}
        for one in self.config.servers:
            known, server = before.get((one.name, one.address, one.port)), self.servers[one.name]
            if known is not None and known["checked"] and self.config.check:
                server.up, server.checked = bool(known["up"]), True
                server.reason, server.since = str(known["reason"]), float(known["since"])
                if self.config.check.options.get("misc_dynamic"):
                    server.weight = int(known["weight"])
        self._recall_sorry(said.get("sorry_server"))
        if (said["needed"], said["address"]) == (self.config.quorum, self.config.address):
            self.quorum, self.since = bool(said["quorum"]), float(said["since"])

    def _recall_sorry(self, known: Mapping[str, Any] | None) -> None:
        sorry, server = self.config.sorry, self.sorry_server
        if known is None or sorry is None or server is None or self.config.sorry_check is None:
            # an earlier version has not written it
            return
        if known["checked"] and (known["address"], known["port"]) == (sorry.address, sorry.port):
            server.up, server.checked = bool(known["up"]), True
            server.reason, server.since = str(known["reason"]), float(known["since"])

    def checks(self) -> list[tuple[ServerConfig, CheckConfig]]:
        """Who is asked, and how."""
        config = self.config
        found = [(one, config.check) for one in config.servers if config.check is not None]
        if config.sorry is not None and config.sorry_check is not None:
            found.append((config.sorry, config.sorry_check))
        if config.ipvs is None:
            return found
        own = {ip_address(one).version: one for one in config.ipvs.asks_from}
        return [
            (one, replace(check, bindto=own.get(ip_address(one.address).version))) for one, check in found
        ]

    @property
    def alive(self) -> int:
        """The weight of all servers that are well. To take one out is no failure, as long as one is left."""
        well = sum(one.weight for one in self.servers.values() if one.up)
        return well if any(one.counts for one in self.servers.values()) else 0

    def note(self, name: str, verdict: Verdict, now: float) -> list[Happening]:
        """Take in what a check has found."""
        server, told = self._server(name), []
        if verdict.ok != server.up:
            server.up, server.since = verdict.ok, now
            told.append(Happening(name, verdict.ok, _about_server(verdict)))
        server.checked, server.reason = True, verdict.reason
        if verdict.weight is not None:
            server.weight = verdict.weight
        return told + self._weigh(now)

    def _server(self, name: str) -> ServerState:
        """Raises KeyError for one that is not there."""
        if name == SORRY and self.sorry_server is not None:
            return self.sorry_server
        return self.servers[name]

    def drain(self, names: frozenset[str], now: float) -> list[Happening]:
        """Take servers out, and let others in again: what is open stays open."""
        for name, server in self.servers.items():
            server.drained = name in names
        return self._weigh(now)

    def count(self, flows: Mapping[str, int]) -> list[str]:
        """Take in how many flows servers have; the names of those that are full now and were not, or no more.

        As the kernel's IPVS does it (ip_vs_conn.c): full from uthreshold on, and until there are fewer than
        lthreshold, or than three quarters. A server that is full is well: no quorum is lost by that.
        """
        turned = []
        for one in self.config.servers:
            most, server = one.uthreshold, self.servers[one.name]
            server.flows = flows.get(one.name)
            if most is None or server.flows is None:
                server.full = False
                continue
            least = one.lthreshold or -(-most * 3 // 4)
            full = server.flows >= (least if server.full else most)
            if full != server.full:
                turned.append(one.name)
            server.full = full
        return turned

    @property
    def counted(self) -> bool:
        """Whether somebody has to count its flows: IPVS does that itself."""
        if self.config.ipvs is not None:
            return False
        limited = any(one.uthreshold is not None for one in self.config.servers)
        return limited or self.config.scheduler in LEAST

    def _weigh(self, now: float) -> list[Happening]:
        quorum, slack, alive = self.config.quorum, self.config.hysteresis, self.alive
        if self.quorum and (alive == 0 or alive < quorum - slack):
            self.quorum, self.since = False, now
            return [Happening(None, False, f"Lost quorum {quorum}-{slack}={quorum - slack} > {alive}")]
        if not self.quorum and alive >= quorum + slack:
            self.quorum, self.since = True, now
            return [Happening(None, True, f"Gained quorum {quorum}+{slack}={quorum + slack} <= {alive}")]
        return []

    def all_that_is_up(self, up: bool) -> list[Happening]:
        """What is well, as commands are told of it when the checks begin and, as down, when they end."""
        text = "the checks begin" if up else "the checks end"
        names = [name for name, one in self.servers.items() if one.up]
        found: list[str | None] = [*names, *([None] if self.quorum else [])]
        # as with failures, the quorum comes last
        return [Happening(name, up, text, mail=False) for name in found]

    @property
    def sorry(self) -> str | None:
        """The sorry server, as maps have it, while it answers: the quorum is lost, or all others are full.

        When it has failed, whoever is left does.
        """
        config, server = self.config.sorry, self.sorry_server
        if config is None or server is None or not server.up:
            return None
        takes = self.quorum and any(one.takes for one in self.servers.values())
        return None if takes else config.member

    def members(self) -> list[str]:
        """Who is in each slot, as maps have him. Empty where nobody answers."""
        if self.sorry is not None:
            return [self.sorry] * self.config.slots
        weights = {one.member: self.servers[one.name].takes for one in self.config.servers}
        if self.config.scheduler in LEAST:
            slots = self._level(weights)
            return in_turn(slots, self.config.slots) if slots else []
        return share(self.config.scheduler, weights, self.config.slots)

    def takers(self) -> frozenset[str]:
        """Who may get new flows, as maps have him: also one that has more than others, and gets none now."""
        if self.sorry is not None:
            return frozenset((self.sorry,))
        return frozenset(one.member for one in self.config.servers if self.servers[one.name].takes)

    def _level(self, weights: Mapping[str, int]) -> dict[str, int]:
        """The slots of members as their flows want it; as they were, where that is nearly the same."""
        flows = {one.member: self.servers[one.name].flows or 0 for one in self.config.servers}
        wanted, before = level(weights, flows, self.config.slots), self.leveled
        slack = self.config.slots // _WORTH
        if before.keys() != wanted.keys() or any(abs(before[one] - wanted[one]) > slack for one in wanted):
            self.leveled = wanted
        return self.leveled

    def gone(self) -> frozenset[str]:
        """Servers, as sets have them, whose open flows are ended: they would hang."""
        if self.config.inhibit_on_failure:
            return frozenset()
        config = self.config
        asked = [*config.servers, *([config.sorry] if config.sorry else [])]
        servers = ((one.member, self._server(one.name)) for one in asked)
        return frozenset(member for member, one in servers if one.checked and not one.up)


def _about_server(verdict: Verdict) -> str:
    return "CHECK succeed on service" if verdict.ok else f"CHECK failed on service : {verdict.reason}"
