# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Count the flows of servers: some may have only so many, and some get more where they have few."""

from __future__ import annotations

import time
from collections.abc import Iterable

from ansible_collections.ftfw.pair.plugins.module_utils.balance.flows import count_flows, flows_of
from ansible_collections.ftfw.pair.plugins.module_utils.balance.state import BalancerState
from ansible_collections.ftfw.pair.plugins.module_utils.system.commands import AskError, ask
from ansible_collections.ftfw.pair.plugins.module_utils.system.journal import ERROR, NOTICE, log

CONNTRACK = "/usr/sbin/conntrack"
COUNT_SECONDS = 2.0
"""Seconds between two counts."""
_SHARE = 10
"""A count that takes long is followed by so many times its length without one."""


class FlowCounter:
    """Asks the kernel now and then. A backup's has few flows: the primary's come with a takeover."""

    def __init__(self) -> None:
        self.next = 0.0
        """When flows are counted again, by the monotonic clock."""
        self.problem = ""

    def count(self, states: Iterable[BalancerState]) -> None:
        counted = [state for state in states if state.counted]
        begun = time.monotonic()
        if not counted or begun < self.next:
            return
        wrong = ""
        for state in counted:
            try:
                _count(state)
            except AskError as error:
                wrong = str(error)
        if wrong and wrong != self.problem:
            log(ERROR, f"flows can't be counted, and who is full stays so: {wrong}")
        self.problem = wrong
        ended = time.monotonic()
        self.next = ended + max(COUNT_SECONDS, _SHARE * (ended - begun))


def _count(state: BalancerState) -> None:
    config = state.config
    listed = ask([CONNTRACK, "-L", "--orig-dst", config.address])
    known = count_flows(listed, config.address, config.asked)
    servers = {one.name: flows_of(known, one.address, one.port) for one in config.servers}
    for name in state.count(servers):
        one = state.servers[name]
        turned = "is full" if one.full else "takes new flows again"
        log(NOTICE, f"{config.name}: {name} {turned}: it has {one.flows}")
