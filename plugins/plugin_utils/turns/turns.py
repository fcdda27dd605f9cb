# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which nodes of running pairs are changed one after the other, because a change disturbs. No I/O.

The backup comes first. It gets the role by an announced switchover once it holds all flows, and then the
former primary is a backup that can be changed, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FIRST, LAST, NONE, REFUSED = "first", "last", "none", "refused"


@dataclass(frozen=True)
class TurnNode:
    """A firewall. `holds`: it has virtual addresses. `deaf`: changed, it does not hear the old primary."""

    name: str
    peer: str
    running: bool
    holds: bool
    reasons: tuple[str, ...]
    deaf: bool


@dataclass(frozen=True)
class Turn:
    turn: str
    why: str = ""
    deaf: bool = False
    """Whether the backup must not run before the primary has stopped."""


def read(items: Sequence[Mapping[str, Any]]) -> dict[str, TurnNode]:
    return {
        item["name"]: TurnNode(
            item["name"],
            item["peer"],
            bool(item["running"]),
            bool(item["holds"]),
            tuple(item["reasons"]),
            bool(item["deaf"]),
        )
        for item in items
    }


def turns(nodes: Mapping[str, TurnNode]) -> dict[str, Turn]:
    """The turn of each node of the play. A pair without a primary has nothing that could be disturbed."""
    return {name: _turn(node, nodes.get(node.peer)) for name, node in nodes.items()}


def _turn(node: TurnNode, peer: TurnNode | None) -> Turn:
    why = "; ".join(node.reasons)
    if peer is None:
        return _alone(node, why)
    deaf = node.deaf or peer.deaf
    reasons = node.reasons or peer.reasons
    if node.holds and peer.holds and reasons:
        return Turn(
            REFUSED, f"{why or '; '.join(peer.reasons)}: {node.name} and {peer.name} both are primary now"
        )
    if node.holds and node.reasons:
        return Turn(LAST, why, deaf)
    if peer.holds and not node.holds and reasons:
        # a primary that stays as it is must be heard
        return Turn(FIRST, why or f"{peer.name} follows", deaf and bool(peer.reasons))
    return Turn(NONE)


def _alone(node: TurnNode, why: str) -> Turn:
    """A node whose peer is not in the play."""
    if node.holds and why:
        return Turn(
            REFUSED,
            f"{why}: that would interrupt the primary; run the play for {node.peer} too, or hand over first "
            f"(playbooks/switchover.yml); where {node.peer} is gone for long, you choose when: "
            f"systemctl stop keepalived on {node.name}, and then the play",
        )
    if node.running and node.reasons and node.deaf:
        return Turn(
            REFUSED,
            f"{why}: it would not hear {node.peer}, and both would be primary; "
            f"run the play for {node.peer} too",
        )
    return Turn(FIRST, why) if node.running and node.reasons else Turn(NONE)
