# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ./ftfw installs for a verb: as much as it needs, and no more."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
# What runs on the controller when a playbook runs; modules are sent to hosts, localhost among them.
CONTROLLER = ("action", "callback", "connection", "filter", "plugin_utils", "modules", "module_utils")
# Modules that drive devices of hypervisors need it there, and say so where it is missing.
ON_HOSTS_ONLY = {"pyroute2"}


def requirements(name: str) -> set[str]:
    """`NAME==VERSION` of each line."""
    lines = (ROOT / name).read_text().splitlines()
    return {line for line in lines if not line.startswith(("#", "-r "))}


def packages_of(stage: str) -> list[str]:
    command = f'. tools/prepare.sh; packages_of "{stage}"'
    return subprocess.run(
        ["sh", "-c", command], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()


def declared() -> list[list[str]]:
    """PACKAGE STAGE REASON of each line."""
    lines = (ROOT / "tools/debian-packages.txt").read_text().splitlines()
    return [line.split(" ", 2) for line in lines if not line.startswith("#")]


def test_each_stage_has_the_packages_of_those_before_it() -> None:
    by_stage = {
        stage: [line[0] for line in declared() if line[1] == stage] for stage in ("lab", "bench", "test")
    }
    assert packages_of("lab") == by_stage["lab"]
    assert sorted(packages_of("bench")) == sorted(by_stage["lab"] + by_stage["bench"])
    assert sorted(packages_of("test")) == sorted(line[0] for line in declared())
    assert all(len(line) == 3 for line in declared())


@pytest.mark.parametrize(
    ("package", "stage"),
    [
        # policy_test, which every site.yml begins with, makes wires and loads rules on this machine
        ("nftables", "lab"),
        ("iproute2", "lab"),
        ("conntrack", "bench"),
        ("shellcheck", "test"),
        ("keepalived", "test"),
    ],
)
def test_a_package_comes_with_the_first_verb_that_needs_it(package: str, stage: str) -> None:
    assert [line[1] for line in declared() if line[0] == package] == [stage]


def test_the_tests_environment_serves_playbooks() -> None:
    """It is the lab's, and more: no package in another version, none of the lab's left to the tests."""
    assert "-r requirements.txt" in (ROOT / "requirements-test.txt").read_text().splitlines()
    lab, test = requirements("requirements.txt"), requirements("requirements-test.txt")
    assert not {line.split("==")[0] for line in lab} & {line.split("==")[0] for line in test}
    heavy = {"molecule", "sphinx", "ansible-lint", "mypy", "ruff", "pytest"}
    assert heavy <= {line.split("==")[0] for line in test}


def imported(file: Path) -> Iterator[str]:
    """The packages that a file names in its imports."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("folder", [*(f"plugins/{kind}" for kind in CONTROLLER), "tools/bench"])
def test_playbooks_and_the_bench_import_what_the_lab_installs(folder: str) -> None:
    names = {line.split("==")[0].lower() for line in requirements("requirements.txt")}
    names |= {"ansible", "ansible_collections", "yaml"} | ON_HOSTS_ONLY | set(sys.stdlib_module_names)
    own = {file.stem for file in (ROOT / "tools/bench").glob("*.py")}
    for file in (ROOT / folder).rglob("*.py"):
        assert set(imported(file)) <= names | own, file


def test_the_collections_that_are_used_are_those_that_are_declared() -> None:
    """A clone that is older may still have one that is declared no more, so no run of a playbook tells."""
    folders = [ROOT / name for name in ("inventories", "molecule", "playbooks", "roles")]
    files = [file for folder in folders for file in (*folder.rglob("*.yml"), *folder.rglob("*.j2"))]
    used = {
        name
        for file in (ROOT / "ansible.cfg", ROOT / "site.yml", *files)
        for name in re.findall(r"\b((?:ansible|community|containers)\.\w+)\.\w", file.read_text())
    }
    assert used - {"ansible.builtin"} == set(
        yaml.safe_load((ROOT / "galaxy.yml").read_text())["dependencies"]
    )


def test_nothing_is_installed_that_the_environment_already_has(tmp_path: Path) -> None:
    """The lab's environment is extended for the tests, and theirs serves the lab: each is made once."""
    script = f"""
set -eu
. {ROOT}/tools/prepare.sh
fingerprint() {{ echo "$*" | tr -d ' '; }}
prepare_playbooks() {{
    [ "$(cat build/prepared 2>/dev/null)" = "$1" ] || {{ echo playbooks; rm -f build/prepared-test; }}
    echo "$1" >build/prepared
}}
pip() {{ echo tests; }}
say() {{ :; }}
mkdir build
for stage in lab bench test lab test; do echo "$stage:"; prepare_environment "$stage"; done
echo older >build/prepared-test
for stage in lab test; do echo "$stage:"; prepare_environment "$stage"; done
"""
    said = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout
    assert re.sub(r"\s+", " ", said) == (
        "lab: playbooks bench: test: tests lab: test: lab: test: playbooks tests "
    )


@pytest.mark.parametrize(
    "strange",
    [
        pytest.param({"LC_ALL": "C"}, id="texts that are no UTF-8"),
        pytest.param({"LC_ALL": "", "LANG": "xx_YY"}, id="a locale that nobody has"),
        pytest.param({"PYTHONPATH": "{tmp}"}, id="modules of somebody else's"),
        pytest.param({"ANSIBLE_COLLECTIONS_PATH": "{tmp}"}, id="collections elsewhere"),
        pytest.param({"ANSIBLE_CONFIG": "{tmp}/ansible.cfg"}, id="other settings"),
        pytest.param({"HOME": "{tmp}"}, id="a user's own settings"),
        pytest.param({"HOME": None, "TERM": "dumb"}, id="no home"),
    ],
)
def test_what_the_shell_says_to_others_is_no_matter(tmp_path: Path, strange: dict[str, str | None]) -> None:
    """Each of the first five alone kept a playbook from running."""
    for name in ("ansible.cfg", ".ansible.cfg"):
        (tmp_path / name).write_text("[defaults]\ncollections_path = /nowhere\ninventory = /nowhere\n")
    (tmp_path / "yaml.py").write_text("raise ImportError('not this one')\n")
    given = {name: value.format(tmp=tmp_path) for name, value in strange.items() if value is not None}
    kept = {name: value for name, value in os.environ.items() if name not in strange}
    command = ". tools/prepare.sh; own_settings; exec ansible-playbook"
    command += " -i inventories/metal playbooks/site_model.yml"
    done = subprocess.run(
        ["sh", "-eu", "-c", command],
        cwd=ROOT,
        env={**kept, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **given},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
