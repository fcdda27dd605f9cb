# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site_reverse_path: which senders the firewalls believe. The ruleset sees to IPv6, the kernel to IPv4."""

from __future__ import annotations

from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.section import Reading, Section
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import REVERSE_PATHS
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.contract import Parts
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.viewpoint import Viewpoint


def read_reverse_path(reading: Reading) -> str:
    return reading.shared["site_reverse_path"].choice(*REVERSE_PATHS) or "strict"


def _view(point: Viewpoint) -> Parts:
    firewall = point.firewall
    if firewall is None:
        return {}
    return {
        "firewall_kernel": {
            "rp_filter": REVERSE_PATHS[point.site.reverse_path],
            "ipv6_forwarding": bool(set(firewall.data) & set(firewall.with_family(6))),
        }
    }


SECTION = Section(variables=("site_reverse_path",), reads={"reverse_path": read_reverse_path}, view=_view)
