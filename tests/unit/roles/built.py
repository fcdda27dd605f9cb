# SPDX-License-Identifier: GPL-3.0-or-later
"""Which roles make a firewall: those that the task file says."""

from __future__ import annotations

from pathlib import Path

import yaml

ROOT = Path(__file__).parents[3]
IMPORT = "ansible.builtin.import_role"
BUILDS = ROOT / "playbooks" / "tasks" / "build_firewall.yml"
BUILT = tuple(
    task[IMPORT]["name"].rpartition(".")[2] for task in yaml.safe_load(BUILDS.read_text()) if IMPORT in task
)
"""In the order in which a node with a network gets them."""
