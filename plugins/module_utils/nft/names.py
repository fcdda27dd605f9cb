# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is called the same in the ruleset, and by the programs that change it."""

from __future__ import annotations

FAMILY, TABLE = "inet", "ftfw"
BALANCER_TABLE = "ftfw_balancer"
"""Of a host that has balancers and is in no pair."""
GATE = "gate"
"""Interfaces that are shut until the peer's flows are in the kernel."""
OFFLOAD_SHUT = "offload_shut"
"""Interfaces whose flows are not offloaded until conntrackd knows them."""
SHUT_WHEN_LOADED = frozenset((GATE, OFFLOAD_SHUT))
"""pair-state opens them again."""
