# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hosts become, and words that a name of a site's own can't be."""

from __future__ import annotations

from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Host, Site

ROLES = ("hypervisor", "guest", "firewall", "endpoint", "balancer")
"""What a host may become, also several of them."""
RESERVED_ALL, RESERVED_ANY = {"all": "reads as each of them"}, {"any": "reads as each of them"}


def roles(site: Site, host: Host) -> list[str]:
    in_pair = site.pair_of(host.name) is not None
    held = (
        bool(host.bridges),
        host.guest is not None,
        in_pair,
        bool(host.interfaces) and not in_pair,
        any(one.host == host.name for one in site.balancers),
    )
    return [role for role, has in zip(ROLES, held) if has]
