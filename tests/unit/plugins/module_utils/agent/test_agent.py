# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program of a node as one file: its verbs, by word and by link, and its version."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.agent.cli import VERBS, verb_of
from ansible_collections.ftfw.pair.plugins.module_utils.system.version import NO_PROGRAM, version
from ansible_collections.ftfw.pair.plugins.plugin_utils.packing.program import build
from ansible_collections.ftfw.pair.plugins.plugin_utils.packing.programs import PROGRAMS


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-I", *command], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("words", "verb", "rest"),
    [
        pytest.param(["/usr/local/sbin/pair-state", "--group", "a"], "state", ["--group", "a"], id="link"),
        pytest.param(["/lib/agent.pyz", "path", "--check"], "path", ["--check"], id="word"),
        pytest.param(["pair-watch", "path"], "watch", ["path"], id="link-before-word"),
        pytest.param(["agent.pyz", "--version"], None, ["--version"], id="none"),
        pytest.param(["agent.pyz"], None, [], id="nothing"),
        pytest.param(["agent.pyz", "dance"], None, ["dance"], id="unknown"),
    ],
)
def test_the_verb_of_a_command_line(words: Sequence[str], verb: str | None, rest: Sequence[str]) -> None:
    assert verb_of(words) == (verb, rest)


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_tells_its_version(agent: Path, tmp_path: Path, verb: str) -> None:
    built = build(PROGRAMS["agent"])
    link = tmp_path / f"pair-{verb}"
    link.symlink_to(agent)
    for command in ((link,), (agent, verb)):
        done = run(*command, "--version")
        assert (done.returncode, done.stdout) == (0, f"pair-{verb} {built.version}+{built.digest}\n"), (
            done.stderr
        )


def test_without_a_verb_it_explains_itself(agent: Path) -> None:
    assert run(agent, "--version").stdout.startswith("pair-agent ")
    done = run(agent)
    assert done.returncode == 2
    assert "the following arguments are required: verb" in done.stderr
    assert "invalid choice: 'dance'" in run(agent, "dance").stderr


def test_a_check_that_fails_ends_with_its_reason(agent: Path, tmp_path: Path) -> None:
    done = run(agent, "path", "--check", "--config", tmp_path / "absent.json")
    assert done.returncode == 1
    assert "No such file" in done.stderr


def test_a_verb_loads_no_other(agent: Path) -> None:
    """What starts in a failover must not wait for the rest."""
    done = subprocess.run(
        [sys.executable, "-I", "-X", "importtime", agent, "state", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    rooms = {name.split(".")[6] for name in loaded if ".module_utils.agent." in name}
    assert rooms == {"arguments", "cli", "state"}
    assert not [name for name in loaded if ".module_utils.health." in name]


def test_it_has_nothing_of_ansible_and_no_tests(agent: Path) -> None:
    with zipfile.ZipFile(agent) as opened:
        names = opened.namelist()
    assert not [
        name for name in names if "mutants" in name or "policy_check" in name or "plugin_utils" in name
    ]
    assert len(names) < 90


def test_modules_that_are_not_in_a_program_have_no_version() -> None:
    assert version() == NO_PROGRAM
