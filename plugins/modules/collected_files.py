#!/usr/bin/python
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name."""

DOCUMENTATION = r"""
module: collected_files
short_description: Show in a folder what files hosts would get
version_added: 0.2.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Writes the files that tasks of the same run have collected, by their option C(collect). Those are tasks of
    M(ftfw.pair.config_files), M(ftfw.pair.nft_ruleset) and M(ftfw.pair.guest_disk).
  - Each file lies below the name of its host. Beside that folder, C(HOST.txt) has mode, owner, group and path
    of each file. Programs of the collection stand in that list only, for they are the same on all hosts.
  - A file that it has written before is removed when the host would not get it any more, or is no host of the
    inventory any more. Whatever else is in the folder stays.
  - Runs on the controller and connects to no host. It writes all files, or none.
options:
  folder:
    description: The folder on the controller. It is made where it is missing.
    type: path
    required: true
  hosts:
    description: The hosts whose files are written.
    type: list
    elements: str
    required: true
  others:
    description: Other hosts, whose files in the folder stay as they are.
    type: list
    elements: str
    default: []
  secrets:
    description:
      - Whether to write files that are C(sensitive) as well. Only the user who runs it can read them.
      - Without it they stand in the list only.
    type: bool
    default: false
extends_documentation_fragment: [ftfw.pair.attributes, ftfw.pair.attributes.action]
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Show what the firewalls would get
  hosts: site_firewalls
  gather_facts: false
  module_defaults:
    ftfw.pair.config_files: {collect: true}
  tasks:
    - name: Collect the files of keepalived
      ansible.builtin.include_role:
        name: ftfw.pair.keepalived
        tasks_from: configure

    - name: Show them
      ftfw.pair.collected_files:
        folder: /tmp/files
        hosts: "{{ ansible_play_hosts }}"
      run_once: true
"""

RETURN = r"""
changed_paths:
  description: The files that were written or removed, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [/tmp/files/fw-1.txt, /tmp/files/fw-1/etc/keepalived/keepalived.conf]
"""
