# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The attributes that modules have in common; each module gives its own support."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode, and tells then what would change without changing it.
  diff_mode:
    description: Shows what has changed, or would change in check mode, in diff mode.
  idempotent:
    description: A second run with the same arguments changes nothing.
"""

    # beside the one above: an action plugin alone
    ACTION = r"""
options: {}
attributes:
  action:
    description: Runs on the controller, as an action plugin.
    support: full
"""

    # beside the first: whatever only looks
    LOOK = r"""
options: {}
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
    details: [Nothing is ever changed.]
  idempotent:
    support: full
"""
