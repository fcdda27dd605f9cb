# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option of each module that writes files of a host."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  collect:
    description:
      - Whether to only keep what would be written, for M(ftfw.pair.collected_files). The host is not asked,
        and nothing counts as changed.
      - For C(module_defaults) of a play that shows files, and writes none to a host.
    type: bool
    default: false
    version_added: 0.2.0
"""
