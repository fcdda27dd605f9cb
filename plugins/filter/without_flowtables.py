# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes the flowtables out of a ruleset."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.ftfw.pair.plugins.module_utils.nft.flowtables import without_flowtables

DOCUMENTATION = r"""
name: without_flowtables
short_description: Take the flowtables out of a ruleset
version_added: 0.2.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Removes C(flowtable) blocks, and the statements that add flows to them, for a kernel that has none. The
    rules decide as before; all packets go the long way.
options:
  _input:
    description: The text of a table.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Load the rules on a kernel without flowtables
  ftfw.pair.nft_ruleset:
    table: ftfw
    text: "{{ site_view.nftables.ruleset | ftfw.pair.without_flowtables }}"
"""

RETURN = r"""
_value:
  description: The text without them; its lines keep their numbers.
  type: str
"""


class FilterModule:
    def filters(self) -> dict[str, Callable[..., str]]:
        return {"without_flowtables": without_flowtables}
