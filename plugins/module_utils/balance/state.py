# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of a balancer when its servers fail, come back, or are taken out. Pure.

The words are keepalived's: quorum and hysteresis as in keepalived.conf(5), "Virtual server(s)".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.balance.config import BalancerConfig
from ansible_collections.ftfw.pair.plugins.module_utils.balance.slots import share


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
    reason: str = "not checked yet"
    since: float = 0

    @property
    def counts(self) -> int:
        """Its weight, as far as new flows go there."""
        return self.weight if self.up and not self.drained else 0


@dataclass
class BalancerState:
    """A balancer and its servers. `now` is a time of the wall clock, in seconds."""

    config: BalancerConfig
    servers: dict[str, ServerState] = field(default_factory=dict)
    quorum: bool = True
    since: float = 0

    @classmethod
    def begin(cls, config: BalancerConfig, now: float) -> BalancerState:
        up = not (config.alpha and config.check)
        state = cls(config, since=now)
        for one in config.servers:
            reason = "not checked yet" if config.check else "is not checked"
            state.servers[one.name] = ServerState(one.weight, up, reason=reason, since=now)
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
        if (said["needed"], said["address"]) == (self.config.quorum, self.config.address):
            self.quorum, self.since = bool(said["quorum"]), float(said["since"])

    @property
    def alive(self) -> int:
        """The weight of all servers that are well. To take one out is no failure, as long as one is left."""
        well = sum(one.weight for one in self.servers.values() if one.up)
        return well if any(one.counts for one in self.servers.values()) else 0

    def note(self, name: str, verdict: Verdict, now: float) -> list[Happening]:
        """Take in what a check has found."""
        server, told = self.servers[name], []
        if verdict.ok != server.up:
            server.up, server.since = verdict.ok, now
            told.append(Happening(name, verdict.ok, _about_server(verdict)))
        server.checked, server.reason = True, verdict.reason
        if verdict.weight is not None:
            server.weight = verdict.weight
        return told + self._weigh(now)

    def drain(self, names: frozenset[str], now: float) -> list[Happening]:
        """Take servers out, and let others in again: what is open stays open."""
        for name, server in self.servers.items():
            server.drained = name in names
        return self._weigh(now)

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
        """The sorry server, as maps have it, while it answers."""
        return None if self.quorum else self.config.sorry

    def members(self) -> list[str]:
        """Who is in each slot, as maps have him. Empty where nobody answers."""
        if self.sorry is not None:
            return [self.sorry] * self.config.slots
        weights = {one.member: self.servers[one.name].counts for one in self.config.servers}
        return share(self.config.scheduler, weights, self.config.slots)

    def gone(self) -> frozenset[str]:
        """Servers, as sets have them, whose open flows are ended: they would hang."""
        if self.config.inhibit_on_failure:
            return frozenset()
        servers = ((one.member, self.servers[one.name]) for one in self.config.servers)
        return frozenset(member for member, one in servers if one.checked and not one.up)


def _about_server(verdict: Verdict) -> str:
    return "CHECK succeed on service" if verdict.ok else f"CHECK failed on service : {verdict.reason}"
