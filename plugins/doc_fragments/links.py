# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules of bridges and taps have in common."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
requirements: [pyroute2 >= 0.7.2]
options:
  netns:
    description: Name of the network namespace in which to work, as C(ip netns) has it. Must exist.
    type: str
"""
