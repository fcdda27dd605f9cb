# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No fault stays: its undo comes by itself, before another one is armed, and is kept when it fails."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.scripts import Script, inject, undo
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.steps import stamp

UNIT = "ftfw-drill-undo"
SYSTEMD = """#!/bin/sh
# as much of systemd as the scripts ask for: a timer that never ends
cd "${0%/*}/.."
case "${0##*/} $*" in
systemd-run*) touch timer ;;
"systemctl --quiet is-active"*) test -e timer ;;
"systemctl stop"*) rm -f timer ;;
esac
"""


class Place:
    """Where scripts run here: `folder` stands for /run, and what is made and undone are files in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "bin").mkdir()
        for name in ("systemctl", "systemd-run"):
            (folder / "bin" / name).write_text(SYSTEMD)
            (folder / "bin" / name).chmod(0o755)

    def script(self, name: str, undone: str | None = None) -> Script:
        armed = [undone or f"rm {self.folder}/{name}"]
        return Script("here", None, inject=[f"touch {self.folder}/{name}"], undo=armed, armed=armed)

    def run(self, text: str, **environment: str) -> subprocess.CompletedProcess[str]:
        here = text.replace("ftfw_state=/run;", f"ftfw_state={self.folder}/nowhere;")
        return subprocess.run(
            ["/bin/sh", "-c", here.replace("/run/", f"{self.folder}/")],
            env={
                **os.environ,
                "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
                "XDG_RUNTIME_DIR": str(self.folder),
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def there(self, *names: str) -> list[bool]:
        return [(self.folder / name).exists() for name in names]

    def wait_until_gone(self, name: str) -> None:
        end = time.monotonic() + 20
        while (self.folder / name).exists():
            assert time.monotonic() < end, f"{name} is still there"
            time.sleep(0.05)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    yield Place(tmp_path)
    kept = tmp_path / f"{UNIT}.pid"
    if kept.exists():
        subprocess.run(["/bin/kill", "--", f"-{kept.read_text().strip()}"], check=False)


@pytest.mark.parametrize("controller", [False, True], ids=["timer", "process"])
def test_made_and_undone(place: Place, controller: bool) -> None:
    script = place.script("fault")
    made = place.run(inject(script, controller, 300, 0))
    assert (made.returncode, place.there("fault")) == (0, [True]), made.stderr
    assert stamp(made.stdout, "fault") is not None
    assert place.there(UNIT, f"{UNIT}.pid", "timer") == [True, controller, not controller]
    undone = place.run(undo(script, controller, 300))
    assert (undone.returncode, place.there("fault")) == (0, [False]), undone.stderr
    assert stamp(undone.stdout, "undo") is not None
    assert place.there(UNIT, f"{UNIT}.pid", "timer") == [False, False, False]


@pytest.mark.parametrize("controller", [False, True], ids=["timer", "process"])
def test_what_is_pending_is_undone_before_another_fault(place: Place, controller: bool) -> None:
    """As after a run that was interrupted: nobody else knows of its fault."""
    place.run(inject(place.script("first"), controller, 300, 0))
    second = place.script("second")
    made = place.run(inject(second, controller, 300, 0))
    assert (made.returncode, place.there("first", "second")) == (0, [False, True]), made.stderr
    assert place.run(undo(second, controller, 300)).returncode == 0
    assert place.there("second", UNIT, f"{UNIT}.pid", "timer") == [False, False, False, False]


@pytest.mark.parametrize("controller", [False, True], ids=["timer", "process"])
def test_an_undo_that_fails_is_told_and_left_armed(place: Place, controller: bool) -> None:
    script = place.script("fault", "false")
    place.run(inject(script, controller, 300, 0))
    assert place.run(undo(script, controller, 300)).returncode == 1
    assert place.there(UNIT, f"{UNIT}.pid", "timer") == [True, controller, not controller]


@pytest.mark.parametrize("controller", [False, True], ids=["timer", "process"])
def test_one_of_several_that_fails_is_told(place: Place, controller: bool) -> None:
    script = Script("here", None, inject=["true"], undo=["false", "true"], armed=["true"])
    assert place.run(undo(script, controller, 300)).returncode == 1


def test_it_comes_by_itself_on_the_controller(place: Place) -> None:
    place.run(inject(place.script("fault"), True, 1, 0))
    assert place.there("fault") == [True]
    place.wait_until_gone("fault")
    place.wait_until_gone(f"{UNIT}.pid")
    assert place.there(UNIT) == [False]


def test_a_file_for_the_timer_is_what_comes_by_itself(place: Place) -> None:
    place.run(inject(place.script("fault"), False, 300, 0))
    subprocess.run(["/bin/sh", place.folder / UNIT], check=True)
    assert place.there("fault", UNIT) == [False, False]


@pytest.mark.parametrize("state", ["", "gone"])
def test_without_an_undo_that_is_armed_nothing_is_done(place: Place, state: str) -> None:
    script = place.script("fault")
    script.state = state and str(place.folder / state)
    done = place.run(inject(script, True, 300, 0), XDG_RUNTIME_DIR=str(place.folder / "gone"))
    assert done.returncode == 90
    assert "the undo can't be armed, so nothing was done" in done.stdout
    assert place.there("fault") == [False]


def test_a_process_that_has_the_number_of_one_that_is_gone_is_left_alone(place: Place) -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as other:
        try:
            (place.folder / f"{UNIT}.pid").write_text(f"{other.pid}\n")
            script = place.script("fault")
            place.run(inject(script, True, 300, 0))
            place.run(undo(script, True, 300))
            assert other.poll() is None
        finally:
            other.kill()


def test_a_row_that_nobody_undoes_is_disarmed(place: Place) -> None:
    """What would help it along is only for a row that was abandoned."""
    script = place.script("fault")
    script.undo = []
    place.run(inject(script, False, 300, 0))
    assert place.run(undo(script, False, 300)).returncode == 0
    assert place.there("fault", "timer", UNIT) == [True, False, False]
