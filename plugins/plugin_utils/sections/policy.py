# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site_policy: who may open what where. The room policy reads and checks it, ruleset compiles it."""

from __future__ import annotations

from ansible_collections.ftfw.pair.plugins.plugin_utils.policy.checks import check_policy, warn_of_policy
from ansible_collections.ftfw.pair.plugins.plugin_utils.policy.entry import read_entry
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.firewall import Firewall
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.own import management
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.render import render_ruleset
from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.rules import compile_policy
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.section import Checking, Reading, Section
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.policy_types import PolicyEntry
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.contract import Parts
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.parts.firewalls import Nftables
from ansible_collections.ftfw.pair.plugins.plugin_utils.view.viewpoint import Viewpoint
from ansible_collections.ftfw.pair.plugins.plugin_utils.vocabulary.services import helper_modules


def read_policy(reading: Reading) -> tuple[PolicyEntry, ...]:
    entries = enumerate(reading.shared["site_policy"].items())
    return tuple(read_entry(index, value, reading.book) for index, value in entries)


def _check(checking: Checking) -> None:
    check_policy(checking.site, checking.problems, checking.warnings)


def _view(point: Viewpoint) -> Parts:
    if point.firewall is None:
        return {}
    return {"nftables": _nftables(point.firewall)}


def _nftables(firewall: Firewall) -> Nftables:
    """Give the table as its host gets it: the text, and beside it what the compiler knows of the text."""
    table = compile_policy(firewall)
    rendered = render_ruleset(table)
    return {
        "contents": rendered.contents.pack(),
        "helpers": sorted(table.helpers),
        "management": management(firewall),
        "modules": sorted({module for helper in table.helpers for module in helper_modules(helper)}),
        "ruleset": rendered.text,
    }


SECTION = Section(
    variables=("site_policy",),
    reads={"policy": read_policy},
    against=(
        "site_networks",
        "site_pairs",
        "node_interfaces",
        "hypervisor_bridges",
        "site_services",
        "site_addresses",
    ),
    alone=("action", "limit", "log", "counter", "comment"),
    check=_check,
    warn=warn_of_policy,
    view=_view,
)
