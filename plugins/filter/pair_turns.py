# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells which nodes are changed one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ansible_collections.ftfw.pair.plugins.plugin_utils.turns.turns import read, turns

DOCUMENTATION = r"""
name: pair_turns
short_description: Tell which nodes are changed one after the other
version_added: 0.2.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Where a change would disturb a pair that runs, its backup is changed first, and its primary after it has
    handed over.
options:
  _input:
    description:
      - Of each firewall of the play C(name), C(peer), whether keepalived is C(running) and C(holds) virtual
        addresses, the C(reasons) why its changes disturb, and whether it would be C(deaf) to the old primary.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Say whose turn is when
  ansible.builtin.debug:
    msg: "{{ ansible_play_hosts | map('extract', hostvars, 'seen') | list | ftfw.pair.pair_turns }}"
"""

RETURN = r"""
_value:
  description:
    - For each node its C(turn), which is first, last, none or refused, and C(why). C(deaf) says that the
      backup is started only when the primary has stopped.
  type: dict
  sample: {fw-1: {turn: last, why: the virtual router dmz is new, deaf: false}}
"""


def pair_turns(nodes: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: asdict(turn) for name, turn in turns(read(nodes)).items()}


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"pair_turns": pair_turns}
