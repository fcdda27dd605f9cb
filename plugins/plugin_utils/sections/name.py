# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site_name: what the site is called."""

from __future__ import annotations

from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.section import Reading, Section


def read_name(reading: Reading) -> str:
    return reading.shared["site_name"].word() or "site"


SECTION = Section(variables=("site_name",), reads={"name": read_name})
