# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells what is in a ruleset."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.source import ruleset_source

DOCUMENTATION = r"""
name: ruleset_source
short_description: Tell what is in a ruleset
version_added: 0.2.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Tells what is in the text of table C(inet ftfw), and what is left of it for a kernel without flowtables.
  - The rules decide as before then; no flow is offloaded.
positional: _input, known
options:
  _input:
    description: The text of the table.
    type: str
    required: true
  known:
    description:
      - What is known of the compiler's own text, C(site_view.nftables.contents). Where it is that of another
        text, the text is read.
    type: dict
"""

EXAMPLES = r"""
- name: Load the rules on a kernel without flowtables
  ftfw.pair.nft_ruleset:
    table: ftfw
    text: "{{ source.without_flowtables.text }}"
    contents: "{{ source.without_flowtables.contents }}"
  vars:
    source: "{{ site_view.nftables.ruleset | ftfw.pair.ruleset_source(site_view.nftables.contents) }}"
"""

RETURN = r"""
_value:
  description:
    - The text, its contents for M(ftfw.pair.nft_ruleset), the devices that it needs, the helpers
      of connection tracking in it, and whether it offloads flows.
    - The same without flowtables, whose lines keep their numbers.
  type: dict
  sample:
    text: "table inet ftfw {}\n"
    contents: {table: inet ftfw}
    devices: [eth0, eth1]
    helpers: [{name: ftp, type: ftp, protocol: tcp}]
    offloads: true
    without_flowtables: {text: "table inet ftfw {}\n", contents: {table: inet ftfw}, devices: []}
"""


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"ruleset_source": ruleset_source}
