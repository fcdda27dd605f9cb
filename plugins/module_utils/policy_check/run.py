# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends probes through a table, all of a batch at the same time, and judges what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.nft.text import without_flowtables
from ansible_collections.ftfw.pair.plugins.module_utils.packets.clock import at_moment
from ansible_collections.ftfw.pair.plugins.module_utils.packets.packet import ICMP_OF, parse
from ansible_collections.ftfw.pair.plugins.module_utils.packets.space import (
    Space,
)
from ansible_collections.ftfw.pair.plugins.module_utils.packets.types import (
    Fate,
    Heard,
    PacketProbe,
    Send,
    Wire,
)
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check.batches import (
    Batch,
    batches,
    with_large_bursts,
)
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check.flows import (
    Conversation,
    converse,
)
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check.judge import row
from ansible_collections.ftfw.pair.plugins.module_utils.policy_check.numbered import number_of, opening

PacketRow = dict[str, Any]


def needed_protocols(probes: Iterable[PacketProbe]) -> set[tuple[int, int]]:
    """The (family, protocol) pairs that the firewall has to listen for; errors come by ICMP."""
    found = {(probe.family, probe.protocol) for probe in probes}
    return found | {(family, ICMP_OF[family]) for family, _protocol in found}


def open_space(wires: Sequence[Wire], probes: Iterable[PacketProbe]) -> Space:
    return Space(wires, needed_protocols(probes))


def check(space: Space, ruleset: str, probes: Sequence[PacketProbe]) -> list[PacketRow]:
    """Send all probes, and return their rows in the same order."""
    rows: dict[int, PacketRow] = {}
    # offload lets through what the rules have let through, and not every kernel has it
    rules = without_flowtables(ruleset)
    if any(probe.at for probe in probes):
        # nft has to take what is about to be changed, too
        space.load(rules, fresh=False)
    for batch in batches(probes):
        rows.update(check_batch(space, rules, batch))
    return [rows[probe.number] for probe in probes]


def check_batch(space: Space, ruleset: str, batch: Batch) -> dict[int, PacketRow]:
    """Load the table, send one batch, and return the rows by number."""
    text = at_moment(ruleset if batch.limits else with_large_bursts(ruleset), batch.at)
    space.load(text, fresh=batch.limits, setup=batch.setup)
    fates = _converse(space, batch.probes)
    flows = ((probe.number, parse(opening(probe))) for probe in batch.probes)
    entries = space.conntrack.entries({number: packet for number, packet in flows if packet is not None})
    return {
        probe.number: row(probe, fates[probe.number], entries.get(probe.number)) for probe in batch.probes
    }


def _converse(space: Space, probes: Sequence[PacketProbe]) -> dict[int, Fate]:
    """Hold all conversations in step: everyone sends, then everyone hears."""
    talking: dict[int, Conversation] = {probe.number: converse(probe) for probe in probes}
    fates: dict[int, Fate] = {}
    sends: list[Send] = []
    for talk in talking.values():
        sends += next(talk)
    while talking:
        heard: dict[int, list[Heard]] = {}
        for one in space.exchange(sends):
            heard.setdefault(number_of(one.packet), []).append(one)
        sends = []
        for number, talk in list(talking.items()):
            try:
                sends += talk.send(heard.get(number, []))
            except StopIteration as done:
                fates[number] = done.value
                del talking[number]
    return fates
