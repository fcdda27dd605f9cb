# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site_addresses: names for lists of addresses. site/addresses.py reads and looks them up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SITE
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.section import Named, Reading, Section
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.names import RESERVED_ANY
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import Addresses
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Site

_SETS = dict.fromkeys(("probe_pings", "probe_forwards"), "is the beginning of a set of the probe's")


def read_addresses(reading: Reading) -> dict[str, Addresses]:
    return reading.book.resolve()


def _files(variables: Mapping[str, object]) -> Iterator[object]:
    entries = variables.get("site_addresses")
    for entry in entries.values() if isinstance(entries, dict) else ():
        yield entry.get("file") if isinstance(entry, dict) else None


def _names(site: Site) -> Iterator[Named]:
    for name in site.addresses:
        yield SITE, f"site_addresses.{name}", name, {**RESERVED_ANY, **_SETS}


SECTION = Section(
    variables=("site_addresses",),
    reads={"addresses": read_addresses},
    files=_files,
    against=("site_networks", "site_pairs", "node_interfaces", "hypervisor_bridges"),
    names=_names,
)
