# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the file behind the module flow_probe in the foreground on a host of the lab."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from lab import Lab, LabError

FILE = Path(__file__).parents[2] / "plugins/module_utils/probe/flow_probe.py"
BORN = Path(__file__).parent / "born.py"
DEFAULTS = {"bin_ms": 10, "timeout": 10, "lifetime": 300, "require_reachable": True, "realtime": False}
RATES = {"udp": 1000, "tcp": 5, "connect": 10, "ping": 10, "ftp": 0}

Spec = dict[str, Any]


def flow(name: str, kind: str, target: str, port: int = 0, **options: Any) -> Spec:
    """One specification of flows, with the module's defaults."""
    return {
        "name": name,
        "kind": kind,
        "target": target,
        "port": port,
        "count": 1,
        "rate": RATES[kind],
        "size": 1 << 20 if kind == "ftp" else 64,
        "seconds": 20.0,
        "down": True,
        "source_port": None,
        **options,
    }


class Probe:
    """A running probe; `collect` ends it.

    It begins when each flow has had its first exchange. A held one opens its flows after `go`, each after its
    `delay`; one that can't be opened is part of the result then.
    """

    def __init__(
        self, lab: Lab, host: str, flows: list[Spec], listeners: list[Spec], held: bool = False
    ) -> None:
        self.host = host
        spec = {**DEFAULTS, "require_reachable": not held, "flows": flows, "listeners": listeners}
        program = BORN if held else FILE
        for file in sorted({FILE, program}):
            lab.copy(host, file, f"/root/{file.name}")
        name = f"/root/probe-{len(lab._children)}.json"
        lab.run(host, f"cat > {name}", text=json.dumps(spec))
        self.process: subprocess.Popen[str] = lab.start(host, "python3", f"/root/{program.name}", name)
        if not held:
            self._line()

    def go(self) -> None:
        """Let a held probe begin."""
        self._say()
        self._line()

    def _say(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def _line(self) -> dict[str, Any]:
        assert self.process.stdout is not None and self.process.stderr is not None
        line = self.process.stdout.readline()
        if not line:
            raise LabError(f"probe on {self.host}: {self.process.stderr.read().strip()[-400:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def collect(self) -> dict[str, dict[str, Any]]:
        """What became of each specification, by name; listeners' results under `listeners`."""
        self._say()
        result = self._line()
        self.process.wait(10)
        return {
            **{one["name"]: one for one in result["flows"]},
            "listeners": {"all": result["listeners"]},
            "probe": {key: result[key] for key in ("cpu_percent", "started_at", "ended_at", "notes")},
        }


def decode(text: str) -> list[int]:
    """Read the counts of a series: `9`, or `9*4` for four bins in a row of 9 each."""
    counts: list[int] = []
    for word in text.split():
        count, _rest, times = word.partition("*")
        counts += [int(count)] * int(times or 1)
    return counts
