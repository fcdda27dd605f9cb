# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shell scripts that make a fault and undo it, the undo being armed first. Pure code.

An undo is a timer of systemd (systemd-run(1)) on the host where the fault is made; on the controller, which
need not have systemd, a process of its own session. A host has one at a time: what is still pending when
another one is armed is done first.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field

LEAD_SECONDS = 1.0
"""What the probe is seen to do before the first fault of a row."""
UNDO_UNIT = "ftfw-drill-undo"
MARK = "@@ "
UNARMED = 'echo "the undo can\'t be armed, so nothing was done"; exit 90'
_FILE = f"/run/{UNDO_UNIT}"
# a process that has the number of one that is gone is left alone
_OWN = f'grep -q {UNDO_UNIT} "/proc/$ftfw_pid/cmdline" 2>/dev/null'


@dataclass
class Script:
    """What is done at one place: `armed` comes by itself when nobody does what `undo` has.

    `wires` names the container that has the cables of a lab's containers. `state` is a folder of the
    controller; none is one that whoever runs the playbook may write into.
    """

    host: str
    wires: str | None
    state: str = ""
    wait_down: bool = False
    inject: list[str] = field(default_factory=list)
    undo: list[str] = field(default_factory=list)
    armed: list[str] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Arming:
    """Commands around a fault: `arm` comes before it, `known` and `disarm` around what undoes it."""

    arm: str = ""
    known: str = ""
    disarm: str = "true"


def inject(script: Script, controller: bool, limit: int, lead: float) -> str:
    """Do what is pending, arm, wait, tell the time, do it."""
    arming = _arming(script, controller, limit)
    wait = f"sleep {lead:g}; " if lead else ""
    return _at_wires(
        script, f'{arming.arm}{wait}echo "{MARK}fault $(date +%s.%N)"; {"; ".join(script.inject)}'
    )


def undo(script: Script, controller: bool, limit: int) -> str:
    """Tell the time and undo, one after the other, and disarm if all has worked; the exit code tells."""
    arming = _arming(script, controller, limit)
    told = f'echo "{MARK}undo $(date +%s.%N)"; '
    acts = "".join(f"{told}{{ {one}; }} || ftfw_code=$?; " for one in script.undo) or told
    return _at_wires(
        script,
        f"{arming.known}ftfw_code=0; {acts}"
        f'test "$ftfw_code" != 0 || {{ {arming.disarm}; }}; exit "$ftfw_code"',
    )


def _at_wires(script: Script, text: str) -> str:
    if not script.wires:
        return text
    return f"podman exec {shlex.quote(script.wires)} /bin/sh -c {shlex.quote(text)}"


def _arming(script: Script, controller: bool, limit: int) -> _Arming:
    if not script.armed:
        return _Arming()
    if controller and not script.wires:
        return _by_process(script.state, script.armed, limit)
    return _by_timer(script.armed, limit)


def _by_timer(armed: Sequence[str], limit: int) -> _Arming:
    disarm = f"systemctl stop {UNDO_UNIT}.timer 2>/dev/null; rm -f {_FILE}; true"
    pending = (
        f"if systemctl --quiet is-active {UNDO_UNIT}.timer 2>/dev/null; then "
        f"systemctl stop {UNDO_UNIT}.timer; /bin/sh {_FILE} >/dev/null 2>&1; fi; "
    )
    # a file, since systemd would take a dollar sign for a variable of its own
    lines = shlex.quote("; ".join([*armed, f"rm -f {_FILE}"]))
    arm = (
        f"printf '%s\\n' {lines} >{_FILE} && "
        f"systemd-run --quiet --collect --unit={UNDO_UNIT} --on-active={limit} "
        f"--timer-property=AccuracySec=100ms /bin/sh {_FILE} || {{ {UNARMED}; }}; "
    )
    return _Arming(pending + arm, "", disarm)


def _by_process(state: str, armed: Sequence[str], limit: int) -> _Arming:
    folder = f"ftfw_state={shlex.quote(state)}; "
    if not state:
        folder = 'ftfw_state=/run; test -w "$ftfw_state" || ftfw_state=${XDG_RUNTIME_DIR:-$HOME}; '
    file = f'"$ftfw_state"/{UNDO_UNIT}'
    known = f"{folder}ftfw_pid=$(cat {file}.pid 2>/dev/null); "
    end = f'{_OWN} && kill -- "-$ftfw_pid"'
    pending = f"if {end}; then /bin/sh {file} >/dev/null 2>&1; fi; rm -f {file} {file}.pid; "
    later = f'sleep {limit}; /bin/sh "$1/{UNDO_UNIT}"; rm -f "$1/{UNDO_UNIT}" "$1/{UNDO_UNIT}.pid"'
    arm = (
        f"printf '%s\\n' {shlex.quote('; '.join(armed))} >{file} || {{ {UNARMED}; }}; "
        f'setsid /bin/sh -c {shlex.quote(later)} sh "$ftfw_state" >/dev/null 2>&1 </dev/null & '
        f"echo $! >{file}.pid || {{ kill $!; {UNARMED}; }}; "
    )
    return _Arming(known + pending + arm, known, f"{end}; rm -f {file} {file}.pid")
