# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that gets a view of the site: where the builders of its parts start from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.firewall import Firewall
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.pair_links import SYNC_PORT
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Host, Pair, Site


@dataclass
class Viewpoint:
    """A host, as one that gets a view of the site; the site is free of problems."""

    site: Site
    host: Host

    @cached_property
    def pair(self) -> Pair | None:
        return self.site.pair_of(self.host.name)

    @cached_property
    def firewall(self) -> Firewall | None:
        """The host as a node of its pair."""
        if self.pair is None:
            return None
        peer = self.site.hosts[self.pair.peer(self.host.name)]
        return Firewall(self.site, self.pair, self.host, peer, SYNC_PORT)
