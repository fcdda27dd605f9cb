#!/usr/bin/python
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: config_files
short_description: Write a set of configuration files, all or none
version_added: 0.1.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Writes and removes configuration files with their owner, group and mode. Every new file is checked before
    the first one is put in its place, each is replaced atomically, and if anything fails all are put back.
  - Compares first by one shell command over the connection, which needs no Python on the managed node. Only
    if something differs does it run a module there. On a slow node, such as an emulated VM, this makes a run
    that changes nothing faster by an order of magnitude.
options:
  files:
    description: The files, in the order in which they are put in place.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description:
          - The absolute path. A symbolic link of this name is replaced by the file; a directory is an error.
          - Folders that are missing are made, with mode 0755.
        type: path
        required: true
      content:
        description: The whole text. Required for O(files[].state=present).
        type: str
      owner:
        description: Name or number of the user that owns the file.
        type: str
        default: root
      group:
        description: Name or number of the group that the file belongs to.
        type: str
        default: root
      mode:
        description: The mode, in octal digits with a leading zero, in quotes.
        type: str
        default: "0644"
      state:
        description:
          - Whether the file should be there. V(original) undoes V(present), once it is no longer needed.
          - V(original) puts back what was kept for O(files[].mark) or, where nothing was kept, removes the
            file. A file without the mark is somebody else's, and left alone.
        type: str
        default: present
        choices: [present, absent, original]
      mark:
        description:
          - A line that each version of the file has. What is there without it is somebody else's, and kept
            as C(/var/lib/ftfw/before/)path before it is replaced. Where another one is kept there already,
            the name goes on with a part of its checksum.
        type: str
      essential:
        description: Whether O(files[].state=original) leaves the file alone where nothing was kept.
        type: bool
        default: false
      validate:
        description:
          - A command that must succeed before the file is put in its place. C(%s) in it stands for the name
            of a hidden file in the same folder that has the new text and attributes.
          - Run without a shell, for at most 60 seconds, and not in check mode.
        type: str
      sensitive:
        description: Whether to keep the text, and what O(files[].validate) says to it, out of logs and diffs.
        type: bool
        default: false
extends_documentation_fragment: [ftfw.pair.attributes, ftfw.pair.collect]
attributes:
  action:
    description: The comparison runs on the controller, as an action plugin.
    support: full
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
notes:
  - A file that is a mount point, such as C(/etc/hostname) in many containers, can't be replaced. It is
    written in place.
"""

EXAMPLES = r"""
- name: Configure keepalived
  ftfw.pair.config_files:
    files:
      - path: /etc/keepalived/keepalived.conf
        content: "{{ lookup('ansible.builtin.template', 'keepalived.conf.j2') }}"
        mode: "0640"
        validate: /usr/sbin/keepalived --config-test --use-file %s
      - path: /etc/systemd/system/keepalived.service.d/10-ftfw.conf
        content: "{{ lookup('ansible.builtin.template', 'keepalived.service.conf.j2') }}"
  notify: Reload keepalived

- name: Remove a file that is no longer needed
  ftfw.pair.config_files:
    files:
      - path: /etc/keepalived/old.conf
        state: absent
"""

RETURN = r"""
changed_paths:
  description:
    - The files that were changed, or would be in check mode, in the order given. None with O(collect).
  returned: success
  type: list
  elements: str
  sample: [/etc/keepalived/keepalived.conf]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ftfw.pair.plugins.module_utils.files.disk import apply, read
from ansible_collections.ftfw.pair.plugins.module_utils.files.plan import (
    ConfigFilesError,
    argument_spec,
    diff,
    parse,
    paths_of,
    plan,
)
from ansible_collections.ftfw.pair.plugins.module_utils.system.users import gid, uid


def main() -> None:
    # the log of the node is no place for whole files, sensitive or not
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True, no_log=True)
    files = module.params["files"]
    module.no_log_values.update(item["content"] for item in files if item["sensitive"] and item["content"])
    try:
        wanted = parse(files)
        changes = plan(wanted, {path: read(path) for path in paths_of(wanted)}, uid, gid)
        if not module.check_mode:
            apply(changes)
    except ConfigFilesError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=bool(changes), changed_paths=[change.path for change in changes], diff=diff(changes)
    )


if __name__ == "__main__":
    main()
