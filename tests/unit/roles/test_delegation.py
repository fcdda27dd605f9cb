# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""To whom tasks of roles are delegated.

An address such as "lab-{{ inventory_hostname }}" means the host that delegates, in a delegated task too: it
would ask itself. Playbooks import delegation.yml before. A role can't, so it delegates to none of the nodes.
"""

from __future__ import annotations

import re
from pathlib import Path

ROLES = Path(__file__).parents[3] / "roles"
DELEGATED = re.compile(r"^\s*delegate_to: (.*)$", re.MULTILINE)
APART = {"localhost", "{{ guest_image_build_host }}", "{{ guest_memory_host }}"}
"""This machine, and what a hypervisor's role has been told to ask instead."""


def test_no_task_of_a_role_is_delegated_to_another_node() -> None:
    found = {
        (path.relative_to(ROLES).as_posix(), host.strip("'\""))
        for path in ROLES.glob("*/*/**/*.yml")
        for host in DELEGATED.findall(path.read_text())
    }
    assert len(found) >= 4
    assert {(path, host) for path, host in found if host not in APART} == set()
