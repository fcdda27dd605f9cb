# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The typed model of a policy: its entries, and the addresses that they name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from ansible_collections.ftfw.pair.plugins.module_utils.packets.clock import DAYS, Moment
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.ranges import Range

Way = tuple[str, str]
"""From which network to which one."""

ANY = "any"
"""In the place of services: every protocol."""
ACTIONS = ("accept", "drop", "reject")
DAY = 24 * 60
"""Minutes of a day."""


FLOWS, EXPECTED = "flows", "expected"
"""What of an entry is offloaded: its flows, or the connections that their helpers expect."""


_LAST = {4: 2**32 - 1, 6: 2**128 - 1}


@dataclass(frozen=True)
class Addresses:
    """Addresses under one label, which stands for them: equal labels of one site mean equal addresses."""

    label: str
    named: bool = False
    """Whether the label is a name of site_addresses, and so of a set of its own."""
    v4: tuple[Range, ...] = field(default=(), compare=False, repr=False)
    v6: tuple[Range, ...] = field(default=(), compare=False, repr=False)

    def of_family(self, family: int) -> tuple[Range, ...]:
        return self.v4 if family == 4 else self.v6

    def families(self) -> tuple[int, ...]:
        return tuple(family for family in (4, 6) if self.of_family(family))

    def whole(self) -> tuple[int, ...]:
        """Of which families it has every address, as 0.0.0.0/0 and ::/0 do."""
        return tuple(family for family in (4, 6) if self.of_family(family) == ((0, _LAST[family]),))


@dataclass(frozen=True)
class Log:
    """What is logged begins with the prefix, and is at most so much (nft's notation)."""

    prefix: str
    rate: str


@dataclass(frozen=True)
class Window:
    """Days (0 is Monday), and minutes of a day, from the first to before the last; it may cross midnight."""

    days: tuple[int, ...]
    first: int = 0
    last: int = DAY

    @property
    def daily(self) -> bool:
        return len(self.days) == len(DAYS)

    def holds(self, moment: Moment) -> bool:
        """Whether it is open then; what is past midnight belongs to the day before."""
        today, before = moment.day in self.days, (moment.day - 1) % len(DAYS) in self.days
        if self.first < self.last:
            return today and self.first <= moment.minute < self.last
        return (today and self.first <= moment.minute) or (before and moment.minute < self.last)

    def edges(self) -> tuple[Moment, ...]:
        """Its first and last minutes, those just outside, and those of another day.

        Inside, each day is there that nft has to be told of (of a window across midnight also the next ones).
        """
        last = self.last if self.first < self.last else self.last + DAY
        others = [day for day in range(len(DAYS)) if day not in self.days][:1]
        minutes = [day * DAY + self.first for day in self.days]
        minutes += [day * DAY + last - 1 for day in (self.days if last > DAY else self.days[:1])]
        minutes += [self.days[0] * DAY + self.first - 1, self.days[-1] * DAY + last]
        minutes += [day * DAY + minute for day in others for minute in (self.first, last - 1)]
        return tuple(dict.fromkeys(map(Moment.of, minutes)))

    def parts(self) -> tuple[tuple[Moment, ...], ...]:
        """Minutes inside, of each day the first, one in the middle and the last; beyond midnight apart."""
        if self.first < self.last:
            spans = [(self.first, self.last)]
        else:
            spans = [(self.first, DAY), (DAY, DAY + self.last)]
        return tuple(
            tuple(
                Moment.of(day * DAY + minute)
                for day in self.days
                for minute in (first, (first + end) // 2, end - 1)
            )
            for first, end in spans
        )


class Condition(NamedTuple):
    """What an entry asks of a packet beside its networks and services; None is any.

    Each part has the name of a field of PolicyEntry. Entries are compared, and put together, by all of them.
    """

    sources: Addresses | None = None
    destinations: Addresses | None = None
    window: Window | None = None


@dataclass(frozen=True)
class PolicyEntry:
    """Who may, or may not, open what where; `index` is the entry's place in site_policy."""

    index: int
    from_networks: tuple[str, ...]
    to_networks: tuple[str, ...]
    services: tuple[str, ...]
    action: str = "accept"
    sources: Addresses | None = None
    """None is any."""
    destinations: Addresses | None = None
    limit: str | None = None
    log: Log | None = None
    counter: str = ""
    """What its counter is called after policy_: its own word, or the entry's place; empty for none."""
    window: Window | None = None
    comment: str | None = None
    offload: str = ""
    """FLOWS, EXPECTED, or nothing."""

    @property
    def place(self) -> str:
        return f"site_policy[{self.index}]"

    @property
    def accepts(self) -> bool:
        return self.action == "accept"

    @property
    def any_service(self) -> bool:
        return self.services == (ANY,)

    @property
    def condition(self) -> Condition:
        return Condition(*(getattr(self, part) for part in Condition._fields))

    @property
    def plain(self) -> bool:
        """Whether nothing but its services tells it from another one of the same networks and action."""
        special = (self.limit, self.log, *self.condition)
        return not self.counter and not self.any_service and all(part is None for part in special)

    def ways(self) -> tuple[Way, ...]:
        """Each network that it leads from, with each other one that it leads to."""
        return tuple(
            (source, destination)
            for source in self.from_networks
            for destination in self.to_networks
            if source != destination
        )

    def __str__(self) -> str:
        return f"{self.place}: {', '.join(self.from_networks)} to {', '.join(self.to_networks)}"
