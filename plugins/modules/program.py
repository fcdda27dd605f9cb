#!/usr/bin/python
# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: program
short_description: Install a program of this collection as one file
version_added: 0.2.0
author: The ftfw.pair authors (@ftfw-pair)
description:
  - Builds a program from its modules on the controller, and installs it on the node as one executable file.
    On the node it gets the byte code of the node's Python, so that it starts as fast as an installed package.
  - Compares first by one shell command over the connection. Only if something differs does it run a module on
    the node.
  - File and links are put in place as one. If anything fails, all are as they were.
options:
  name:
    description:
      - Which program. V(agent) is what firewalls run, with a verb for each part.
      - V(ruleset) is what loads their rules at boot, and the rules of others beside them.
    type: str
    required: true
    choices: [agent, ruleset]
  path:
    description: The absolute path of the file. Folders that are missing are made, with mode 0755.
    type: path
    required: true
  links:
    description:
      - Absolute paths of symbolic links to the file. The program can tell by which of them it was called.
      - A file of such a name is replaced by the link.
    type: list
    elements: path
    default: []
  content:
    description: Set by the action. What was built, in base64.
    type: str
    default: ""
  collect:
    description:
      - Whether to keep the file for M(ftfw.pair.collected_files), and leave the host alone.
    type: bool
    default: false
extends_documentation_fragment: [ftfw.pair.attributes]
attributes:
  action:
    description: The program is built on the controller, as an action plugin.
    support: full
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
"""

EXAMPLES = r"""
- name: Install what a firewall runs
  ftfw.pair.program:
    name: agent
    path: /usr/local/lib/ftfw/agent.pyz
    links: [/usr/local/sbin/pair-state, /usr/local/sbin/pair-health]
  notify: Restart pair-state
"""

RETURN = r"""
version:
  description: The version that C(--version) of the program tells.
  returned: success
  type: str
  sample: 0.2.0+0123456789ab
changed_paths:
  description: The file and the links that were changed, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [/usr/local/lib/ftfw/agent.pyz]
"""

import hashlib
import sys
from base64 import b64decode

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.ftfw.pair.plugins.module_utils.files.disk import apply, read
from ansible_collections.ftfw.pair.plugins.module_utils.files.plan import (
    ConfigFilesError,
    FileChange,
    FileState,
)
from ansible_collections.ftfw.pair.plugins.module_utils.files.program import (
    MARK_SIZE,
    NO_PYTHON,
    installed,
    is_current,
    python_of,
)


def argument_spec() -> dict[str, dict[str, object]]:
    """The options, but for those that only the action has a use for."""
    return {
        "name": {"type": "str", "required": True, "choices": ["agent", "ruleset"]},
        "path": {"type": "path", "required": True},
        "links": {"type": "list", "elements": "path", "default": []},
        "content": {"type": "str", "default": ""},
        "collect": {"type": "bool", "default": False},
    }


def wanted(before: FileState | None, built: bytes, path: str) -> FileState:
    """The file as it should be. One that is current stays to the byte: byte code has many spellings."""
    python = python_of()
    if python != f"python{sys.version_info[0]}.{sys.version_info[1]}":
        python = NO_PYTHON
    content = b"" if before is None else before.content
    body = hashlib.sha256(content[:-MARK_SIZE]).hexdigest()
    if not is_current(content[-MARK_SIZE:], body, built, python):
        content = installed(built, path, python)
    return FileState(content, 0, 0, 0o755)


def plan(built: bytes, path: str, links: list[str]) -> list[FileChange]:
    """What differs, the file first."""
    before = read(path)
    changes = [FileChange(path, before, wanted(before, built, path))]
    changes += [FileChange(link, read(link), FileState(b"", 0, 0, 0o777, link=path)) for link in links]
    return [change for change in changes if change.before != change.after]


def describe(changes: list[FileChange]) -> str:
    return "".join(f"{change.describe()}\n" for change in changes)


def main() -> None:
    # the log of the node is no place for a whole program
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True, no_log=True)
    try:
        changes = plan(b64decode(module.params["content"]), module.params["path"], module.params["links"])
        if not module.check_mode:
            apply(changes)
    except ConfigFilesError as error:
        module.fail_json(msg=str(error))
    module.exit_json(
        changed=bool(changes),
        changed_paths=[change.path for change in changes],
        diff={"before": "", "after": describe(changes)},
    )


if __name__ == "__main__":
    main()
