# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells what a reload of keepalived would disturb."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.turns.keepalived_reload import compare

DOCUMENTATION = r"""
name: keepalived_reload
short_description: Tell what a reload of keepalived would disturb
version_added: 0.2.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Compares the configuration that a node has with the one that it is to get. Most of what changes is taken
    in by a reload. A virtual router that is new, or has another VRID, makes the whole group let go of its
    addresses.
options:
  _input:
    description: The text of C(keepalived.conf) on the node; empty where there is none.
    type: str
    required: true
  new:
    description: The text that it is to get.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Say what the reload would disturb
  ansible.builtin.debug:
    msg: "{{ (old.stdout | ftfw.pair.keepalived_reload(new)).reasons }}"
"""

RETURN = r"""
_value:
  description:
    - C(reasons) are sentences, none when a reload serves. C(deaf) says whether a node with the new text would
      not hear one with the old. C(addresses) are the virtual addresses of the old text.
  type: dict
  sample: {reasons: [the virtual router dmz is new], deaf: false, addresses: [192.168.2.100]}
"""


def keepalived_reload(old: str, new: str) -> dict[str, Any]:
    return compare(old, new)


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"keepalived_reload": keepalived_reload}
