# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judgement of pair-guard, and what it sees of a real process."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.ftfw.pair.plugins.module_utils.agent.guard import program as guard

Look = guard.GuardLook


@pytest.mark.parametrize(
    ("since", "last", "now", "frozen"),
    [
        pytest.param(Look(0, 7, 5), Look(1.5, 7, 5), Look(2, 7, 5), True, id="stands-still"),
        pytest.param(Look(0, 7, 5), Look(1, 7, 5), Look(1.5, 7, 5), False, id="not-yet"),
        pytest.param(Look(0, 7, 5), Look(1.5, 7, 5), Look(2, 7, 6), False, id="moves"),
        pytest.param(Look(0, 7, 5), Look(1.5, 7, 5), Look(2, 8, 5), False, id="another-process"),
        pytest.param(Look(0, 7, 5), Look(1.5, 7, 5), Look(2, None, 0), False, id="gone"),
        pytest.param(Look(0, 7, 5), Look(0.5, 7, 5), Look(9, 7, 5), False, id="the-guard-stood-still-itself"),
    ],
)
def test_judge(since: Any, last: Any, now: Any, frozen: bool) -> None:
    verdict = guard.judge(since, last, now, 2)
    assert verdict.frozen is frozen
    assert verdict.since is (since if frozen or now.at < 2 else now)


def test_it_sees_a_process_move_stand_still_and_go(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    assert guard.look(pid_file).pid is None
    process = subprocess.Popen(["sh", "-c", "while sleep 0.02; do :; done"])
    try:
        pid_file.write_text(f"{process.pid}\n")

        def moves() -> bool:
            before = guard.look(pid_file)
            time.sleep(0.3)
            return bool(guard.look(pid_file).switches > before.switches)

        assert guard.look(pid_file).pid == process.pid
        assert moves()
        os.kill(process.pid, signal.SIGSTOP)
        # on a busy machine it has to get a processor first
        assert os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        assert not moves()
        os.kill(process.pid, signal.SIGCONT)
        assert moves()
    finally:
        process.kill()
        process.wait()
    assert guard.look(pid_file).pid is None
