# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sections of an inventory, in the order in which their problems are told. A new one is a line here."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping

from ansible_collections.ftfw.pair.plugins.plugin_utils.across import (
    devices,
    gateways,
    groups,
    machines,
    reach,
    third_parties,
    unreplicated,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import closest
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections import (
    addresses,
    balancers,
    filter_bridges,
    fragments,
    guests,
    hypervisors,
    name,
    networks,
    nodes,
    pairs,
    policy,
    policy_tests,
    port_forwards,
    probes,
    resolvers,
    reverse_path,
    services,
    source_nat,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.section import OfHosts, Section

ORDER: tuple[Section | OfHosts, ...] = (
    groups.SECTION,
    networks.SECTION,
    services.SECTION,
    addresses.SECTION,
    name.SECTION,
    OfHosts((guests.SECTION, devices.SECTION, hypervisors.SECTION, nodes.SECTION)),
    pairs.SECTION,
    gateways.SECTION,
    resolvers.SECTION,
    machines.SECTION,
    third_parties.SECTION,
    policy.SECTION,
    unreplicated.SECTION,
    policy_tests.SECTION,
    port_forwards.SECTION,
    balancers.SECTION,
    source_nat.SECTION,
    reverse_path.SECTION,
    filter_bridges.SECTION,
    fragments.SECTION,
    probes.SECTION,
    reach.SECTION,
)


def _every() -> Iterator[Section]:
    for one in ORDER:
        yield from one.sections if isinstance(one, OfHosts) else (one,)


SECTIONS = tuple(_every())
MODEL = tuple(variable for section in SECTIONS for variable in section.variables)
"""The variables of the model: what hosts have of a site, and each has of its own."""
SITE_VARIABLES = tuple(variable for variable in MODEL if variable.startswith("site_"))
HOST_VARIABLES = tuple(variable for variable in MODEL if variable not in SITE_VARIABLES)
READ = frozenset((*MODEL, *(variable for section in SECTIONS for variable in section.borrowed)))
AGAINST = {
    variable: section.against
    for section in SECTIONS
    for variable in (*section.variables, *section.borrowed)
    if section.against is not None
}
"""Which variables each one is checked against. One that is not named here is checked against all."""
ALONE = re.compile(rf".+\.({'|'.join(dict.fromkeys(key for one in SECTIONS for key in one.alone))})")
"""Keys that nothing else is checked against."""
ELSEWHERE = {name: place for section in SECTIONS for name, place in section.elsewhere.items()}
_BEGINNINGS = tuple({f"{variable.partition('_')[0]}_" for variable in MODEL if "_" in variable})


@functools.cache
def meant(name: str) -> str | None:
    """Find the variable of the model that a misspelt name was meant for."""
    if name in MODEL or not name.startswith(_BEGINNINGS):
        return None
    return closest(name, MODEL, 0.88)


def named_files(hostvars: Mapping[str, Mapping[str, object]]) -> list[str]:
    """List the paths of files that variables name, as they are written."""
    readers = [section.files for section in SECTIONS if section.files]
    found = (path for values in hostvars.values() for files in readers for path in files(values))
    return list(dict.fromkeys(path for path in found if isinstance(path, str)))


def with_files() -> tuple[str, ...]:
    """The variables that may name files."""
    return tuple(variable for section in SECTIONS if section.files for variable in section.variables)
