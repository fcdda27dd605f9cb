# SPDX-License-Identifier: GPL-3.0-or-later
"""A fault of the drill ends by itself when nobody is left to end it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from containers import NODES, PROJECT, command, playbook, run, wait

pytestmark = pytest.mark.long
CONFIRMED = ("-e", "drill_confirm=native")
CUT = "nft list table netdev ftfw_drill"
ARMED = 66
"""Seconds of the row, and what its undo waits on top of them (SPARE_SECONDS of drill_steps)."""


def cut() -> list[str]:
    """The nodes with a fault in force."""
    return [node for node in NODES if "drop" in run(node, f"{CUT} 2>/dev/null", check=False)]


@contextmanager
def drilling(fault: str) -> Iterator[Callable[[], None]]:
    """A drill in the background; calling what this yields kills its controller with all it has started."""
    words, environment = command("playbooks/drill.yml", *CONFIRMED, "-e", f"drill_faults={fault}")
    process = subprocess.Popen(
        words, cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL, start_new_session=True
    )

    def kill() -> None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    try:
        yield kill
    finally:
        if process.poll() is None:
            kill()


def test_the_undo_comes_without_the_controller() -> None:
    with drilling("silence_inside") as kill:
        wait("the leg is cut", lambda: len(cut()) == 1, 90)
        kill()
    (node,) = cut()
    assert "ftfw-drill-undo.timer" in run(node, "systemctl list-timers --no-legend ftfw-drill-undo.timer")
    wait("the leg is whole again", lambda: not cut(), ARMED + 10)
    assert run(node, "systemctl list-units --all --no-legend 'ftfw-drill-undo*'", check=False) == ""

    # and the next drill ends what this one has left: probes and listeners on their ports
    done = playbook("playbooks/drill.yml", *CONFIRMED, "-e", "drill_faults=keepalived_stop")
    assert done.returncode == 0, done.stdout[-3000:]
    assert "1 faults: 1 ok" in done.stdout, done.stdout[-3000:]
