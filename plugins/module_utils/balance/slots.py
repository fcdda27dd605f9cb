# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which server each slot of a balancer leads to. Pure.

A rule picks a slot by its number: one after the other, or by a hash of the sender. So whoever is in a slot
gets its share of new flows, and a change of servers is a change of a map's elements. Both nodes of a pair
work it out for themselves, and find the same.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence

IN_TURN = ("rr", "wrr")
"""Schedulers that take one slot after the other."""
BY_SOURCE = ("sh", "mh")
"""Schedulers that take the slot of the sender's hash."""
LEAST = ("lc", "wlc")
"""Schedulers that take one slot after the other, and give more of them to who has fewer flows."""
FAILOVER = ("fo",)
"""Schedulers that take the heaviest server alone (kernel's ip_vs_fo.c)."""
SCHEDULERS = (*IN_TURN, *LEAST, *BY_SOURCE, *FAILOVER)
_EXACT = 6
"""Up to so many units of weight any set of equal servers gets equal shares."""
_FINE = 20
"""Slots for each server: with so many no share is off by more than a 20th."""
_MOST = 4096
_DYNAMIC = 1000
_PRIMES = (1021, 4093)
"""For up to ten servers, and for more: with another number of slots nearly all clients move.

Steps through a prime number of slots come to each of them (Maglev, NSDI 2016, section 3.4).
"""


def slots_for(scheduler: str, weights: Sequence[int], dynamic: bool = False) -> int:
    """How many slots servers with these weights need, or with others that checks say."""
    if scheduler in BY_SOURCE:
        return next((one for one in _PRIMES if one >= 100 * len(weights)), _PRIMES[-1])
    positive = [one for one in weights if one > 0] or [1]
    if scheduler in FAILOVER:
        return 1
    if dynamic or scheduler in LEAST:
        return min(_MOST, max(_DYNAMIC, _FINE * len(positive)))
    unit = math.gcd(*positive)
    units = sum(one // unit for one in positive)
    if units <= _EXACT:
        return math.lcm(*range(1, units + 1))
    wanted = max(_FINE * len(positive), units)
    return min(_MOST, units * -(-wanted // units))


def share(scheduler: str, weights: Mapping[str, int], slots: int) -> list[str]:
    """Give each slot one of the servers, as their weights say; without a server there is no slot."""
    alive = {name: weight for name, weight in weights.items() if weight > 0}
    if not alive:
        return []
    if scheduler in FAILOVER:
        return [max(alive, key=lambda name: alive[name])] * slots
    return _hashed(alive, slots) if scheduler in BY_SOURCE else in_turn(alive, slots)


def level(weights: Mapping[str, int], flows: Mapping[str, int], slots: int) -> dict[str, int]:
    """How many slots each server gets, so that new flows bring all to the same number for their weight.

    Nobody knows how many will come until the next count: a tenth of all that there are, one for each at
    least. Where somebody lacks more than that, all of them are his.
    """
    alive = {name: weight for name, weight in weights.items() if weight > 0}
    if not alive:
        return {}
    loads = {name: flows.get(name, 0) / weight for name, weight in alive.items()}
    coming = max(len(alive), sum(flows.get(name, 0) for name in alive) / 10)
    below: list[str] = []
    height = 0.0
    for name in sorted(alive, key=lambda name: loads[name]):
        if below and height <= loads[name]:
            break
        below.append(name)
        filled = coming + sum(flows.get(one, 0) for one in below)
        height = filled / sum(alive[one] for one in below)
    lacking = {name: alive[name] * height - flows.get(name, 0) for name in below}
    ends, done, found = 0.0, 0, dict.fromkeys(alive, 0)
    for name, lack in lacking.items():
        ends += lack
        found[name] = round(slots * ends / coming) - done
        done += found[name]
    return found


def in_turn(weights: Mapping[str, int], slots: int) -> list[str]:
    """Smooth turns: a server with twice the weight comes twice as often, and not twice in a row."""
    total, credit, found = sum(weights.values()), dict.fromkeys(weights, 0), []
    for _slot in range(slots):
        for name, weight in weights.items():
            credit[name] += weight
        chosen = max(credit, key=lambda name: credit[name])
        credit[chosen] -= total
        found.append(chosen)
    return found


def _hashed(weights: Mapping[str, int], slots: int) -> list[str]:
    """Maglev's table: when a server goes, the others keep nearly all of their slots, and so their clients."""
    places = {name: _steps(name, slots) for name in weights}
    taken: list[str | None] = [None] * slots
    following = dict.fromkeys(weights, 0)
    heaviest, credit, left = max(weights.values()), dict.fromkeys(weights, 0), slots
    while left:
        for name, weight in weights.items():
            credit[name] += weight
            if credit[name] < heaviest or not left:
                continue
            credit[name] -= heaviest
            offset, skip = places[name]
            place = (offset + following[name] * skip) % slots
            while taken[place] is not None:
                following[name] += 1
                place = (offset + following[name] * skip) % slots
            taken[place] = name
            following[name] += 1
            left -= 1
    return [name for name in taken if name is not None]


def _steps(name: str, slots: int) -> tuple[int, int]:
    digest = hashlib.sha256(name.encode()).digest()
    first, second = int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:16], "big")
    return first % slots, second % (slots - 1) + 1
