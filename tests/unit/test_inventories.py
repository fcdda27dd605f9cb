# SPDX-License-Identifier: GPL-3.0-or-later
"""Every inventory that the collection shows passes its own check, by the command that its users are told."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.ftfw.pair.tests.ansible_playbook import ansible_playbook, apart, reported

ROOT = Path(__file__).parents[2]
INVENTORIES = sorted(path for path in (ROOT / "inventories").iterdir() if path.is_dir())


@pytest.mark.parametrize("inventory", INVENTORIES, ids=lambda path: path.name)
def test_it_passes_the_check(inventory: Path, tmp_path: Path) -> None:
    site = yaml.safe_load((inventory / "group_vars" / "all" / "site.yml").read_text())
    done = ansible_playbook(
        *("-i", str(inventory), str(ROOT / "playbooks" / "site_model.yml")),
        settings=apart(tmp_path),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    _check, views, _groups = (task["hosts"] for task in reported(done.stdout)[0]["tasks"])
    pairs = {
        host: result["ansible_facts"]["site_view"]["pair"]["name"]
        for host, result in views.items()
        if "pair" in result["ansible_facts"]["site_view"]
    }
    assert pairs == {node: name for name, pair in site["site_pairs"].items() for node in pair["nodes"]}


def test_there_is_the_lab_a_real_hypervisor_and_a_site_without_any() -> None:
    groups = {path.name: "lab_controllers" in (path / "hosts.yml").read_text() for path in INVENTORIES}
    assert groups["lab"] is True
    assert groups["example"] is False
    assert groups["metal"] is False
    metal = ROOT / "inventories" / "metal"
    hosts = [yaml.safe_load(path.read_text()) for path in sorted((metal / "host_vars").iterdir())]
    assert len(hosts) == 2 and not any({"guest", "hypervisor_bridges"} & host.keys() for host in hosts)
    site = yaml.safe_load((metal / "group_vars" / "all" / "site.yml").read_text())
    both = {name for name, network in site["site_networks"].items() if len(network["prefixes"]) == 2}
    assert both == set(site["site_pairs"]["edge"]["virtual_routers"]) == {"wan", "lan"}


def test_what_the_docs_and_playbooks_name_is_there() -> None:
    for page in [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]:
        text = page.read_text()
        links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
        assert [link for link in links if not (page.parent / link).exists()] == [], page.name
        playbooks = re.findall(r"\bplaybooks/(\w+)\.yml", text)
        assert [
            name for name in playbooks if not (ROOT / f"playbooks/{name}.yml").exists() and name != "NAME"
        ] == []


def warnings(site: Path, config: Path) -> list[str]:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-inventory")), "-i", str(site), "--list"],
        cwd=config.parent,
        env={**os.environ, "ANSIBLE_CONFIG": str(config), "ANSIBLE_HOME": str(site.parent / "home")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "fw-north" in done.stdout
    return [line for line in done.stderr.splitlines() if "WARNING" in line]


def test_files_of_lists_and_fragments_are_taken_for_no_inventory(tmp_path: Path) -> None:
    """Neither where the pages put them, under any settings, nor in folders, under our own."""
    pages = "".join(
        (ROOT / "docs" / "inventory" / f"{name}.md").read_text() for name in ("addresses", "fragments")
    )
    named = re.findall(r"{.*file: ([^,}]+)", pages)
    assert len(named) >= 2
    default = tmp_path / "ansible.cfg"
    default.write_text("[defaults]\n")
    site = tmp_path / "site"
    for config, files in (
        (default, named),
        (ROOT / "ansible.cfg", [f"{folder}/a.txt" for folder in ("lists", "fragments", "files", "nft")]),
    ):
        shutil.copytree(ROOT / "inventories" / "metal", site)
        for file in files:
            (site / file).parent.mkdir(exist_ok=True)
            (site / file).write_text("198.51.100.0/24\n")
        assert warnings(site, config) == [], files
        shutil.rmtree(site)
