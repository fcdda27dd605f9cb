#!/usr/bin/python
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name."""

DOCUMENTATION = r"""
module: pair_health
short_description: Tell the state of one firewall of a pair and all that ails it
version_added: 0.2.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Returns what M(ftfw.pair.pair_status) returns, and the answer of the program C(pair-health), by one shell
    command. The role P(ftfw.pair.pair_state#role) installs the program on the node.
  - A node on which the program is missing or fails is no error of this task; RV(health) is null then.
  - The filter P(ftfw.pair.pair_health#filter) makes a pair's health of its nodes'.
options:
  virtual_addresses:
    description: The pair's virtual addresses, without prefix length.
    type: list
    elements: str
    required: true
  delay:
    description: Seconds to wait before the node is asked, as for a second look.
    type: float
    default: 0
extends_documentation_fragment: [ftfw.pair.attributes, ftfw.pair.attributes.action, ftfw.pair.attributes.look]
seealso:
  - module: ftfw.pair.pair_status
"""

EXAMPLES = r"""
- name: Look at the firewall
  ftfw.pair.pair_health:
    virtual_addresses: [192.168.2.100, 192.168.0.100]
  register: look
  ignore_unreachable: true
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
  description: Entries of the kernel's table and of conntrackd's two caches; null for what was not told, and
    for a cache that is turned off.
  returned: success
  type: dict
  sample: {kernel: 12, internal: 9, external: 0}
health:
  description:
    - The document of C(pair-health --compare), or null.
    - Among its keys are C(vrrp), C(units), C(entries), C(conntrackd), C(replication), C(links),
      C(last_error), C(failed_units), C(ruleset), C(versions), C(flows) and C(findings).
  returned: success
  type: dict
  sample: {node: fw-1, findings: []}
health_error:
  description: Why there is no C(health), or null.
  returned: success
  type: str
  sample: "/bin/sh: 1: /usr/local/sbin/pair-health: not found"
clock_offset:
  description: Seconds that the node's clock is ahead of the controller's, at least and at most; null when it
    was not told.
  returned: success
  type: list
  elements: float
  sample: [-0.012, 0.105]
"""
