# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep the kernel's IPVS as balancers want it. What others have there is not touched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.balance.ipvs import (
    LISTING,
    VirtualService,
    commands,
    flows_in,
    read_services,
    removals,
    services_of,
)
from ansible_collections.ftfw.pair.plugins.module_utils.balance.state import BalancerState
from ansible_collections.ftfw.pair.plugins.module_utils.system.commands import ANSWER_SECONDS, run
from ansible_collections.ftfw.pair.plugins.module_utils.system.journal import ERROR, NOTICE, log

IPVSADM = "/usr/sbin/ipvsadm"


class IpvsKeeper:
    """Looks at the virtual services of some balancers, and tells the kernel what differs."""

    def __init__(self, states: Iterable[BalancerState], former: Sequence[VirtualService]) -> None:
        self.states = [state for state in states if state.config.ipvs is not None]
        self.former = list(former)
        """Services that an earlier run has made."""
        self.fresh = True
        self.problem = ""

    @property
    def services(self) -> list[VirtualService]:
        """Those that are ours now, as far as is known."""
        own = [service for state in self.states for service in services_of(state.config)]
        return list(dict.fromkeys((*own, *self.former)))

    def keep(self) -> None:
        if not self.states and not self.former:
            return
        wrong = self._keep()
        if wrong != self.problem:
            log(ERROR if wrong else NOTICE, f"IPVS: {wrong or 'is as it should be again'}")
        self.problem = wrong

    def _keep(self) -> str:
        try:
            there = read_services(Path(LISTING).read_text())
        except OSError as error:
            return f"{LISTING}: {error.strerror}"
        for state in self.states:
            flows = flows_in(state.config, there)
            for name, server in state.servers.items():
                server.flows = flows.get(name)
        lines = commands(self.states, there, self.former, self.fresh)
        wrong = _tell(lines) if lines else ""
        if not wrong:
            self.former, self.fresh = [], False
        return wrong

    def clear(self) -> str:
        """Take away what is ours; what went wrong, or nothing."""
        try:
            there = read_services(Path(LISTING).read_text())
        except OSError:
            # without IPVS there is nothing
            return ""
        lines = removals(there, self.services)
        return _tell(lines) if lines else ""


def former_services(said: Mapping[str, Any]) -> list[VirtualService]:
    """What a state file says of them. Raises ValueError or TypeError."""
    return [VirtualService(str(one[0]), str(one[1]), int(one[2])) for one in said.get("ipvs", ())]


def _tell(lines: Sequence[str]) -> str:
    done = run([IPVSADM, "--restore"], ANSWER_SECONDS, given="".join(f"{one}\n" for one in lines))
    return "" if done.ok else done.last_word or str(done.failure or "ipvsadm refuses it")
