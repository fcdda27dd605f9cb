#!/usr/bin/python
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name."""

DOCUMENTATION = r"""
module: pair_status
short_description: Tell the state of one firewall of a pair, fast
version_added: 0.1.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Asks for addresses, daemons and table sizes by one shell command, which needs no Python on the node. Use
    M(ftfw.pair.vrrp_info) and M(ftfw.pair.conntrack_sync_info) for all that the daemons know.
  - Who is primary is told by the addresses that the kernel has, and not by what a daemon says.
  - The filter P(ftfw.pair.pair_summary#filter) makes a pair's state of its nodes'.
options:
  virtual_addresses:
    description: The pair's virtual addresses, without prefix length.
    type: list
    elements: str
    required: true
extends_documentation_fragment: [ftfw.pair.attributes, ftfw.pair.attributes.action, ftfw.pair.attributes.look]
"""

EXAMPLES = r"""
- name: Look at the firewall
  ftfw.pair.pair_status:
    virtual_addresses: [192.168.2.100, 192.168.0.100]
  register: status
"""

RETURN = r"""
virtual_addresses:
  description: Those of the virtual addresses that the node's kernel has.
  returned: success
  type: list
  elements: str
  sample: [192.168.2.100, 192.168.0.100]
vrrp_state:
  description: MASTER, BACKUP or FAULT by the last transition, STOP without keepalived, UNKNOWN before the
    first one.
  returned: success
  type: str
  sample: MASTER
keepalived:
  description: Whether keepalived runs.
  returned: success
  type: bool
  sample: true
conntrackd:
  description: Whether conntrackd runs and answers.
  returned: success
  type: bool
  sample: true
pair_state:
  description: Whether the program runs that carries out transitions.
  returned: success
  type: bool
  sample: true
entries:
  description: Entries of the kernel's table and of conntrackd's two caches; null for what was not told.
  returned: success
  type: dict
  sample: {kernel: 12, internal: 9, external: 0}
"""
