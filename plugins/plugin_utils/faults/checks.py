# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of a verdict: what was expected, what was seen, and whether that is good. Pure code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FaultCheck = dict[str, Any]
UNKNOWN = "unknown"


def check(name: str, expected: str, seen: str, ok: bool) -> FaultCheck:
    return {"name": name, "expected": expected, "seen": seen, "ok": ok}


def at_most(name: str, most: float, value: float | None, unit: str = "", detail: str = "") -> FaultCheck:
    if value is None:
        return check(name, f"at most {most:g}{unit}", UNKNOWN, False)
    return check(name, f"at most {most:g}{unit}", f"{value:g}{unit}{detail}", value <= most)


def flows(*probes: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    return [flow for probe in probes for flow in probe.get("flows") or [] if flow["kind"] == kind]
