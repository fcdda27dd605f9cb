# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads site_pairs: two nodes, their virtual routers, and how they fail over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import Problems
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.values import Value, present
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import (
    PREEMPTIONS,
    PROFILES,
    REPLICATIONS,
    Pair,
    VirtualRouter,
)


def read_pair(name: str, value: Value) -> Pair:
    fields = value.section(
        "nodes",
        "sync",
        "virtual_routers",
        "priorities",
        "profile",
        "advert_interval",
        "replication",
        "preempt",
        required=["nodes", "sync", "virtual_routers"],
    )
    Value(value.host, value.key, name, value.problems).word()
    priorities = {node: item.integer(1, 254) or 0 for node, item in fields["priorities"].entries().items()}
    return Pair(
        name,
        nodes=present(item.text() for item in fields["nodes"].items()),
        sync=present(item.text() for item in fields["sync"].items()),
        routers=tuple(
            _virtual_router(key, item) for key, item in fields["virtual_routers"].entries().items()
        ),
        priorities=priorities,
        profile=PROFILES[_choice(fields["profile"], *PROFILES)],
        own_advert_interval=fields["advert_interval"].seconds(
            "0.01", "40.95", "which VRRPv3 counts in hundredths (RFC 9568, section 5.2.7)"
        ),
        replication=_choice(fields["replication"], *REPLICATIONS),
        preempt=_choice(fields["preempt"], *PREEMPTIONS),
    )


def _choice(value: Value, *known: str) -> str:
    """Read one of the known words; the first is the default, also in place of a wrong one."""
    word = value.choice(*known)
    return word if word in known else known[0]


def _virtual_router(name: str, value: Value) -> VirtualRouter:
    fields = value.section("network", "vrid", "addresses", required=["vrid"])
    # it may be a network's name, which is told where the network is declared
    follows = None if fields["network"].given else True
    Value(value.host, value.key, name, value.problems).word(longest=32, follows=follows)
    if isinstance(value.raw, dict) and value.raw and not fields["addresses"].raw:
        # a key that nobody knows may be meant for them
        lacking = "a virtual router without an address"
        fields["addresses"].wrong(
            lacking, "give it its virtual addresses", follows="addresses" not in value.raw
        )
    return VirtualRouter(
        name,
        network=fields["network"].text() or name,
        vrid=fields["vrid"].integer(1, 255) or 0,
        addresses=fields["addresses"].addresses(),
    )


def check_shared(
    hostvars: Mapping[str, Mapping[str, object]],
    pairs: Iterable[Pair],
    names: Iterable[str],
    problems: Problems,
) -> None:
    """A site-wide variable counts for both nodes of a pair; where one has it, it was meant for that one."""
    for name in names:
        for pair in pairs:
            nodes = [node for node in dict.fromkeys(pair.nodes) if node in hostvars]
            having = [node for node in nodes if name in hostvars[node]]
            if len(nodes) == 2 and len(having) == 1:
                (other,) = (node for node in nodes if node not in having)
                problems.add(
                    having[0],
                    name,
                    hostvars[having[0]][name],
                    f"{other} does not have it, and a site has one value for all",
                    "write it for the group all",
                    follows=False,
                )
