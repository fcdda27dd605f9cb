# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the times of entries: at the edges of each window, just inside and just outside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.bench import Bench
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.cases import Options, PacketCase
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.derived import (
    clocks_of,
    judged,
    packets_of,
    prefix_of,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import PolicyEntry, Way

_MOST_LATER = 32
"""Later entries that are looked at beside one with a time."""


def time_cases(bench: Bench) -> Iterator[PacketCase]:
    """One packet of each protocol that the entry decides about, at each edge; in between, later entries."""
    for entry in bench.firewall.entries:
        for way in bench.firewall.ways_of(entry) if entry.window else ():
            for family in bench.families(*way):
                clocks = clocks_of(bench, entry, way, family)
                for moment in entry.window.edges() if entry.window else ():
                    yield from _first(bench, entry, way, family, clocks, {"at": str(moment)})
                # what it does not speak of is as it was
                later = (one for one in bench.firewall.ways[way] if one.index > entry.index)
                for one in islice(later, _MOST_LATER):
                    for clock in clocks:
                        yield from _first(bench, one, way, family, [clock], clock)


def _first(
    bench: Bench, entry: PolicyEntry, way: Way, family: int, open_at: Sequence[Options], clock: Options
) -> Iterator[PacketCase]:
    """Of each protocol the first packet that the entry decides about at some time, sent at another one."""
    for ends in bench.ends(entry, way, family)[:1]:
        said: set[str] = set()
        for what, _service, more in packets_of(bench, entry, family, {}):
            if more["protocol"] not in said and any(
                bench.judge(way, *ends, {**more, **one}).entry == entry for one in open_at
            ):
                said.add(more["protocol"])
                name = f"{prefix_of(entry, way)}: {what}"
                yield from judged(bench, name, way, ends, {**more, **clock}, entry)
