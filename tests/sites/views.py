# SPDX-License-Identifier: GPL-3.0-or-later
"""Views of a golden site: what the model gives each host, before any role makes files of it.

Usage: views.py SITE...
Writes tests/sites/SITE/views.yml. Run by tests/sites/renew.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager
from ansible_collections.ftfw.pair.plugins.plugin_utils.inventory.inventory import Inventory
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.load import load_site
from ansible_collections.ftfw.pair.plugins.plugin_utils.model.views import host_views
from ansible_collections.ftfw.pair.plugins.plugin_utils.reading.problems import Problems
from ansible_collections.ftfw.pair.plugins.plugin_utils.site.types import Site

SITES = Path(__file__).parent
BEGIN = """\
---
# What the model gives each host of this site: the fact site_view. Written by tests/sites/renew.
# The text of the ruleset, and what is in it, are among the files of the host.
"""


class Dumper(yaml.SafeDumper):
    """Indents lists, as yamllint asks for; PyYAML has no option for that."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def inventory_of(site: Path) -> Path:
    """Tell where a golden site's inventory is: its own, or the one that the collection shows."""
    own = site / "inventory"
    return own if own.is_dir() else SITES.parents[1] / "inventories" / site.name


def load(inventory: Path) -> Site:
    """Read an inventory as a playbook would."""
    loader = DataLoader()
    hosts = InventoryManager(loader, sources=[str(inventory)])
    hostvars = HostVars(hosts, VariableManager(loader, hosts), loader)
    problems = Problems()
    values = Inventory(hostvars, {}, loader).model(problems)
    return load_site(values, None, problems, lambda path: (inventory / path).read_text())


def shown(site: Path) -> str:
    """Write the views of a golden site as YAML."""
    model = load(inventory_of(site))
    views: Any = json.loads(json.dumps(host_views(model, sorted(model.hosts))))
    for view in views.values():
        for key in ("ruleset", "contents"):
            view.get("nftables", {}).pop(key, None)
        if table := view.get("balancer_table"):
            table |= {"ruleset": "among the files", "contents": {}}
    return BEGIN + yaml.dump(views, Dumper=Dumper, default_flow_style=False, sort_keys=False, width=130)


def main() -> None:
    for name in sys.argv[1:]:
        (SITES / name / "views.yml").write_text(shown(SITES / name))


if __name__ == "__main__":
    main()
