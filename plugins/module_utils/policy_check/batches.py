# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which probes can be sent together, and with which text of the table."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from ansible_collections.ftfw.pair.plugins.module_utils.packets.clock import Moment
from ansible_collections.ftfw.pair.plugins.module_utils.packets.packet import ICMP_OF, WITH_PORTS
from ansible_collections.ftfw.pair.plugins.module_utils.packets.types import PacketProbe

# nft(8), LIMIT STATEMENT: of packets, the default burst being 5
_LIMIT = re.compile(
    r"(limit rate (?:over )?[0-9]+/(?:second|minute|hour|day|week))(?: burst [0-9]+ packets)?"
)
MOST = 2000
"""Probes of one batch."""
BURST = 2 * MOST
"""More than a batch sends through one rule. Much more would overflow nft's nanoseconds at a rate per week."""


@dataclass
class Batch:
    """Probes that are sent at once. With `limits` as the table has them, it is for one probe alone."""

    setup: tuple[str, ...]
    at: Moment | None
    limits: bool
    probes: list[PacketProbe] = field(default_factory=list)
    flows: set[object] = field(default_factory=set)


def with_large_bursts(ruleset: str) -> str:
    """Let each limit pass a whole batch, so that one probe does not use up what another one needs."""
    return _LIMIT.sub(rf"\1 burst {BURST} packets", ruleset)


def batches(probes: Iterable[PacketProbe]) -> list[Batch]:
    """Put probes together that don't meet in the connection tracking table, and need the same setup and time.

    What is sent more than once is there to meet a limit, and gets the table for itself.
    """
    made: list[Batch] = []
    for probe in probes:
        if probe.repeat > 1:
            made.append(Batch(probe.setup, probe.at, True, [probe]))
            continue
        keys = flow_keys(probe)
        for batch in made:
            same = (batch.setup, batch.at, batch.limits) == (probe.setup, probe.at, False)
            if same and len(batch.probes) < MOST and not batch.flows & keys:
                break
        else:
            batch = Batch(probe.setup, probe.at, False)
            made.append(batch)
        batch.probes.append(probe)
        batch.flows |= keys
    return sorted(made, key=lambda batch: (batch.limits, -len(batch.probes)))


def flow_keys(probe: PacketProbe) -> set[object]:
    """The flow in both directions, as far as connection tracking tells flows apart."""
    if probe.protocol in WITH_PORTS:
        here: object = (str(probe.source), probe.source_port)
        there: object = (str(probe.destination), probe.port)
    elif probe.protocol == ICMP_OF[probe.family]:
        here, there = (str(probe.source), probe.source_port), (str(probe.destination), 0)
    else:
        # without ports address translation can't tell two apart that have one end in common
        return {(probe.protocol, str(probe.source)), (probe.protocol, str(probe.destination))}
    return {(probe.protocol, here, there), (probe.protocol, there, here)}
