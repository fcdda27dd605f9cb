# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each host has to know of the site: the fact site_view, composed of what sections give."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from ansible_collections.ftfw.pair.plugins.plugin_utils.model.sections import SECTIONS
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.names import roles
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Site
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.contract import HostView, Parts
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.viewpoint import Viewpoint


def host_views(site: Site, names: Iterable[str]) -> dict[str, HostView]:
    """Make the views of some hosts; the site must be free of problems."""
    # the same for all: to look for it takes a while
    shared = [section.view_all(site) for section in SECTIONS if section.view_all is not None]
    return {name: _view(Viewpoint(site, site.hosts[name]), shared) for name in names}


def host_view(site: Site, name: str) -> HostView:
    return host_views(site, [name])[name]


def _view(point: Viewpoint, shared: Iterable[Parts]) -> HostView:
    own = (section.view(point) for section in SECTIONS if section.view is not None)
    parts = {key: part for one in (*own, *shared) for key, part in one.items()}
    known = {"name": point.host.name, "site": point.site.name, "roles": roles(point.site, point.host)}
    return cast(HostView, {**known, **parts})
