# SPDX-License-Identifier: GPL-3.0-or-later
"""A bench and a drill as they could be. All figures are invented, in the order of magnitude of real ones."""

from __future__ import annotations

import random
from statistics import median
from typing import Any

import pytest

Json = dict[str, Any]
PROFILES = ("manual", "stock", "default", "fast")
CASES: list[tuple[str, str, str, str, tuple[float, ...], Json]] = [
    # name, title, unit, better, centre of each profile, limits of ours
    (
        "crash_udp_gap_ms",
        "Crash: longest gap of a 1 kHz UDP stream",
        "ms",
        "lower",
        (8700, 3300, 214, 47),
        {"max": 300},
    ),
    (
        "crash_udp_lost",
        "Crash: lost datagrams of a 1 kHz UDP stream",
        "packets",
        "lower",
        (8650, 3310, 212, 48),
        {},
    ),
    ("busy_flaps", "Flaps under eight busy loops", "flaps", "lower", (0, 0, 0, 1), {"max": 0}),
    (
        "planned_lost",
        "Planned switchover: lost packets of a 1 kHz stream",
        "packets",
        "lower",
        (90, 60, 1, 1),
        {"max": 2},
    ),
    (
        "planned_refused",
        "Planned switchover: new connections refused",
        "connections",
        "lower",
        (3, 2, 0, 0),
        {"max": 0},
    ),
    (
        "crash_survivors",
        "Crash at 100,000 entries: flows of 70 that survive",
        "flows",
        "higher",
        (19, 12, 70, 70),
        {"min": 70},
    ),
    (
        "crash_resets",
        "Crash at 100,000 entries: flows that are reset",
        "flows",
        "lower",
        (44, 52, 0, 0),
        {"max": 0},
    ),
    (
        "first_packet_ms",
        "Virtual address to first packet of an old flow, 100,000 entries",
        "ms",
        "lower",
        (640, 655, 18.4, 17.9),
        {},
    ),
    (
        "burst_missing",
        "Burst of 100,000 entries: tuples that the backup lacks after 10 s",
        "tuples",
        "lower",
        (8551, 9100, 0, 0),
        {"max": 0},
    ),
    (
        "cpu_ms_per_1000_gets",
        "CPU of replication per 1,000 GETs of 4 KB",
        "ms",
        "lower",
        (412, 398, 371, 374),
        {},
    ),
    (
        "requests_per_second",
        "Requests per second with replication",
        "requests/s",
        "higher",
        (3120, 3180, 3290, 3275),
        {},
    ),
    (
        "control_survivors",
        "Control: survivors without replication",
        "flows",
        "lower",
        (0, 0, 0, 0),
        {"max": 0},
    ),
]


def make_case(
    rng: random.Random, profile: str, row: tuple[str, str, str, str, tuple[float, ...], Json], trials: int
) -> Json:
    name, title, unit, better, centres, limit = row
    centre = centres[PROFILES.index(profile)]
    whole = unit != "ms"
    values: list[float] = []
    for _rest in range(trials):
        value = max(0.0, rng.gauss(centre, 0.09 * centre)) if centre != 70 else 70
        values.append(round(value) if whole else round(value, 1))
    ours = profile in ("default", "fast")
    ratio = (
        {"profile": "manual", "max": 0.04} if name == "crash_udp_gap_ms" and profile == "default" else None
    )
    ratio = {"profile": "manual", "max": 0.1} if name == "first_packet_ms" and ours else ratio
    middle = median(values)
    holds = limit.get("min", middle) <= middle <= limit.get("max", middle)
    return {
        "name": name,
        "title": title,
        "profile": profile,
        "unit": unit,
        "trials": values,
        "median": middle,
        "worst": max(values) if better == "lower" else min(values),
        "better": better,
        "limit": limit if ours and limit else None,
        "ratio_to": ratio,
        "ok": holds if ours and (limit or ratio) else None,
        "note": "",
    }


def make_timeline(rng: random.Random, gap_ms: float, bin_ms: int = 10, seconds: int = 15) -> Json:
    """Two UDP streams at 1 kHz and a ping every 100 ms; the cut is at 0, the takeover ends the gap."""
    start = -2000
    bins = range(seconds * 1000 // bin_ms)
    silent = [0 <= start + number * bin_ms < gap_ms for number in bins]
    stream = [[0 if quiet else rng.choice((9, 10, 10, 10, 11)) for quiet in silent] for _rest in range(2)]
    return {
        "bin_ms": bin_ms,
        "start_ms": start,
        "series": [
            {"flow": "udp up", "counts": stream[0]},
            {"flow": "udp down", "counts": stream[1]},
            {"flow": "ping", "counts": [int(not quiet and not n % 10) for n, quiet in enumerate(silent)]},
        ],
        "events": [
            {"at_ms": 0, "what": "links cut"},
            {"at_ms": round(gap_ms * 0.9), "what": "fw-2 becomes MASTER"},
            {"at_ms": round(gap_ms * 0.97), "what": "commit ended"},
        ],
    }


def make_bench(trials: int = 7, timelines: int = 30, seed: int = 1) -> Json:
    rng = random.Random(seed)  # noqa: S311 (figures of a sample)
    cases = [make_case(rng, profile, row, trials) for row in CASES for profile in PROFILES]
    shown = []
    for number in range(timelines):
        name = "crash_udp_gap_ms" if number < 20 else "planned_lost"
        profile, trial = PROFILES[number % 4], number // 4 % trials + 1
        values = next(case["trials"] for case in cases if case["name"] == name and case["profile"] == profile)
        shown.append(
            {"case": name, "profile": profile, "trial": trial, **make_timeline(rng, values[trial - 1])}
        )
    return {
        "kind": "bench",
        "title": "Failover, measured",
        "site": "native",
        "created": "2025-01-31T12:00:00Z",
        "machine": {
            "cpus": 2,
            "kernel": "6.1.0-35-amd64",
            "keepalived": "2.2.7",
            "conntrackd": "1.4.7",
            "nftables": "1.0.6",
            "memory": "8 GiB",
            "virtualised": True,
        },
        "cases": cases,
        "timelines": shown,
    }


def make_check(name: str, expected: str, seen: str) -> Json:
    return {"name": name, "expected": expected, "seen": seen, "ok": expected == seen}


def make_drill() -> Json:
    rng = random.Random(2)  # noqa: S311
    after = [
        make_check("primaries", "1", "1"),
        make_check("caches", "equal", "equal"),
        make_check("failed units", "none", "none"),
    ]
    table = [
        ("kill_primary", "The hypervisor kills the primary", 214.0),
        ("freeze_primary", "The primary freezes and resumes", 460.0),
        ("stop_keepalived", "keepalived stops on the primary", 20.0),
        ("cut_inside", "The inside leg goes silent, carrier up", 900.0),
        ("kill_conntrackd_backup", "SIGKILL of conntrackd on the backup", 0.0),
    ]
    faults: list[Json] = [
        {
            "name": name,
            "title": title,
            "result": "ok",
            "checks": [*after, make_check("flows alive", "12 of 12", "12 of 12")],
            "seconds": round(rng.uniform(9, 40), 1),
            "note": "",
            "timeline": make_timeline(rng, gap, seconds=10),
        }
        for name, title, gap in table
    ]
    failed = make_timeline(rng, 13_000)
    faults.append(
        {
            "name": "split_brain",
            "title": "Both data legs are cut, and heal",
            "result": "failed",
            "checks": [*after[1:], make_check("primaries one detection time after healing", "1", "2")],
            "seconds": 31.4,
            "note": "",
            "timeline": failed,
        }
    )
    for name, title, note in [
        ("clock_skew", "The backup's clock jumps an hour", "the firewalls share the kernel's clock"),
        ("table_full", "The connection table is full", "nf_conntrack_max can't be written in a container"),
    ]:
        row: Json = {"name": name, "title": title, "result": "not applicable", "checks": [], "seconds": None}
        faults.append({**row, "note": note})
    return {
        "kind": "drill",
        "title": "Drill of the pair ftfw",
        "site": "native",
        "created": "2025-01-31T14:30:00+01:00",
        "machine": {"kernel": "6.1.0-35-amd64", "fw-1 keepalived": "2.2.7", "fw-2 keepalived": "2.2.7"},
        "faults": faults,
    }


@pytest.fixture
def bench() -> Json:
    return make_bench(timelines=8)


@pytest.fixture
def large_bench() -> Json:
    return make_bench()


@pytest.fixture
def drill() -> Json:
    return make_drill()
