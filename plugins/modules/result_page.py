#!/usr/bin/python
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name."""

DOCUMENTATION = r"""
module: result_page
short_description: Make one HTML page of what a bench or a drill has measured
version_added: 0.2.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Reads a JSON document, checks it, and writes a page that shows it with charts. The page has no script and
    asks no network for anything. C(docs/report.md) describes the document, and how to read the charts.
  - A document whose figures don't agree with each other is refused, such as one with another median than that
    of its trials. Every error is found in one run. Each is one line of the message and names the key.
  - Runs on the controller and connects to no host. Both files are on the controller.
  - A document that tells of failure makes a page like any other, and no failure of the task.
options:
  document:
    description: The JSON file to read, encoded in UTF-8.
    type: path
    required: true
  page:
    description: The HTML file to write. Its folder is made when it is absent.
    type: path
    required: true
extends_documentation_fragment: [ftfw.pair.attributes, ftfw.pair.attributes.action]
attributes:
  check_mode:
    support: full
    details: [The document is read and checked in check mode as well.]
  diff_mode:
    support: none
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Show what was measured
  ftfw.pair.result_page:
    document: reports/bench.json
    page: reports/bench.html
"""

RETURN = r"""
page:
  description: The HTML file.
  returned: success
  type: str
  sample: reports/bench.html
summary:
  description: What passed and what didn't, in words.
  returned: success
  type: str
  sample: 17 of 18 figures with a limit passed, 1 failed.
"""
