# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures the pair of inventories/native under several settings, interleaved, and writes the results.

    python tools/bench keep PROFILE            keep what the roles have written as PROFILE
    python tools/bench run [--trials N] [--measure NAME]... [--profile NAME]...
    python tools/bench publish                 keep a run in docs/bench.json, and the tables in README, docs

./ftfw bench calls both; see docs/bench.md.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import signal
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import load_cases
import table
from cases import Trial
from catalogue import FIGURES, MEASURES, Measure
from lab import NODES, Lab, LabError
from profiles import OURS, PROFILES, VARIANTS, WRITTEN, Profiles

ROOT = Path(__file__).parents[2]
LOAD = Path(__file__).parent / "load.py"
ATTEMPTS = 2
"""A trial that the machine has spoilt (a host was not ready in time) is said to be, and done once more."""


def run_trial(
    lab: Lab, profiles: Profiles, measure: Measure, profile: str, number: int
) -> tuple[Trial, list[str]]:
    """Put the profile into force, and run one trial. Beside it, why it had to be done again."""
    spoilt: list[str] = []
    for attempt in range(1, ATTEMPTS + 1):
        try:
            primary = profiles.apply(profile)
            if measure.alternates:
                primary = load_cases.lead(lab, profile, NODES[(number - 1) % 2])
            return measure.run(lab, profile, primary), spoilt
        except LabError as error:
            print(f"    spoilt: {error}", flush=True)
            spoilt.append(str(error))
            if attempt == ATTEMPTS:
                raise
        finally:
            lab.end_all()
            for node in NODES:
                lab.links(node, "up")
    raise AssertionError


def verdict(
    name: str, profile: str, trials: list[float], medians: dict[tuple[str, str], float]
) -> bool | None:
    """Whether the figure's bounds are kept, by the median or by every trial; None where it has none."""
    figure = FIGURES[name]
    median = medians[name, profile]
    told: list[bool] = []
    limit = (figure.limit or {}).get(profile)
    if limit:
        judged = trials if figure.every else [median]
        told += [limit.get("min", value) <= value <= limit.get("max", value) for value in judged]
    reference = medians.get((name, figure.ratio["profile"])) if figure.ratio and profile in OURS else None
    # a run of some profiles only compares with none that it has not measured
    if figure.ratio and reference is not None:
        told.append(median <= figure.ratio["max"] * reference)
    return all(told) if told else None


def document(
    figures: dict[tuple[str, str], list[float]],
    notes: dict[tuple[str, str], list[str]],
    timelines: list[dict[str, Any]],
    lab: Lab,
) -> dict[str, Any]:
    """The document of docs/report.md."""
    medians = {key: statistics.median(trials) for key, trials in figures.items()}
    entries = []
    for (name, profile), trials in sorted(figures.items(), key=lambda item: list(FIGURES).index(item[0][0])):
        figure = FIGURES[name]
        compared = (
            figure.ratio if profile in OURS and ("manual" in {p for n, p in figures if n == name}) else None
        )
        entries.append(
            {
                "name": name,
                "title": figure.title,
                "profile": profile,
                "unit": figure.unit,
                "better": figure.better,
                "trials": trials,
                "median": medians[name, profile],
                "worst": max(trials) if figure.better == "lower" else min(trials),
                "limit": (figure.limit or {}).get(profile),
                "ratio_to": compared,
                "ok": verdict(name, profile, trials, medians),
                "note": "; ".join(notes.get((name, profile), [])),
            }
        )
    return {
        "kind": "bench",
        "title": "What a failover costs, by settings",
        "site": "native",
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "machine": machine(lab),
        "cases": entries,
        "timelines": timelines,
        "faults": [],
    }


def machine(lab: Lab) -> dict[str, Any]:
    """What the figures depend on."""
    model = [
        line.split(":")[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    versions = lab.run(
        "fw-1", "keepalived --version 2>&1 | head -1; conntrackd -v 2>&1 | head -1; nft --version"
    )
    keepalived, conntrackd, nft = versions.splitlines()[:3]
    return {
        "processors": os.cpu_count() or 0,
        "processor": model[0] if model else platform.machine(),
        "kernel": platform.release(),
        "keepalived": keepalived,
        "conntrackd": conntrackd,
        "nft": nft,
    }


def measure_all(lab: Lab, profiles: Profiles, chosen: argparse.Namespace) -> dict[str, Any]:
    """Run the trials: of one number all profiles one after the other, then the next number."""
    figures: dict[tuple[str, str], list[float]] = defaultdict(list)
    notes: dict[tuple[str, str], list[str]] = defaultdict(list)
    timelines: list[tuple[float, dict[str, Any]]] = []
    for host in ("client", "server"):
        lab.copy(host, LOAD, "/root/load.py")
    for measure in MEASURES:
        if chosen.measure and measure.name not in chosen.measure:
            continue
        for number in range(1, (chosen.trials or measure.trials) + 1):
            for profile in measure.among(chosen.profile):
                if not measure.wants(profile, number):
                    continue
                start = time.monotonic()
                trial, spoilt = run_trial(lab, profiles, measure, profile, number)
                told = ", ".join(f"{name} {value:g}" for name, value in trial.figures.items())
                print(
                    f"{measure.name} {number} {profile}: {told} ({time.monotonic() - start:.0f} s)",
                    flush=True,
                )
                for name, value in trial.figures.items():
                    figures[name, profile].append(value)
                    notes[name, profile] += [f"trial {number} done again: {why}" for why in spoilt]
                timelines += [
                    (trial.figures[timeline["case"]], {**timeline, "trial": number})
                    for timeline in trial.timelines
                ]
                # what was measured so far is there, whatever comes
                save(chosen.output, document(figures, notes, drawn(timelines, chosen.drawn), lab))
    return document(figures, notes, drawn(timelines, chosen.drawn), lab)


def drawn(timelines: Sequence[tuple[float, dict[str, Any]]], most: int) -> list[dict[str, Any]]:
    """Choose what is drawn of each case and profile: the worst trial, then the first ones; in their order."""
    groups: dict[tuple[str, str], list[tuple[float, dict[str, Any]]]] = defaultdict(list)
    for figure, one in timelines:
        groups[one["case"], one["profile"]].append((figure, one))
    chosen: list[int] = []
    for (case, _profile), group in groups.items():
        higher = FIGURES[case].better == "lower"
        worst = max(group, key=lambda pair: pair[0] if higher else -pair[0])[1]
        rest = [one for _figure, one in group if one is not worst]
        chosen += [id(one) for one in [worst, *rest][:most]]
    return [one for _figure, one in timelines if id(one) in chosen]


def save(path: Path, result: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(result, indent=1) + "\n")
    new.replace(path)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description="Measure the native pair.")
    parser.add_argument("--lab", default="bench", help="the lab_name of the containers")
    parser.add_argument("--folder", type=Path, default=ROOT / "build/bench")
    verbs = parser.add_subparsers(dest="verb", required=True)
    keep = verbs.add_parser("keep")
    keep.add_argument("profile_kept", choices=WRITTEN)
    verbs.add_parser("publish").add_argument("--run", type=Path, default=ROOT / "reports/bench.json")
    run = verbs.add_parser("run")
    run.add_argument("--trials", type=int, help="of each measure; by default 7 of most")
    run.add_argument("--drawn", type=int, default=2, help="trials drawn over time: the worst, then the first")
    run.add_argument("--measure", action="append", choices=[measure.name for measure in MEASURES])
    run.add_argument("--profile", action="append", choices=(*PROFILES, *VARIANTS))
    run.add_argument("--output", type=Path, default=ROOT / "reports/bench.json")
    run.add_argument("--dry-run", action="store_true", help="only check these, and say where results go")
    chosen = parser.parse_args()

    if chosen.verb == "publish":
        table.publish(chosen.run, ROOT / "docs/bench.json", ROOT / "README.md", ROOT / "docs/bench.md")
        return 0
    lab = Lab(f"ftfw-{chosen.lab}")
    profiles = Profiles(lab, chosen.folder / "profiles", [])
    if chosen.verb == "run":
        # a dry run comes before ./ftfw bench keeps ours
        needed = VARIANTS if chosen.dry_run else WRITTEN
        for profile in chosen.profile or PROFILES:
            if profile in needed and not profiles.kept(profile):
                parser.error(f"{profile} has not been kept: see docs/bench.md, Variants")
        if chosen.dry_run:
            print(chosen.output.resolve())
            return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    profiles.probe = json.loads((chosen.folder / "probes.json").read_text())["open"]
    if chosen.verb == "keep":
        profiles.keep(chosen.profile_kept)
        return 0
    try:
        result = measure_all(lab, profiles, chosen)
    except LabError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    finally:
        lab.end_all()
    failed = [f"{case['name']} ({case['profile']})" for case in result["cases"] if case["ok"] is False]
    for name in failed:
        print(f"not reached: {name}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
