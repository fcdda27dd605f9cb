# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Warns of what the policy lets through and a takeover ends, since it can't be replicated."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import SITE, Problems
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.section import Section
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Site

_HELPERS = {"pptp": "GRE"}
"""Helpers that expect what can't be replicated, and what that is."""
_WORDS = re.compile(r"\b(?:(gre|udplite)|(?:l4proto|protocol|nexthdr)\s+(?:\{[^}]*?)?\b(47|136)\b)")
_PROTOCOLS = {"gre": "GRE", "47": "GRE", "udplite": "UDP-Lite", "136": "UDP-Lite"}


def warn_of_unreplicated(site: Site, warnings: Problems) -> None:
    """Name each place that lets in flows which end with a takeover."""
    for key, value, protocol in _found(site):
        warnings.add(
            SITE,
            key,
            value,
            f"its flows of {protocol} are not replicated, and end with a takeover",
            "nothing, if they may be opened again; otherwise a service over TCP, UDP or ESP",
        )


def _found(site: Site) -> Iterator[tuple[str, str, str]]:
    for entry in site.policy:
        for name in () if entry.any_service or not entry.accepts else entry.services:
            if (helper := site.services[name].helper) in _HELPERS:
                yield f"{entry.place}.services", name, _HELPERS[str(helper)]
    for forward in site.port_forwards:
        if (helper := site.services[forward.service].helper) in _HELPERS:
            yield f"site_port_forwards[{forward.index}].service", forward.service, _HELPERS[str(helper)]
    for fragment in site.fragments:
        text = re.sub(r"#.*|\"[^\"]*\"", "", fragment.text)
        for word in dict.fromkeys(match[1] or match[2] for match in _WORDS.finditer(text)):
            yield fragment.where, word, _PROTOCOLS[word]


SECTION = Section(warn=warn_of_unreplicated)
