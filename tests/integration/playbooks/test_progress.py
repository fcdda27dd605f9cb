# SPDX-License-Identifier: GPL-3.0-or-later
"""The callback `progress` in real runs of ansible-playbook, whose output is a pipe, on this machine."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
LINE = re.compile(r"^    … (\d+) s: (.*) \((.*)\)$", re.MULTILINE)


class Runs:
    """Playbooks of one play over two hosts that are both this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(
        self, tasks: list[dict[str, Any]], *options: str, interval: str = "1", strategy: str = "linear"
    ) -> subprocess.Popen[str]:
        plays = [{"hosts": "all", "gather_facts": False, "strategy": strategy, "tasks": tasks}]
        playbook = self.folder / "play.json"
        playbook.write_text(json.dumps(plays))
        local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        inventory = self.folder / "inventory.json"
        hosts = {"slow": {"nap": 3}, "fast": {"nap": 0}}
        inventory.write_text(json.dumps({"all": {"vars": local, "hosts": hosts}}))
        config = self.folder / "ansible.cfg"
        config.write_text("[defaults]\ncallbacks_enabled = ftfw.pair.progress\n")
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
            "ANSIBLE_CONFIG": str(config),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible" / "collections"),
            "ANSIBLE_HOME": str(self.folder / "home"),
            "ANSIBLE_REMOTE_TMP": str(self.folder / "remote"),
            "FTFW_PAIR_PROGRESS_INTERVAL": interval,
        }
        # it would have Python send out every line at once, and hide whether we do
        environment.pop("PYTHONUNBUFFERED", None)
        command = [
            str(Path(sys.executable).with_name("ansible-playbook")),
            *("-i", str(inventory), *options, str(playbook)),
        ]
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def output(self, *arguments: Any, **options: Any) -> str:
        with self.start(*arguments, **options) as process:
            text, _rest = process.communicate(timeout=60)
        assert process.returncode == 0, text
        return text


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


def nap(seconds: object, **keywords: Any) -> dict[str, Any]:
    """A task of so many seconds; `raw` needs no Python, so that a short one is short on a busy machine."""
    return {
        "name": "Take a nap",
        "ansible.builtin.raw": f"sleep {seconds}",
        "changed_when": False,
        **keywords,
    }


@pytest.mark.parametrize("strategy", ["linear", "free"])
def test_a_long_task_shows_that_it_runs(runs: Runs, strategy: str) -> None:
    text = runs.output([nap("{{ nap }}")], strategy=strategy)
    assert LINE.findall(text)[:2] == [("1", "Take a nap", "slow"), ("2", "Take a nap", "slow")]
    assert text.index("ok: [fast]") < text.index("1 s: Take a nap (slow)") < text.index("ok: [slow]")
    assert not LINE.search(text[text.index("ok: [slow]") :])


def test_a_short_task_shows_nothing(runs: Runs) -> None:
    text = runs.output([nap(0.1), nap("{{ nap }}")], interval="10")
    assert text.count("ok: [slow]") == 2
    assert not LINE.findall(text)


def test_in_check_mode_what_runs_shows_it_too(runs: Runs) -> None:
    text = runs.output([nap(60, name="Sleep"), nap(1.5, check_mode=False)], "--check")
    assert text.count("skipping: ") == 2
    assert {(seconds, name) for seconds, name, _hosts in LINE.findall(text)} == {("1", "Take a nap")}


def test_an_interrupt_ends_it(runs: Runs) -> None:
    with runs.start([nap(60)]) as process:
        assert process.stdout is not None
        # that it comes to us while the task runs says that nothing holds it back
        shown = next(text for text in process.stdout if LINE.match(text))
        process.send_signal(signal.SIGINT)
        rest, _rest = process.communicate(timeout=20)
    assert shown == "    … 1 s: Take a nap (slow, fast)\n"
    assert process.returncode not in (0, -signal.SIGABRT)
    assert "interrupted" in rest
    assert "Fatal" not in rest
    assert not LINE.search(rest[rest.index("interrupted") :])


@pytest.mark.parametrize(
    ("interval", "reason"),
    [("0", "interval is 0: it must be at least 1"), ("often", "Invalid value provided for 'int': 'often'")],
)
def test_a_wrong_interval_is_a_warning_and_the_play_runs(runs: Runs, interval: str, reason: str) -> None:
    text = runs.output([nap(0)], interval=interval)
    assert reason in " ".join(text.split())
    assert text.count("ok: [") == 2
