# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site_policy_tests: what a site says that its firewalls do with a packet."""

from __future__ import annotations

from ansible_collections.ftfw.pair.plugins.plugin_utils.policy_test.tests import (
    VARIABLE,
    PolicyTests,
    read_policy_tests,
)
from ansible_collections.ftfw.pair.plugins.plugin_utils.sections.section import Section

SECTION = Section(variables=(VARIABLE,), keeps={PolicyTests: read_policy_tests})
