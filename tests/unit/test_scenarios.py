# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests of the scenarios can be collected: a name that is gone is seen before a lab is built for them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SCENARIOS = sorted(path.parent for path in ROOT.glob("molecule/*/molecule.yml"))


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.name)
def test_its_tests_can_be_collected(scenario: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "--collect-only", "--quiet"),
            *("--import-mode=prepend", "-p", "no:cacheprovider"),
        ],
        cwd=scenario / "tests",
        env={**os.environ, "FTFW_NATIVE_LAB": "nowhere", "FTFW_TEST_LONG": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.name)
def test_options_of_its_verifier_are_words_of_a_command(scenario: Path) -> None:
    """Molecule joins them as they are, and stops at a number."""
    options = yaml.safe_load((scenario / "molecule.yml").read_text())["verifier"]["options"]
    assert {name: value for name, value in options.items() if not isinstance(value, (str, bool))} == {}
