# GNU General Public License v3.0+ (see https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drill writes of one fault: an entry of the document that docs/report.md describes. Pure code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.ftfw.pair.plugins.module_utils.traffic.accounting import decode
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.checks import FaultCheck
from ansible_collections.ftfw.pair.plugins.plugin_utils.faults.judge import FaultSeen, passed
from ansible_collections.ftfw.pair.plugins.plugin_utils.page.types import FAILED, NOT_APPLICABLE, OK

BEFORE_MS, AFTER_MS, MOST_MS = 500, 2000, 12000
"""What a timeline shows around a fault and its end, at most."""


def fault(
    name: str, title: str, checks: Sequence[FaultCheck], seconds: float, timeline: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The entry of a fault that was made."""
    result = OK if passed(checks) else FAILED
    note = "" if checks else "nothing was checked"
    return entry(name, title, result, checks=list(checks), seconds=seconds, timeline=timeline, note=note)


def entry(name: str, title: str, result: str, **rest: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {"checks": [], "seconds": None, "note": "", "timeline": None}
    return {"name": name, "title": title, "result": result, **empty, **rest}


def not_applicable(name: str, title: str, why: str) -> dict[str, Any]:
    return entry(name, title, NOT_APPLICABLE, note=why)


def broken(name: str, title: str, why: str, seconds: float) -> dict[str, Any]:
    return entry(name, title, FAILED, note=f"it broke off: {why}", seconds=seconds)


def timeline(seen: FaultSeen) -> dict[str, Any] | None:
    """Packets of every flow from shortly before the fault on; None without a probe or a fault.

    But of FTP, whose figures are bytes, and which has its end among them.
    """
    collected = [
        (flow["series"], f"{where}{flow['name']}")
        for where, probe in (("", seen.client), ("forward: ", seen.server))
        for flow in probe.get("flows") or []
        if flow["kind"] != "ftp"
    ]
    if seen.fault_at is None or not collected:
        return None
    width = collected[0][0]["bin_ms"]
    # bins are those of the first series; its own starts are milliseconds apart from the others'
    began = (seen.fault_at - collected[0][0]["start"]) * 1000
    first = max(0, int((began - BEFORE_MS) // width))
    undo_ms = (seen.undo_at - seen.fault_at) * 1000 if seen.undo_at else 0
    length = int(min(BEFORE_MS + undo_ms + AFTER_MS, MOST_MS) // width)
    series = []
    for one, flow in collected:
        shift = first + round((collected[0][0]["start"] - one["start"]) * 1000 / width)
        counts = decode(one["counts"])[max(0, shift) :][:length]
        series.append({"flow": flow, "counts": counts})
    length = min(len(one["counts"]) for one in series)
    if not length:
        return None
    for one in series:
        one["counts"] = one["counts"][:length]
    start = round(first * width - began, 1)
    return {
        "bin_ms": width,
        "start_ms": start,
        "series": series,
        "events": [
            {"at_ms": round(at, 1), "what": what}
            for at, what in sorted(_events(seen, undo_ms))
            if start <= at <= start + length * width
        ],
    }


def _events(seen: FaultSeen, undo_ms: float) -> list[tuple[float, str]]:
    at = seen.fault_at or 0.0
    events = [(0.0, "fault")] + ([(undo_ms, "end of the fault")] if undo_ms else [])
    for node, held in seen.held.items():
        events += [((moment - at) * 1000, f"{node} takes the virtual addresses") for moment in held.taken]
        events += [((moment - at) * 1000, f"{node} gives them up") for moment in held.left]
    return events


def rows(faults: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """A table of all faults, with the figures that most of them have."""
    return [
        {
            "fault": one["name"],
            "result": one["result"],
            "seconds": "" if one["seconds"] is None else f"{one['seconds']:.0f}",
            "gap": _figure(one, "longest gap"),
            "lost": _figure(one, "datagrams lost"),
            "flows": _figure(one, "TCP flows"),
        }
        for one in faults
    ]


def lines(faults: Sequence[Mapping[str, Any]]) -> list[str]:
    """What stands below the table: why a fault failed or was not made, and a count."""
    told = []
    for one in faults:
        failed = [
            f"{c['name']}: {c['seen']} (expected {c['expected']})" for c in one["checks"] if not c["ok"]
        ]
        why = "; ".join([*failed, *([one["note"]] if one["note"] else [])])
        told += [f"{one['result'].upper()}  {one['name']}: {why}"] if one["result"] != OK else []
    counted = [
        f"{sum(one['result'] == result for one in faults)} {result}"
        for result in (OK, FAILED, NOT_APPLICABLE)
    ]
    return [*told, f"{len(faults)} faults: {', '.join(counted)}"]


def _figure(one: Mapping[str, Any], name: str) -> str:
    return next((c["seen"].partition(" (")[0] for c in one["checks"] if c["name"].startswith(name)), "")
