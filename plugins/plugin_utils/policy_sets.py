# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The named sets of addresses that a firewall's entries use, each once, in the families that they need."""

from __future__ import annotations

from ansible_collections.ftfw.pair.plugins.plugin_utils.address_ranges import elements
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_firewall import Firewall
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_match import address_lists, set_name
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_nft import Ranges
from ansible_collections.ftfw.pair.plugins.plugin_utils.site_policy import one_line

_TYPE = {4: "ipv4_addr", 6: "ipv6_addr"}
_SIDES = {"saddr": "sources", "daddr": "destinations"}


def entry_sets(firewall: Firewall) -> tuple[Ranges, ...]:
    found: dict[str, Ranges] = {}
    for entry in firewall.entries:
        lists = address_lists(entry)
        used = {family for way in firewall.ways_of(entry) for family in firewall.site.families(way)}
        for family in sorted(used):
            if not all(addresses.of_family(family) for _side, addresses in lists):
                continue
            for side, addresses in lists:
                name = set_name(entry, side, addresses, family)
                if name is None or name in found:
                    continue
                whose = f"site_addresses: {addresses.label}"
                if not addresses.named:
                    whose = f"{entry.place}: {_SIDES[side]}: {addresses.label}"
                members = elements(addresses.of_family(family), family)
                found[name] = Ranges(name, one_line(whose), _TYPE[family], members)
    return tuple(found.values())
