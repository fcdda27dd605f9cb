# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab of the bench without containers."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any


class FakeLab:
    """Two nodes; keepalived's stop on one gives the role to the other. What was run is kept."""

    prefix = "ftfw-bench"

    def __init__(self, holder: str = "fw-1", said: str = "") -> None:
        self.holder, self.said = holder, said
        self.scripts: list[tuple[str, str]] = []
        self.written: dict[tuple[str, str], str] = {}

    def run(self, host: str, script: str, check: bool = True, text: str | None = None) -> str:
        self.scripts.append((host, script))
        if script.startswith("cat > ") and text is not None:
            self.written[host, script.removeprefix("cat > ")] = text
        if script == "systemctl stop keepalived.service" and host == self.holder:
            self.holder = {"fw-1": "fw-2", "fw-2": "fw-1"}[host]
        return '"pending": null'

    def start(self, host: str, *words: str) -> Any:
        said = self.said if "monitor" in words else "40001 40002\n"
        return SimpleNamespace(stdout=io.StringIO(said), terminate=lambda: None, communicate=lambda: ("",))

    def links(self, node: str, state: str) -> None: ...

    def end_all(self) -> None: ...

    def primary(self) -> str:
        return self.holder

    def is_primary(self, node: str) -> bool:
        return node == self.holder

    def wait(self, what: str, true: Any, *_limits: float) -> None:
        assert true(), what
