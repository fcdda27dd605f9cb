# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site_filter_bridges: whether what bridges pass on goes through a hypervisor's own filters."""

from __future__ import annotations

from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.section import Reading, Section


def read_filter_bridges(reading: Reading) -> bool:
    return reading.shared["site_filter_bridges"].boolean(False)


SECTION = Section(variables=("site_filter_bridges",), reads={"filter_bridges": read_filter_bridges})
