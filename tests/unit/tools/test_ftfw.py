# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The front door in a folder with a space, with new files for their owner alone: wrong words are one line."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("words", "code", "last"),
    [
        pytest.param([], 0, "", id="nothing"),
        pytest.param(["help"], 0, "", id="help"),
        pytest.param(["nonsense"], 1, "ftfw: no verb 'nonsense'", id="verb"),
        pytest.param(
            ["test", "nonsense"],
            1,
            "ftfw: no stage 'nonsense': lab, molecule, lint, unit, integration or long",
            id="stage",
        ),
        *(
            pytest.param(
                [verb, "-e", "a=1", *words],
                1,
                f"ftfw: ./ftfw {verb} is for the lab alone; "
                f"for a site of your own: .venv/bin/ansible-playbook -i INVENTORY {playbook}",
                id=f"inventory-of-{verb}{number}",
            )
            for verb, playbook in (
                ("lab", "site.yml"),
                *((verb, f"playbooks/{verb}.yml") for verb in ("status", "failover", "drill", "clean")),
            )
            for number, words in enumerate(
                (["-i", "mine"], ["-imine"], ["--inventory=mine"], ["--inv", "mine"])
            )
        ),
    ],
)
def test_words_that_need_no_environment(tmp_path: Path, words: list[str], code: int, last: str) -> None:
    clone = tmp_path / "a clone"
    (clone / "tools").mkdir(parents=True)
    for name in ("ftfw", "tools/prepare.sh"):
        shutil.copy(ROOT / name, clone / name)
    command = ["sh", "-c", 'umask 077; exec "$@"', "sh", str(clone / "ftfw"), *words]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert done.stderr.splitlines()[-1:] == ([last] if last else [])
    assert ("usage: ./ftfw VERB" in done.stdout) is (not last)
    # nothing is prepared for words that nobody knows
    assert sorted(path.name for path in clone.iterdir()) == ["ftfw", "tools"]
