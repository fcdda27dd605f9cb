#!/usr/bin/python
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name."""

DOCUMENTATION = r"""
module: report
short_description: Print a table, write it as JSON, and fail when it tells of failure
version_added: 0.1.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Takes the rows of a verification (O(checks)), or any others (O(rows)).
  - Runs on the controller, connects to no host and changes nothing there. The file is on the controller.
  - Fails after the table was printed and the file written, when a check has failed or there are O(problems).
options:
  site:
    description: The site's name. Needed with O(checks).
    type: str
  checks:
    description: The rows of a verification, with C(name), C(expected), C(seen), C(ok) and perhaps C(detail).
    type: list
    elements: dict
  columns:
    description: The table's columns. Needed with O(rows).
    type: list
    elements: str
  rows:
    description: The table's rows, each with a value for each of the O(columns).
    type: list
    elements: dict
  document:
    description: What is written with O(rows).
    type: raw
  lines:
    description: What is printed below the table.
    type: list
    elements: str
    default: []
    version_added: 0.2.0
  problems:
    description: Sentences that say why to fail.
    type: list
    elements: str
    default: []
  path:
    description:
      - The file to write, as JSON. With O(checks) it has C(site) and C(checks), and of each check C(name),
        C(expected), C(seen)
        and C(ok).
    type: path
extends_documentation_fragment: [ftfw.pair.attributes, ftfw.pair.attributes.action]
attributes:
  check_mode:
    support: full
    details: [The file is written in check mode as well.]
  diff_mode:
    support: none
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Report what was verified
  ftfw.pair.report:
    site: lab
    checks: "{{ services.checks }}"
    path: reports/verify.json
"""

RETURN = r"""
document:
  description: What was written.
  returned: success
  type: raw
  sample: {site: lab, checks: [{name: http, expected: accept, seen: accept, ok: true}]}
"""
