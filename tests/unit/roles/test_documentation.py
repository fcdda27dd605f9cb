# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-doc shows each role and each module, and warns of nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())
MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py"))


def told(*words: str) -> str:
    """What ansible-doc prints; a warning fails."""
    program = Path(sys.executable).with_name("ansible-doc")
    done = subprocess.run([program, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_shown(role: str) -> None:
    text = told("-t", "role", f"ftfw.pair.{role}")
    assert f"ftfw.pair.{role}" in text and "ENTRY POINT: " in text and "OPTIONS" in text.upper()
    # the words of the markup are rendered
    assert not [word for word in ("C(", "V(", "O(", "B(") if word in text]


def test_each_module_is_shown() -> None:
    text = told(*(f"ftfw.pair.{module}" for module in MODULES))
    assert [module for module in MODULES if f"ftfw.pair.{module}" not in text] == []
    assert text.count("EXAMPLES:") == len(MODULES)


def test_the_readme_lists_each_role() -> None:
    listed = (ROOT / "README.md").read_text().partition("\nRoles of a hypervisor: ")[2].partition("\n\n")[0]
    assert sorted(re.findall(r"`(\w+)`", listed)) == ROLES, "'Roles of a hypervisor: …' of README.md"
