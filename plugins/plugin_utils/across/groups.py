# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hosts become: they are put in groups by it, which an inventory's own must not disturb."""

from __future__ import annotations

from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SITE
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.section import Checking, Section
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.names import ROLES, roles


def check_groups(checking: Checking) -> None:
    """Hosts are grouped by what they become; a group of the inventory's own must not have others in it."""
    site, groups, problems = checking.site, checking.groups, checking.problems
    for role in ROLES:
        group = f"site_{role}s"
        if not groups.get(group):
            continue
        hosts = {name for name, host in site.hosts.items() if role in roles(site, host)}
        others = [str(name) for name in groups[group] if str(name) not in hosts]
        if others:
            problems.add(
                others[0],
                "groups",
                group,
                f"hosts that become a {role} are put in this group, and this one does not",
                "give the group another name",
            )
    if "lab_nodes" in groups and "lab_controllers" not in groups:
        problems.add(
            SITE,
            "groups",
            "lab_nodes",
            "is the lab's own group, whose hosts are made as containers",
            "give the group another name",
        )


SECTION = Section(check=check_groups)
