# SPDX-License-Identifier: GPL-3.0-or-later
"""Every playbook fails where its inventory, or a part of it that is needed, is not there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from ansible_collections.ftfw.pair.tests.ansible_playbook import ansible_playbook

ROOT = Path(__file__).parents[4]


def run(tmp_path: Path, playbook: str, *arguments: str, **settings: str) -> tuple[int, str]:
    done = ansible_playbook(
        *arguments,
        str(ROOT / "playbooks" / playbook),
        settings={
            "ANSIBLE_HOME": str(tmp_path),
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
            **settings,
        },
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("playbook", ["site_model.yml", "clean.yml"])
def test_an_inventory_that_is_not_there_is_no_success(tmp_path: Path, playbook: str) -> None:
    code, printed = run(tmp_path, playbook, "-i", str(tmp_path / "nowhere"))
    assert code == 2
    assert f"inventory: path: {tmp_path}/nowhere: there is no such file or folder; " in printed


@pytest.mark.parametrize(
    ("playbook", "inventory", "configured"),
    [
        ("site_model.yml", "nowhere", True),
        ("clean.yml", "nowhere", False),
        ("site.yml", "empty.yml", False),
    ],
)
def test_nor_is_it_with_a_limit(tmp_path: Path, playbook: str, inventory: str, configured: bool) -> None:
    """A limit leaves out localhost, too; an installed collection has no ansible.cfg of ours."""
    settings = tmp_path / "ansible.cfg"
    settings.write_text(f"[defaults]\ncollections_path = {ROOT}/.ansible/collections\n")
    (tmp_path / "empty.yml").write_text("all: {hosts: {}}\n")
    own = {} if configured else {"ANSIBLE_CONFIG": str(settings)}
    code, printed = run(tmp_path, playbook, "-i", str(tmp_path / inventory), "--limit", "fw-1", **own)
    assert code != 0
    assert f"inventory: path: {tmp_path / inventory}: has no hosts; " in " ".join(printed.split())


def test_every_playbook_looks_for_the_inventory() -> None:
    """Others import one that does, directly or not."""
    playbooks = {path.name: path.read_text() for path in (ROOT / "playbooks").glob("*.yml")}
    looking = {name for name, text in playbooks.items() if "when: groups['all'] | length == 0" in text}
    while more := {
        name
        for name, text in playbooks.items()
        if name not in looking and any(f"import_playbook: {one}" in text for one in looking)
    }:
        looking |= more
    # these are only imported, after one that does
    assert playbooks.keys() - looking <= {
        "delegation.yml",
        "means.yml",
        "summary.yml",
        "there.yml",
        "whole.yml",
    }


def test_a_limit_that_leaves_out_who_is_needed_is_refused(tmp_path: Path) -> None:
    """Its report is made on localhost, which the limit leaves out, too."""
    code, printed = run(
        tmp_path, "status.yml", "-i", str(ROOT / "inventories" / "example"), "--limit", "hv-1"
    )
    assert code == 2
    assert "--limit: hv-1: leaves out fw-a, fw-b, localhost; " in printed


def test_the_rules_are_written_and_compared_without_a_host(tmp_path: Path) -> None:
    """None of the example's hosts exists."""
    example = (
        "-i",
        str(ROOT / "inventories" / "example"),
        "-e",
        f"ruleset_directory={tmp_path}/rules",
        "--diff",
    )
    code, printed = run(tmp_path, "ruleset.yml", *example)
    assert code == 0, printed
    for node in ("fw-a", "fw-b"):
        assert f"on {node}, firewall of pair edge" in (tmp_path / "rules" / f"{node}.nft").read_text()
    before = (tmp_path / "rules" / "fw-a.nft").read_text()
    code, printed = run(tmp_path, "ruleset.yml", *example, "--check", "-e", '{"site_source_nat": "none"}')
    assert code == 0, printed
    assert re.search("^- .* snat ", printed, re.MULTILINE)
    assert (tmp_path / "rules" / "fw-a.nft").read_text() == before


def test_variables_of_another_inventory_in_the_same_folder_are_no_mistake(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "inventories" / "metal", tmp_path / "sites")
    (tmp_path / "sites" / "host_vars" / "fw-west.yml").write_text("node_resolvers: []\n")
    folder = str(tmp_path / "sites")
    code, printed = run(tmp_path, "site_model.yml", "-i", f"{folder}/hosts.yml")
    assert code == 0 and "there is no host of this name" in printed
    (tmp_path / "sites" / "west.yml").write_text("all: {hosts: {fw-west: }}\n")
    code, printed = run(tmp_path, "site_model.yml", "-i", f"{folder}/hosts.yml")
    assert code == 0 and "there is no host of this name" not in printed


@pytest.mark.parametrize("broken", [False, True], ids=["a sound inventory", "one with errors"])
def test_a_misspelt_variable_removes_no_other_lab(tmp_path: Path, broken: bool) -> None:
    """Of what else is wrong the removal says nothing: it is for any inventory."""
    shutil.copytree(ROOT / "inventories" / "lab", tmp_path / "lab")
    if broken:
        (tmp_path / "lab/group_vars/all/more.yml").write_text("site_netwoks: {}\nsite_reverse_path: no\n")
    lab = ("-i", str(tmp_path / "lab"), "--check")
    code, printed = run(tmp_path, "clean.yml", *lab, "-e", "lab_nam=other", "-e", "clean_all=yes")
    assert code == 2
    assert "extra variables: lab_nam: other: " in printed and "did you mean lab_name?" in printed
    assert "site_netwoks" not in printed and "Remove the container" not in printed
    code, printed = run(tmp_path, "clean.yml", *lab, "-e", "lab_name=nobodys", "-e", "clean_all=yes")
    assert code == 0, printed
    assert "extra variables: clean_all: yes: " in printed
