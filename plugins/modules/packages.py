#!/usr/bin/python
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name."""

DOCUMENTATION = r"""
module: packages
short_description: Install or remove packages, fast where nothing is to be done
version_added: 0.1.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Asks the database of dpkg or rpm by one shell command over the connection which of the packages are
    installed. Only what differs is given to M(ansible.builtin.apt) or M(ansible.builtin.dnf).
  - If nothing differs, the managed node needs no Python, no package mirror and no facts.
options:
  name:
    description:
      - The packages, by their real names; a name that packages only provide is not known to be installed.
    type: list
    elements: str
    required: true
  state:
    description: Whether the packages should be installed. An installed package is not upgraded.
    type: str
    default: present
    choices: [present, absent]
extends_documentation_fragment: [ftfw.pair.attributes, ftfw.pair.attributes.action]
attributes:
  check_mode:
    support: full
    details: [Whether a missing package can be had from a mirror is not checked.]
  diff_mode:
    support: full
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Install conntrackd and what it needs
  ftfw.pair.packages:
    name: [conntrackd, conntrack, netbase]
"""

RETURN = r"""
changed_packages:
  description: The packages that were installed or removed, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [conntrackd]
"""
