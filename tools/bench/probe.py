# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the probe behind the module flow_probe in the foreground on a host of the lab, as one file."""

from __future__ import annotations

import functools
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import collection  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.ftfw.pair.plugins.plugin_utils.packing.imports import closure
from ansible_collections.ftfw.pair.plugins.plugin_utils.packing.program import (
    Program,
    archive,
    build,
    launcher,
)
from lab import Lab, LabError

PROGRAM = Program("ansible_collections.ftfw.pair.plugins.module_utils.traffic.program")
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


@functools.cache
def packed(held: bool) -> bytes:
    """The program as one file that any Python runs."""
    if not held:
        return build(PROGRAM).content
    main = {"born.py": BORN.read_bytes(), "__main__.py": launcher(Program("born"))}
    return archive({**closure(PROGRAM.module), **main})


class RunningProbe:
    """A running probe; `collect` ends it.

    It begins when each flow has had its first exchange. A held one opens its flows after `go`, each after its
    `delay`; one that can't be opened is part of the result then.
    """

    def __init__(
        self, lab: Lab, host: str, flows: list[Spec], listeners: list[Spec], held: bool = False
    ) -> None:
        self.host = host
        spec = {**DEFAULTS, "require_reachable": not held, "flows": flows, "listeners": listeners}
        # of its own: another probe may be loading from its file
        name = f"/root/probe-{len(lab._children)}"
        with tempfile.NamedTemporaryFile() as file:
            file.write(packed(held))
            file.flush()
            lab.copy(host, Path(file.name), f"{name}.pyz")
        lab.run(host, f"cat > {name}.json", text=json.dumps(spec))
        self.process: subprocess.Popen[str] = lab.start(host, "python3", f"{name}.pyz", f"{name}.json")
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
