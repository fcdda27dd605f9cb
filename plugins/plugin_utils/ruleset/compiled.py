# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A firewall's table as its host gets it: the text, and beside it what the compiler knows of the text."""

from __future__ import annotations

from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.firewall import Firewall
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.own import management
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.render import render_ruleset
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.rules import compile_policy
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.services import helper_modules


def nftables_view(firewall: Firewall) -> dict[str, Any]:
    """Make the section nftables of a firewall's view, in plain JSON types."""
    table = compile_policy(firewall)
    rendered = render_ruleset(table)
    return {
        "contents": rendered.contents.pack(),
        "helpers": sorted(table.helpers),
        "management": management(firewall),
        "modules": sorted({module for helper in table.helpers for module in helper_modules(helper)}),
        "ruleset": rendered.text,
    }
