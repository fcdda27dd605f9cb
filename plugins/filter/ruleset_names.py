# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells what is a firewall's own in its ruleset."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.ruleset.names import ruleset_names

DOCUMENTATION = r"""
name: ruleset_names
short_description: Tell what is a firewall's own in its ruleset
version_added: 0.2.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - The rulesets of a pair's nodes differ in names of interfaces, own addresses and the peer's, and in nothing
    else. With each of these called by what it is for, they can be compared.
options:
  _input:
    description: The fact C(site_view) of the firewall.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Say what the interfaces and addresses are for
  ansible.builtin.debug:
    msg: "{{ site_view | ftfw.pair.ruleset_names }}"
"""

RETURN = r"""
_value:
  description: Name or address, and what it is for.
  type: dict
  sample: {eth0: outside, 192.168.0.1: own outside 0, 192.168.0.2: peer outside 4}
"""


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"ruleset_names": ruleset_names}
