# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows through balancers, as conntrack(8) lists them: who was asked, and who answers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ansible_collections.ftfw.pair.plugins.module_utils.conntrack.tuples import (
    fields,
    is_closing,
    parse_flow,
)

LISTING = "conntrack -L"


class BalancedFlow(NamedTuple):
    """`asked` and `server` are an address and a port each."""

    asked: tuple[str, int]
    server: tuple[str, int]
    ending: bool


def listing(addresses: Iterable[str]) -> str:
    """What a node's shell runs to list the flows to virtual addresses, whatever ports they are of."""
    return " && ".join(f"{LISTING} --orig-dst {one} 2>/dev/null" for one in dict.fromkeys(addresses))


def read_flows(text: str) -> Iterator[BalancedFlow]:
    """Read what that prints. Raises OutputError for what is no entry."""
    for line in text.splitlines():
        if line.strip():
            flow = parse_flow(line, LISTING)
            there, back = fields(flow.original), fields(flow.reply)
            yield BalancedFlow(
                (there["dst"], int(there.get("dport", 0))),
                (back["src"], int(back.get("sport", 0))),
                is_closing(line),
            )
