# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate: while the peer's flows are not in the kernel yet, nothing comes in that they would have to serve.

A packet that came before them would be taken for one of no known flow: answered with a reset, or given an
entry of its own that keeps the right one out. What is dropped is sent again a moment later. The program
pair-state opens the gate when the external cache is committed, by taking the interfaces out of the set.
"""

from __future__ import annotations

from ansible_collections.ftfw.pair.plugins.module_utils.nft.names import GATE
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.firewall import Firewall
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.nft import Block, Set, one_of
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.addresses import FAMILIES, of_family

_IP = {4: "ip", 6: "ip6"}


def gate_interfaces(firewall: Firewall) -> list[str]:
    """Name the interfaces that can be closed; none with direct injection, which has nothing to wait for."""
    return firewall.data if firewall.pair.replication == "external" else []


def gate_sets(firewall: Firewall) -> tuple[Set, ...]:
    names = gate_interfaces(firewall)
    if not names:
        return ()
    return (
        Set(
            GATE,
            "closed interfaces: all, until the flows are there",
            "ifname",
            tuple(f'"{name}"' for name in names),
        ),
    )


def gate_blocks(firewall: Firewall) -> tuple[Block, ...]:
    """Drop before connection tracking sees it; VRRP and replication go to the node's own addresses.

    Multicast and broadcast are not forwarded, and neighbour discovery and leases need them.
    """
    if not gate_interfaces(firewall):
        return ()
    virtual = firewall.pair.virtual_addresses()
    rules = [
        f"iifname @{GATE} {_IP[family]} daddr {one_of(addresses)} drop"
        for family in FAMILIES
        if (addresses := of_family(virtual, family))
    ]
    rules.append(f"iifname @{GATE} fib daddr type != {{ local, broadcast, multicast }} drop")
    comment = (
        "a closed interface lets in what is for the node itself, but nothing for a virtual address or beyond"
    )
    return (Block(comment, tuple(rules)),)
