# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says before a run which file of the inventory is no sound YAML, and in which line."""

from __future__ import annotations

DOCUMENTATION = r"""
name: inventory_files
type: notification
short_description: Say which file of the inventory is no sound YAML
version_added: 0.2.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Reads the files of the inventory before the first task, with those in C(group_vars) and C(host_vars)
    beside it and beside the playbook. Each one that is no sound YAML is an error with its file and line.
  - Ansible ends the run at such a file by itself, and often names neither.
requirements:
  - It is named in C(callbacks_enabled) of the configuration.
"""

EXAMPLES = r"""
ansible.cfg: |
  [defaults]
  callbacks_enabled = ftfw.pair.inventory_files

output: |
  [ERROR]: inventory: inventories/mine/group_vars/all/site.yml line 11: (file): is no sound YAML: ...
  [ERROR]: YAML parsing failed: Colons in unquoted values must be followed by a non-space character.
"""

import os
from pathlib import Path

from ansible import constants, context
from ansible.playbook import Playbook
from ansible.plugins.callback import CallbackBase
from ansible_collections.ftfw.pair.plugins.plugin_utils.inventory.files import Ignored, unsound_files


class CallbackModule(CallbackBase):
    """Looks at the files when a playbook starts. Ansible reads variables of hosts only after that."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "ftfw.pair.inventory_files"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_start(self, playbook: Playbook) -> None:
        sources = [str(one) for one in context.CLIARGS.get("inventory") or constants.DEFAULT_HOST_LIST]
        paths = [Path(one) for one in sources if "," not in one and os.path.lexists(one)]
        ignored = Ignored(tuple(constants.INVENTORY_IGNORE_EXTS), tuple(constants.INVENTORY_IGNORE_PATTERNS))
        for line in unsound_files(paths, Path(playbook.get_loader().get_basedir()), ignored):
            self._display.error(line, wrap_text=False)
