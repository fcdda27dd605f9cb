# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which lists of addresses have all of another one: each with each would take too long for thousands."""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import Addresses
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.ranges import covers

WiderLists = dict[Addresses, list[Addresses]]
"""Each list with those that have all of its addresses, itself among them."""

_FEW = 64
"""Ranges of a list that takes part in the sweep; there are not many longer ones."""
_BEGIN, _ASK, _END = range(3)


def wider_lists(lists: Iterable[Addresses]) -> WiderLists:
    """Compare each list with those only that have its first address: a sweep over all ranges finds them."""
    known = list(dict.fromkeys(lists))
    long = [one for one in known if len(one.v4) + len(one.v6) > _FEW]
    found: WiderLists = {one: [one] for one in known}
    for family in (4, 6):
        events = []
        for number, one in enumerate(known):
            ranges = one.of_family(family)
            if one.families()[:1] == (family,):
                events.append((ranges[0][0], _ASK, number))
            if len(one.v4) + len(one.v6) <= _FEW:
                events += [(first, _BEGIN, number) for first, _last in ranges]
                events += [(last, _END, number) for _first, last in ranges]
        open_: dict[int, None] = {}
        for _address, kind, number in sorted(events):
            if kind == _BEGIN:
                open_[number] = None
            elif kind == _END:
                del open_[number]
            else:
                one = known[number]
                candidates = [*(known[other] for other in open_), *long]
                found[one] += [other for other in candidates if other != one and _has(other, one)]
    return found


def _has(outer: Addresses, inner: Addresses) -> bool:
    return all(covers(outer.of_family(family), inner.of_family(family)) for family in (4, 6))
