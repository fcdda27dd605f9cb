# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The named sets of addresses that a firewall's entries use, each once, in the families that they need."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.ftfw.pair.plugins.plugin_utils.policy.entry import one_line
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.firewall import Firewall
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.match import address_lists, set_name
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.nft import Ranges
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import Addresses
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.ranges import elements

_TYPE = {4: "ipv4_addr", 6: "ipv6_addr"}


def entry_sets(firewall: Firewall) -> tuple[Ranges, ...]:
    found: dict[str, Ranges] = {}
    for entry in firewall.entries:
        lists = address_lists(entry)
        used = {family for way in firewall.ways_of(entry) for family in firewall.site.families(way)}
        for family in sorted(used):
            if not all(addresses.of_family(family) for _side, addresses in lists):
                continue
            for key, addresses in lists:
                _add(found, addresses, family, f"policy_{entry.index}.{key}", f"{entry.place}: {key}")
    return tuple(found.values())


def forward_sets(firewall: Firewall, known: Iterable[Ranges]) -> tuple[Ranges, ...]:
    """Those of whom port forwards are for, without those that there are already."""
    site, before = firewall.site, {one.name: one for one in known}
    found = dict(before)
    for forward in site.port_forwards:
        address = site.forward_address(forward)
        if forward.sources is None or address is None or site.forward_pair(forward) != firewall.pair:
            continue
        where = f"site_port_forwards[{forward.index}]: sources"
        _add(found, forward.sources, address.version, f"forward_{forward.index}.sources", where)
    return tuple(one for name, one in found.items() if name not in before)


def _add(found: dict[str, Ranges], addresses: Addresses, family: int, place: str, where: str) -> None:
    """Note the set of a list, where it has one."""
    name = set_name(addresses, family, place)
    if name is None or name in found:
        return
    whose = f"site_addresses: {addresses.label}" if addresses.named else f"{where}: {addresses.label}"
    found[name] = Ranges(name, one_line(whose), _TYPE[family], elements(addresses.of_family(family), family))
