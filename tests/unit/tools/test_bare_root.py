# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is carried into a bare root, and nothing else: CI runs in one, which tests all the rest of it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TOOL = ROOT / "tools/bare-root.sh"


def function(name: str) -> str:
    found = re.search(rf"^{name}\(\) {{.*?^}}$", TOOL.read_text(), re.MULTILINE | re.DOTALL)
    assert found, name
    return found[0]


@pytest.mark.parametrize("arguments", [[], ["bookworm"]])
def test_how_it_is_used_is_told(arguments: list[str]) -> None:
    done = subprocess.run([TOOL, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "usage: bare-root.sh SUITE COMMAND...\n"


def test_pip_s_configuration_and_the_certificates_that_it_names_are_carried_in(tmp_path: Path) -> None:
    home, root = tmp_path / "home", tmp_path / "root"
    (home / ".config/pip").mkdir(parents=True)
    (home / ".config/other").write_text("stays\n")
    by_file, by_variable = tmp_path / "one.crt", tmp_path / "two.crt"
    by_file.write_text("one\n")
    by_variable.write_text("two\n")
    (home / ".config/pip/pip.conf").write_text(f"[global]\ncert = {by_file}\ntimeout = 60\n")
    (root / "etc").mkdir(parents=True)
    script = "\n".join(["set -eu", function("carry_in"), function("carry"), f"carry_in {root}"])
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), "PIP_CERT": str(by_variable)}
    subprocess.run(["sh", "-c", script], env=environment, check=True)
    assert (root / "root/.config/pip/pip.conf").read_text() == (home / ".config/pip/pip.conf").read_text()
    assert not (root / "root/.config/other").exists()
    assert Path(f"{root}{by_file}").read_text() == "one\n"
    assert Path(f"{root}{by_variable}").read_text() == "two\n"
    assert (root / "etc/hosts").read_text() == Path("/etc/hosts").read_text()


@pytest.mark.parametrize(
    ("variable", "carried"),
    [
        ("PIP_INDEX_URL=https://index.example/simple", True),
        ("https_proxy=http://proxy.example:3128", True),
        ("NO_PROXY=localhost", True),
        ("FTFW_SUITE=trixie", True),
        ("HOME=/home/somebody", False),
        ("PATH=/opt/bin", False),
        ("PYTHONPATH=/opt", False),
        ("LANG=de_DE.UTF-8", False),
        ("ANSIBLE_CONFIG=/etc/ansible.cfg", False),
    ],
)
def test_of_the_environment_only_what_pip_proxies_and_tests_are_told(variable: str, carried: bool) -> None:
    found = re.search(r"^carried_variables='(.*)'$", TOOL.read_text(), re.MULTILINE)
    assert found
    assert bool(re.match(found[1], variable)) == carried
